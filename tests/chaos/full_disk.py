"""A training that finds its disk full, and is started again when there is room."""

import contextlib
import errno
import os
import subprocess

from tests.chaos.kind import Lost
from tests.chaos.training import Training

PAGE = 4096


class FullDisk(Training):
    """A small disk of its own, a tmpfs; to mount it takes the rights of root."""

    name = "full disk"
    at_start = False

    @contextlib.contextmanager
    def place(self):
        """See `Kind.place`; raises a `CalledProcessError` where nothing can be mounted."""
        with super().place() as folder:
            command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
            subprocess.run(command, check=True, capture_output=True)
            try:
                yield folder
            finally:
                subprocess.run(["umount", str(folder)], check=True)

    def strike(self, process, folder, generator):
        """See `Kind.strike`: fills the disk but for a page or two."""
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(PAGE))
            file.truncate(max(0, filler.stat().st_size - PAGE * generator.randrange(3)))
        code = process.wait()
        filler.unlink()
        error = process.read_stderr()
        told = error.startswith("error: runs/trial/") and error.count("\n") == 1
        if code != 0 and not (code == 2 and told and os.strerror(errno.ENOSPC) in error):
            raise Lost(f"exit code {code} on a full disk: {error}")
