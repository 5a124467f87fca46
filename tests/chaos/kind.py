"""A kind of disaster: an experiment, what it leaves, and what happens to it while it runs."""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import h5py

SETTINGS = "trial.yaml"


class Lost(Exception):
    """After a disaster the experiment did not go on as it has to."""


class Kind:
    """Base class: a subclass defines the attributes without a value, `progress` and `results`.

    Attributes:
        name: What it is called in the figures.
        experiment: Text of the experiment file.
        units: How far `progress` comes.
        setback: By how many units a disaster may throw the experiment back.
        at_start: Whether it may happen before the experiment has begun its work.
        command: What is run.
    """

    name: str
    experiment: str
    units: int
    setback = 1
    at_start = True
    command = (sys.executable, "-m", "experiments", "run", SETTINGS)

    @contextlib.contextmanager
    def place(self):
        """Makes an empty folder in which the experiment is run, and removes it."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def prepare(self, folder):
        """Writes what the experiment needs."""
        (folder / SETTINGS).write_text(self.experiment)

    def progress(self, folder):
        """Counts what is kept of the experiment's work."""
        raise NotImplementedError

    def results(self, folder):
        """Returns all that must be the same after an undisturbed run, in a form to compare."""
        raise NotImplementedError

    def strike(self, process, folder, generator):
        """Does it to the running process, and returns when that has ended: a SIGKILL.

        Args:
            process: The `Process`.
            folder: `Path` of its folder.
            generator: `random.Random`.

        Raises:
            Lost: If the process did not end as it has to.
        """
        process.kill()
        process.wait()


def read_weights(file):
    """Returns the arrays of a weight file by name, as bytes."""
    arrays = {}

    def read(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].tobytes()

    with h5py.File(file) as opened:
        opened.visititems(read)
    return arrays


def read_json(file, keys):
    """Returns those values of a JSON file that do not depend on when and where it was made."""
    content = json.loads(file.read_text(encoding="utf-8"))
    return {key: content[key] for key in keys}


def count_rows(log):
    """Counts the whole lines of a CSV log, without its header."""
    try:
        return max(0, log.read_bytes().count(b"\n") - 1)
    except FileNotFoundError:
        return 0
