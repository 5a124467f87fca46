import errno
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dncnn_keras.paths import cache_dir
from dncnn_keras.scratch_folder import ScratchFolder


def test_a_folder_goes_with_its_owner():
    scratch = ScratchFolder()
    scratch.write("a", b"pixels")
    path = scratch.path
    assert (path / "a").read_bytes() == b"pixels" and cache_dir() in path.parents
    del scratch
    gc.collect()
    assert not path.exists()


def _start(what):
    """Starts a process that makes a folder with a file, and returns it with the folder."""
    code = (
        "import sys; from dncnn_keras.scratch_folder import ScratchFolder\n"
        "scratch = ScratchFolder(); scratch.write('a', b'pixels')\n"
        f"print(scratch.path, flush=True); {what}"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_a_folder_goes_when_its_process_ends():
    process, path = _start("sys.exit(3)")
    assert process.wait() == 3
    assert path.parent == cache_dir() / "scratch" and not path.exists()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_needs_is_not():
    killed, left = _start("__import__('time').sleep(60)")
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and (left / "a").exists()
    living, needed = _start("__import__('time').sleep(60)")
    try:
        assert (needed / "a").exists() and not left.exists()
        ScratchFolder()
        assert (needed / "a").exists()
    finally:
        living.kill()
        living.wait()


def test_a_full_disk_is_told_by_its_folder(monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    scratch = ScratchFolder()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as error:
        scratch.write("a", b"pixels")
    assert error.value.filename == str(cache_dir())
