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


class StopOnNaN(keras.callbacks.Callback):
    """Stops before a ruined state could replace the last good checkpoint."""

    def on_epoch_end(self, epoch, logs=None):
        """Raises where the loss is not finite."""
        bad = [loss for loss in (logs["loss"], logs.get("meta_loss", 0)) if not np.isfinite(loss)]
        if bad:
            raise FloatingPointError(
                f"the loss became {bad[0]} in epoch {epoch + 1}; the checkpoint before it is "
                "kept: lower optimizer.learning_rate and start the run under another name"
            )
