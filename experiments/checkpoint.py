"""Exact resume: a training that is killed at any moment goes on as if it had not been."""

import csv
import json
import os
from pathlib import Path

import keras

from dncnn_keras.one_line import one_line
from dncnn_keras.weight_files import load_weights

_DAMAGED = "damaged; delete the folder that it lies in, or give this run another name"


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of a training after every epoch, and restores it.

    `keras.callbacks.BackupAndRestore` writes weights and epoch as two files, in place: killed
    between or within the two writes, a run resumes from a state that never was. Here one file
    holds model and optimizer, whose step counter tells the epoch; it is written under a temporary
    name and renamed, and the one before it is kept.

    Args:
        folder: Folder of the run; `checkpoint.weights.h5` and `settings.json` are made in it.
        settings: The run's resolved settings as a JSON-like dict. A run is never resumed under
            other settings.
        steps_per_epoch: Updates in an epoch.
        counter: Function of the model to the number of its updates, by default its optimizer's.

    Raises:
        ValueError: If the folder holds a run of other settings; the message names the key.
    """

    def __init__(self, folder, settings, steps_per_epoch, counter=None):
        super().__init__()
        self._counter = counter or (lambda model: int(model.optimizer.iterations.numpy()))
        self.folder = Path(folder)
        self.steps_per_epoch = steps_per_epoch
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "settings.json"
        if not file.exists():
            write_atomically(file, json.dumps(settings, indent=2) + "\n")
        try:
            before = {**json.loads(file.read_text(encoding="utf-8"))}
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"{file}: {_DAMAGED}") from None
        key = _first_difference(before, json.loads(json.dumps(settings)))
        if key:
            raise ValueError(
                f"{self.folder}: holds a run with another `{one_line(key)}`; "
                "delete that folder, or give this run another name"
            )

    @property
    def _current(self):
        return self.folder / "checkpoint.weights.h5"

    @property
    def _previous(self):
        return self.folder / "previous.weights.h5"

    def restore(self, model):
        """Restores the newest readable checkpoint into a compiled model.

        Returns:
            The number of epochs that are done, 0 where there is no checkpoint.

        Raises:
            ValueError: If there are checkpoints and none can be read.
        """
        files = [file for file in (self._current, self._previous) if file.exists()]
        for file in files:
            model.optimizer.build(model.trainable_variables)
            try:
                load_weights(model, file)
            except ValueError as error:
                print(f"{file}: damaged, trying the checkpoint before it ({error})")
                continue
            return self._counter(model) // self.steps_per_epoch
        if files:
            raise ValueError(f"{files[0]}: {_DAMAGED}")
        return 0

    def on_epoch_end(self, epoch, logs=None):
        """Saves model and optimizer."""
        new = self.folder / "new.weights.h5"
        self.model.save_weights(new, overwrite=True)
        if self._current.exists():
            os.replace(self._current, self._previous)
        os.replace(new, self._current)


def trim_log(file, epochs):
    """Drops the lines of a Keras CSV log that belong to epochs which will be run again."""
    if file.exists():
        try:
            with file.open(newline="", encoding="utf-8") as opened:
                header, *rows = list(csv.reader(opened)) or [[]]
            rows = [row for row in rows if len(row) == len(header) and int(row[0]) < epochs]
        except (ValueError, IndexError, csv.Error):
            raise ValueError(f"{file}: {_DAMAGED}") from None
        lines = [",".join(row) for row in ([header, *rows] if rows else [])]
        write_atomically(file, "".join(line + "\n" for line in lines))


def write_atomically(file, text):
    """Writes a text file so that it holds either its old or its new content, never a part."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _first_difference(old, new, path=""):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            found = _first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if old == new else path
