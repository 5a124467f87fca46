"""Curves of finished runs, kept until the comparison that they belong to is complete."""

import hashlib
import io
import json
import shutil

import numpy as np

from experiments.atomic_write import write_atomically
from experiments.provenance import provenance


class KeptCurves:
    """Curves in files, from which a comparison that was stopped goes on.

    A curve is found by all that decides it, and by what computed it: after a change of the
    program or of a library it is computed anew, so that one table never mixes two programs.

    Args:
        folder: `Path` of the files.
        settings: JSON-like dict of what decides all the curves.

    Example:

    >>> kept = KeptCurves(Path("runs/figure3"), {"steps": 100})
    >>> curve = kept.get({"optimizer": "adam", "seed": 7})
    """

    def __init__(self, folder, settings):
        self._folder = folder
        made_by = {key: value for key, value in provenance().items() if key != "date"}
        self._settings = {"settings": settings, "made_by": made_by}

    def get(self, run):
        """Returns a run's curve, an array, or `None`.

        Args:
            run: JSON-like dict of what decides this curve and no other.

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

    def put(self, run, curve):
        """Keeps a run's curve, see `get`."""
        content = io.BytesIO()
        np.save(content, curve)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file(run), content.getvalue())

    def clear(self):
        """Deletes all of them, once they are part of a result."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, run):
        text = json.dumps({**self._settings, "run": run}, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
