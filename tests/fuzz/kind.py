"""A kind of bad input: made from a seed, given to the program, and what comes of it counted."""

import contextlib
import io
import os
import random
import signal
import tempfile
import traceback
import warnings
from typing import NamedTuple

# Far beyond what any input needs, so that a busy machine is not taken for a hang.
SECONDS = 60
LONGEST_LINE = 1000


class Kind:
    """Base class: a subclass defines `name` and `make`.

    Args:
        folder: `Path` of an empty folder to work in.
    """

    name: str

    def __init__(self, folder):
        self.folder = folder

    def make(self, generator):
        """Makes an input.

        Args:
            generator: `random.Random`, on which alone the input depends.

        Returns:
            What is bad about the input, and a function without arguments that gives it to the
            program: it returns whether it was accepted, and raises whatever must not happen.
        """
        raise NotImplementedError

    def run(self, seeds):
        """Tries an input for each seed, and yields a `Trial` of each."""
        for seed in seeds:
            what, give = self.make(random.Random(seed))
            try:
                with _time_limit(), warnings.catch_warnings():
                    warnings.simplefilter("error", RuntimeWarning)
                    accepted = give()
            except (Exception, Hang):
                yield Trial(what, "failed", seed, traceback.format_exc(limit=-4))
            else:
                yield Trial(what, "accepted" if accepted else "refused", seed)


class Trial(NamedTuple):
    """What came of an input.

    Attributes:
        what: What was bad about it.
        outcome: "accepted", "refused" or "failed".
        seed: What it was made from.
        trace: Of a failure, the traceback.
    """

    what: str
    outcome: str
    seed: int
    trace: str = ""


class Hang(BaseException):
    """Took too long; no `Exception`, so that no handler of the program swallows it."""


def run_command(main, *arguments):
    """Runs a command line in this process.

    Returns:
        The exit code, and all that was printed to standard error, by C libraries as well.
    """
    with tempfile.TemporaryFile("w+", errors="backslashreplace") as captured:
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            with contextlib.redirect_stderr(captured), contextlib.redirect_stdout(io.StringIO()):
                code = main([str(argument) for argument in arguments])
        finally:
            captured.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
        captured.seek(0)
        return code, captured.read()


def check_line(message, *beginnings):
    """Checks that a message is one clear line that says where the mistake is."""
    assert message.startswith(tuple(map(str, beginnings))), message[:LONGEST_LINE]
    assert message.isprintable() and len(message) <= LONGEST_LINE, repr(message[:LONGEST_LINE])


@contextlib.contextmanager
def _time_limit():
    def stop(number, frame):
        raise Hang(f"took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
