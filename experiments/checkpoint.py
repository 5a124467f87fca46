"""Exact resume: a training that is killed at any moment goes on as if it had not been."""

import hashlib
import json
import os
from pathlib import Path

import keras

from dncnn_keras.one_line import one_line
from dncnn_keras.weight_files import load_weights, weights_as_bytes
from experiments.atomic_write import write_atomically
from experiments.kept_results import DAMAGED_RUN, changed_setting

_SEAL = hashlib.sha256


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of a training after every epoch, and restores it.

    `keras.callbacks.BackupAndRestore` writes weights and epoch as two files, in place: killed
    between or within the two writes, a run resumes from a state that never was. Here one file
    holds model and optimizer, whose step counter tells the epoch; it is written under a temporary
    name and renamed, and the one before it is kept. It ends with its own SHA-256, which HDF5 passes
    over, for HDF5 does not notice a changed weight.

    Args:
        folder: Folder of the run; `checkpoint.weights.h5` and `settings.json` are made in it.
        experiment: What the run is, instance of a subclass of `pydantic.BaseModel`. A run is never
            resumed under other settings.
        steps_per_epoch: Updates in an epoch.
        counter: Function of the model to the number of its updates, by default its optimizer's.
        writes: Whether this process writes; of several workers one does, and all read.

    Raises:
        ValueError: If the folder holds a run of other settings; the message names the key.
    """

    def __init__(self, folder, experiment, steps_per_epoch, counter=None, writes=True):
        super().__init__()
        self._counter = counter or (lambda model: int(model.optimizer.iterations.numpy()))
        self.folder = Path(folder)
        self.steps_per_epoch = steps_per_epoch
        self._current_is_good = False
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "settings.json"
        if not file.exists():
            if not writes:
                return
            write_atomically(file, experiment.model_dump_json(indent=2) + "\n")
        try:
            before = {**json.loads(file.read_text(encoding="utf-8"))}
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"{file}: {DAMAGED_RUN}") from None
        key = changed_setting(before, experiment)
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
                _check_seal(file)
                load_weights(model, file)
            except ValueError as error:
                print(f"{file}: damaged, trying the checkpoint before it ({error})")
                continue
            self._current_is_good = file == self._current
            return self._counter(model) // self.steps_per_epoch
        if files:
            raise ValueError(f"{files[0]}: {DAMAGED_RUN}")
        return 0

    def on_epoch_end(self, epoch, logs=None):
        """Saves model and optimizer.

        Raises:
            OSError: If the disk is full; the checkpoints of before are kept.
        """
        new = self.folder / "new.weights.h5"
        content = weights_as_bytes(self.model)
        try:
            new.write_bytes(content + _SEAL(content).digest())
        except OSError as error:
            error.filename = str(self._current)
            new.unlink(missing_ok=True)
            raise
        if self._current_is_good:
            os.replace(self._current, self._previous)
        os.replace(new, self._current)
        self._current_is_good = True


def _check_seal(file):
    size = _SEAL().digest_size
    content = file.read_bytes()
    if _SEAL(content[:-size]).digest() != content[-size:]:
        raise ValueError("its checksum differs")
