import pytest

from experiments.atomic_write import write_atomically
from tests.experiments.disturbances import largest_file


def test_write_atomically_leaves_the_old_content_when_it_fails(tmp_path):
    file = tmp_path / "file.txt"
    write_atomically(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "new \ud800")
    with largest_file(2), pytest.raises(OSError, match="file.txt"):
        write_atomically(file, b"new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    write_atomically(file, b"new")
    assert file.read_text() == "new"
