"""What disturbs a run, for tests of how it goes on."""

import contextlib
import resource

import pytest

from experiments.checkpoint import Checkpoint


@contextlib.contextmanager
def killed_after_an_epoch(error=RuntimeError):
    """Every training dies of an error once its first checkpoint is written."""
    save = Checkpoint.on_epoch_end

    def save_and_die(self, epoch, logs=None):
        save(self, epoch, logs)
        raise error("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", save_and_die)
        yield


@contextlib.contextmanager
def largest_file(size):
    """Files cannot grow beyond a size in bytes: what a full disk does, for any user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
