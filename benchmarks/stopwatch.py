"""How a function is timed."""

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
