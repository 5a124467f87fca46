"""Files of a process in the cache folder, which go when they are no longer needed."""

import contextlib
import fcntl
import shutil
import tempfile
import weakref
from pathlib import Path

from dncnn_keras.paths import cache_dir

_LOCK = "lock"


class ScratchFolder:
    """A folder that is removed with this object, or when its process ends.

    A process that is killed leaves its folder behind, and the next one that makes a folder removes
    it: while its owner lives, the system holds a lock on it.

    Attributes:
        path: `Path` of the folder.

    Raises:
        OSError: If the cache folder cannot be written.

    Example:

    >>> scratch = ScratchFolder()
    >>> scratch.write("0", b"pixels")
    >>> (scratch.path / "0").read_bytes()
    b'pixels'
    """

    def __init__(self):
        parent = cache_dir() / "scratch"
        parent.mkdir(parents=True, exist_ok=True)
        with _locked(parent):  # until its own lock is held, a folder looks as if left behind
            _remove_leftovers(parent)
            self.path = Path(tempfile.mkdtemp(dir=parent))
            held = contextlib.ExitStack()
            held.enter_context(_locked(self.path))
        weakref.finalize(self, _remove, self.path, held)

    def write(self, name, content):
        """Writes a file.

        Args:
            name: Name of the file.
            content: Bytes, or an array in C order.

        Raises:
            OSError: If the disk is full; its `filename` is the cache folder.
        """
        try:
            (self.path / name).write_bytes(content)
        except OSError as error:
            error.filename = str(cache_dir())
            raise


@contextlib.contextmanager
def _locked(folder, flags=fcntl.LOCK_EX):
    with open(folder / _LOCK, "w") as file:
        fcntl.flock(file, flags)
        yield


def _remove_leftovers(parent):
    for folder in parent.iterdir():
        if folder.name != _LOCK:
            with contextlib.suppress(OSError):  # its owner lives, or it is another user's
                with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    pass
                shutil.rmtree(folder)


def _remove(path, held):
    held.close()
    shutil.rmtree(path, ignore_errors=True)
