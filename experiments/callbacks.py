"""Callbacks of all trainings."""

import time

import keras
import numpy as np


class Stopwatch(keras.callbacks.Callback):
    """Adds the seconds that an epoch's updates took to the log, validation left out."""

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._started, self._seconds = time.monotonic(), 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Reads it."""
        self._seconds = time.monotonic() - self._started

    def on_epoch_end(self, epoch, logs=None):
        """Writes what was read last."""
        logs["seconds"] = round(self._seconds, 3)


class Validation(keras.callbacks.Callback):
    """Adds what a validation measures to the log.

    It takes the place of Keras's own, whose batches several devices share: here a batch would be
    a single image, since images differ in size.

    Args:
        measure: Function without arguments to a dict of numbers.
        names: What they are called. In the log each has `val_` before its name.
        every: Epochs between two validations.

    Attributes:
        columns: Their names in the log.
    """

    def __init__(self, measure, names, every):
        super().__init__()
        self._measure = measure
        self._every = every
        self.columns = [f"val_{name}" for name in names]

    def on_epoch_end(self, epoch, logs=None):
        """Validates in its turn."""
        if (epoch + 1) % self._every == 0:
            logs.update({f"val_{name}": value for name, value in self._measure().items()})


class StopOnNaN(keras.callbacks.Callback):
    """Stops before a ruined state could replace the last good checkpoint."""

    def on_epoch_end(self, epoch, logs=None):
        """Raises where a loss or a weight is not finite."""
        for name in ("loss", "meta_loss"):
            if not np.isfinite(logs.get(name, 0)):
                self._stop(f"the loss became {logs[name]}", epoch)
        # No loss has seen yet what the epoch's last update has made of the weights.
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            self._stop("weights became NaN or infinite", epoch)

    def _stop(self, what, epoch):
        raise FloatingPointError(
            f"{what} in epoch {epoch + 1}; the checkpoint before it is kept: lower "
            "optimizer.learning_rate and start the run under another name"
        )
