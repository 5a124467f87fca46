import errno
import io
import os

import numpy as np
import pytest

from dncnn_keras.mapped_file import MappedFile
from dncnn_keras.paths import cache_dir


def test_the_bytes_stay_when_the_file_has_gone():
    with MappedFile() as file:
        for each in (np.arange(6, dtype=np.uint8).reshape(2, 3), np.zeros(2, np.uint8)):
            file.add(each.T)
        mapped = file.array()
    np.testing.assert_array_equal(mapped, [0, 3, 1, 4, 2, 5, 0, 0])
    mapped[0] = 9
    assert mapped[0] == 9
    assert list(cache_dir().iterdir()) == []


def test_a_full_disk_is_told_by_its_folder(monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with MappedFile() as file, pytest.raises(OSError, match="No space left") as error:
        monkeypatch.setattr(file, "_file", Full())
        file.add(np.zeros(3, np.uint8))
    assert error.value.filename == str(cache_dir())
