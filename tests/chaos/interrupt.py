"""Ctrl-C in a training."""

import signal

from tests.chaos.kind import Lost
from tests.chaos.training import Training


class Interrupt(Training):
    """The training ends cleanly, and says how to go on."""

    name = "Ctrl-C"
    at_start = False

    def strike(self, process, folder, generator):
        """See `Kind.strike`."""
        process.send_signal(signal.SIGINT)
        code, error = process.wait(), process.read_stderr()
        if code != 0 and (code, error.strip().partition(";")[0]) != (130, "stopped"):
            raise Lost(f"exit code {code} after Ctrl-C: {error}")
