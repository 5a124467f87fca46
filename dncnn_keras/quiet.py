"""Loads TensorFlow without its start-up notices."""

import os
import sys
import tempfile

_NOTICES = (
    "WARNING: All log messages before absl::InitializeLog()",
    "I0000 ",
    "To enable the following instructions",
)


def import_tensorflow():
    """Imports TensorFlow, dropping the notices that it prints on every start.

    The notices come from C++ before any logging setting is read, so they are filtered from the
    standard error of the import itself; everything else printed there still comes through.
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
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured:
                if not line.startswith(_NOTICES):
                    sys.stderr.write(line)
