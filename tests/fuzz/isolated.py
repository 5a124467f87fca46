"""Tries inputs in a process of their own: one on which it dies costs no more than itself."""

import contextlib
import faulthandler
import multiprocessing
import os
import resource
import signal
import tempfile
from pathlib import Path

from dncnn_keras.quiet import import_tensorflow
from tests.fuzz.kind import SECONDS, Trial

# An input for which the program asks for more is a failure, and not the end of the machine.
MEMORY = 16 * 2**30


def run_isolated(kind, seeds):
    """Yields a `Trial` of each seed of the kind of that name."""
    context = multiprocessing.get_context("spawn")
    seeds = list(seeds)
    while seeds:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(kind, seeds, sender))
        process.start()
        sender.close()
        with contextlib.suppress(EOFError):
            while receiver.poll(10 * SECONDS):  # a hang that its own alarm does not reach
                trial = receiver.recv()
                seeds.remove(trial.seed)
                yield trial
            process.kill()
        process.join()
        if seeds:
            code = process.exitcode
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            yield Trial("(the process died)", "failed", seeds.pop(0), f"the process died: {how}")


def _work(kind, seeds, sender):
    faulthandler.enable(os.dup(2))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image decoders and TensorFlow print to it
    _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard_limit))
    import_tensorflow()
    from tests.fuzz.kinds import KINDS

    with tempfile.TemporaryDirectory() as folder:
        for trial in KINDS[kind](Path(folder)).run(seeds):
            sender.send(trial)
