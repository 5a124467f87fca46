"""What to do with files that cannot be read: `unreadable="fail"` or `"skip"`."""

import sys
from typing import Literal

from dncnn_keras.one_line import one_line

Unreadable = Literal["fail", "skip"]


def check_unreadable(unreadable):
    """Raises a `ValueError` unless it is `"fail"` or `"skip"`."""
    if unreadable not in ("fail", "skip"):
        raise ValueError(f"unreadable must be 'fail' or 'skip', got {unreadable!r}")


def fail_or_skip(unreadable, what, error):
    """Raises a `ValueError`, or says on stderr that something is left out.

    Args:
        unreadable: `"fail"` or `"skip"`.
        what: What is left out, `"a.png"`.
        error: The exception that a file caused, which names it.
    """
    if unreadable == "fail":
        raise ValueError(
            f"{error}; replace the file, or leave it out by unreadable='skip' "
            "(data.unreadable in an experiment file)"
        ) from error
    print(one_line(f"note: {what} is left out: {error}"), file=sys.stderr)
