import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.memory import keep_freed_memory

ROOT = Path(__file__).parent.parent.parent

# Resident pages after 64 MiB were allocated, written and freed, less those before.
PROGRAM = """
import ctypes, os, sys
from experiments.memory import keep_freed_memory

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

if sys.argv[1] == "keep":
    keep_freed_memory()
before = resident()
memory = library.malloc(ctypes.c_size_t(2**26))
ctypes.memset(memory, 1, 2**26)
library.free(ctypes.c_void_p(memory))
print((resident() - before) * os.sysconf('SC_PAGE_SIZE') / 2**26)
"""


def _is_glibc():
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not _is_glibc(), reason="the C library is not glibc")
def test_freed_memory_stays_with_the_process():
    kept, returned = (
        float(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, mode],
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for mode in ("keep", "return")
    )
    assert returned < 0.1 < 0.9 < kept


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_does_nothing_where_there_is_no_c_library(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert keep_freed_memory() is None


def test_does_nothing_where_the_c_library_is_another(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory() is None
