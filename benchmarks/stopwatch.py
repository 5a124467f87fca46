"""How a function is timed."""

import math
import time


def seconds_per_call(function, least_seconds=5.0, warm_up=3):
    """Calls a function for a while and returns the mean time of a call.

    Args:
        function: Function without arguments that returns only when its work is done.
        least_seconds: How long to go on calling it.
        warm_up: Calls that are not counted (tracing, caches).

    Returns:
        Seconds a call.
    """
    for _ in range(warm_up):
        function()
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < least_seconds:
        function()
        calls += 1
    return elapsed / calls


def seconds_in_turns(functions, rounds=3, least_seconds=3.0):
    """Times functions in turns, so that a change of the machine's pace meets all of them.

    Args:
        functions: Dict of functions as for `seconds_per_call`.
        rounds: Number of turns of each.
        least_seconds: Length of a turn.

    Returns:
        Dict of the seconds a call in the best turn of each.
    """
    seconds = dict.fromkeys(functions, math.inf)
    for _ in range(rounds):
        for name, function in functions.items():
            turn = seconds_per_call(function, least_seconds, warm_up=2)
            seconds[name] = min(seconds[name], turn)
    return seconds
