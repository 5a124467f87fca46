"""Arrays that finished runs brought, kept until the comparison they belong to is complete."""

import contextlib
import hashlib
import io
import json

import numpy as np

from experiments.atomic_write import write_atomically
from experiments.provenance import hash_of_program, provenance


class KeptRuns:
    """Arrays in files, from which a comparison that was stopped goes on.

    An array is found by all that decides it, and by what computed it: after a change of the
    program, of a library or of the machine it is computed anew, so that no table mixes two.

    Args:
        folder: `Path` of the files; no others are to be in it.
        settings: JSON-like dict of what decides all the arrays.

    Example:

    >>> kept = KeptRuns(Path("runs/figure3/kept"), {"steps": 100})
    >>> curve = kept.get({"optimizer": "adam", "seed": 7})
    """

    def __init__(self, folder, settings):
        self._folder = folder
        made_by = {key: value for key, value in provenance().items() if key != "date"}
        made_by["revision"] = hash_of_program()  # known without git, and of uncommitted changes
        self._decisive = {"settings": settings, "made_by": made_by}

    def get(self, run):
        """Returns what a run has brought, an array, or `None`.

        Args:
            run: JSON-like dict of what decides this run and no other.

        Raises:
            ValueError: If the file is damaged.
        """
        file = self._file(run)
        if not file.exists():
            return None
        try:
            return np.load(file, allow_pickle=False)
        except (ValueError, EOFError):
            raise ValueError(f"{file}: damaged; delete it, and it is computed again") from None

    def put(self, run, array):
        """Keeps what a run has brought, see `get`."""
        content = io.BytesIO()
        np.save(content, array)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file(run), content.getvalue())

    def clear(self):
        """Deletes all of them, once they are part of a result, and the folders they leave empty."""
        if self._folder.is_dir():
            for file in self._folder.glob("*.npy*"):  # what a kill has left unfinished, too
                file.unlink()
            with contextlib.suppress(OSError):  # where there is something else in them
                self._folder.rmdir()
                self._folder.parent.rmdir()

    def _file(self, run):
        text = json.dumps({**self._decisive, "run": run}, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
