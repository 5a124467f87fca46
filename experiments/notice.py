"""Notices that nobody should overlook."""

import sys


def print_notice(text):
    """Prints text to the standard error, set off and with a mark before each of its lines."""
    lines = text.replace("\n", "\n  !!  ")
    print(f"\n  !!  {lines}\n", file=sys.stderr, flush=True)
