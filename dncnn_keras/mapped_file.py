"""Bytes in a file that is mapped into memory, for what may be larger than the memory."""

import tempfile

import numpy as np

from dncnn_keras.paths import cache_dir


class MappedFile:
    """A file in the cache folder that has no name, so that it goes when its process does.

    The system reads a page of it when it is used, and drops pages when it needs their memory. What
    was mapped stays when the file is closed, at the end of a `with`.

    Raises:
        OSError: If the cache folder cannot be written.

    Example:

    >>> with MappedFile() as file:
    ...     file.add(np.zeros((2, 3), "uint8"))
    ...     file.array().shape
    (6,)
    """

    def __init__(self):
        cache_dir().mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=cache_dir())  # noqa: SIM115, see __exit__

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *error):
        """Closes the file."""
        self._file.close()

    def add(self, array):
        """Adds the bytes of a uint8 array.

        Raises:
            OSError: If the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(array).data)
            self._file.flush()
        except OSError as error:
            error.filename = str(cache_dir())
            raise

    def array(self):
        """Maps all bytes, at least one, as a uint8 array; what is changed in it stays in memory."""
        return np.asarray(np.memmap(self._file, np.uint8, "c"))
