"""What becomes of a photograph's mask while its network is trained."""

import cv2
import keras
import numpy as np

from dncnn_keras.images import from_float
from experiments.atomic_write import write_atomically

_COUNT = 6


class MaskPictures(keras.callbacks.Callback):
    """Writes a photograph's mask before a training and at evenly spaced epochs of it.

    A training that is resumed writes those that are left.

    Args:
        denoiser: The `meta_aux.RealDenoiser` that is trained; it has a mask network.
        noisy: Float32 array of shape `(height, width, 3)` in [0, 1].
        folder: `Path` of the run, where `mask-<updates>.png` are written.
        training: The run's `schema.Budget`.
    """

    def __init__(self, denoiser, noisy, folder, training):
        super().__init__()
        self._denoiser, self._noisy, self._folder = denoiser, noisy, folder
        self._epoch_updates = training.epoch
        epochs = training.steps // training.epoch
        self._epochs = set(np.linspace(0, epochs, _COUNT).round().astype(int).tolist())

    def on_train_begin(self, logs=None):
        """Writes the mask of the network that is trained from here."""
        if self.model.optimizer.iterations.numpy() == 0:
            self._write(0)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the mask in its turn."""
        if epoch + 1 in self._epochs:
            self._write(epoch + 1)

    def _write(self, epoch):
        mask = np.array(self._denoiser.predict_mask(self._noisy[None]))[0, ..., 0]
        _, png = cv2.imencode(".png", from_float(mask, np.uint8))
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._folder / f"mask-{epoch * self._epoch_updates}.png", png.tobytes())


def mask_pictures(folder):
    """Reads what `MaskPictures` wrote.

    Args:
        folder: `Path` of a run.

    Returns:
        Dict of the number of updates to the mask, a uint8 array; empty where there are none.
    """
    files = {int(file.stem.removeprefix("mask-")): file for file in folder.glob("mask-*.png")}
    masks = {updates: cv2.imread(str(files[updates]), 0) for updates in sorted(files)}
    return {updates: mask for updates, mask in masks.items() if mask is not None}
