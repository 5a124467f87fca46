"""Keeps what C and C++ libraries print from the user: notices, and complaints about bad files."""

import contextlib
import os
import re
import sys
import tempfile
import threading

_NOTICES = re.compile(
    r"WARNING: All log messages before absl::InitializeLog\(\)"
    r"|I0000 "
    r"|To enable the following instructions"
    # TensorFlow's way of saying that there is no GPU.
    r"|E0000 .*failed call to cuInit"
)


def import_tensorflow():
    """Imports TensorFlow, dropping the notices that it prints on every start.

    The notices come from C++ before any logging setting is read, so they are filtered from the
    standard error of the import and of the first look for GPUs; everything else printed there
    still comes through.
    """
    if "tensorflow" in sys.modules:
        return
    try:
        stderr = os.dup(2)
    except OSError:  # no standard error to keep quiet
        return
    with tempfile.TemporaryFile("w+", errors="replace") as captured:
        os.dup2(captured.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured:
                if not _NOTICES.match(line):
                    sys.stderr.write(line)


_silence = threading.Lock()
_silenced = 0  # `with` blocks that have not ended; of several threads' the first and the last count
_stderr: int | None = None


@contextlib.contextmanager
def stderr_silenced():
    """Silences the image decoders, which print their own lines about a damaged file.

    Whatever else of the process prints to standard error is silenced, too.

    Example:

    >>> with stderr_silenced():
    ...     pixels, _ = read_image("damaged.png")
    """
    global _silenced, _stderr
    with _silence:
        _silenced += 1
        if _silenced == 1:
            _stderr = _redirect_stderr()
    try:
        yield
    finally:
        with _silence:
            _silenced -= 1
            if not _silenced and _stderr is not None:
                os.dup2(_stderr, 2)
                os.close(_stderr)


def _redirect_stderr():
    """Sends it nowhere, and returns what it was; `None` where there is none."""
    try:
        stderr = os.dup(2)
    except OSError:
        return None
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    return stderr
