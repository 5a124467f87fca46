"""Keeps two processes apart that would overwrite each other's files."""

import contextlib
import fcntl


@contextlib.contextmanager
def alone(folder):
    """Keeps other processes away from a folder while a `with` block lasts.

    Args:
        folder: `Path` of a run or results, made where it is missing; a file `lock` is left in it.

    Raises:
        RuntimeError: If another process is at work there.

    Example:

    >>> with alone(RUNS / "mine"):
    ...     train()
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{folder}: another process is at work on this run") from None
        except OSError:  # a file system without locks: there nobody can be told apart
            pass
        yield
