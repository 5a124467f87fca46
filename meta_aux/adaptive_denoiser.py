"""The real-noise network behind the contract that every denoiser keeps."""

import tensorflow as tf

from dncnn_keras.denoisers.denoiser import Denoiser
from meta_aux.adaptation import adapt
from meta_aux.pretrained import load_pretrained
from meta_aux.real_denoiser import RealDenoiser


class AdaptiveDenoiser(Denoiser):
    """Denoises photographs with a `RealDenoiser`, adapted to each of them or not.

    `dncnn_keras.denoise` and the command `dncnn-keras denoise` know the released weights as
    `real-mtl` (without adaptation) and `real-mtl-adapted`, and take the path of a weight file.

    Args:
        model: A `RealDenoiser`.
        steps: Steps of adaptation to each image, 0 for none.

    Example:

    >>> denoiser = AdaptiveDenoiser(load_pretrained("real-mtl"))
    >>> clean = denoiser(noisy[None])
    """

    def __init__(self, model: RealDenoiser, steps: int = 5):
        self.model = model
        self.steps = steps
        self.name = f"{model.name}, adapted" if steps else model.name

    def adapted(self):
        """Returns a denoiser with the same weights that adapts to each image."""
        return AdaptiveDenoiser(self.model)

    def denoise_batch(self, noisy, sigma):
        """Denoises a checked batch of images; the noise level is not needed."""
        channels = self.model.network.channels
        if noisy.shape[-1] != channels:
            raise ValueError(
                f"{self.name}: needs images of {channels} channel(s), got {noisy.shape[-1]}; "
                "dncnn-blind takes grey and colour"
            )
        try:
            return adapt(self.model, noisy, self.steps)
        except tf.errors.ResourceExhaustedError as error:
            instead = "leave out the adaptation, or cut" if self.steps else "cut"
            raise MemoryError(
                f"{self.name}: too little memory for {noisy.shape[2]}x{noisy.shape[1]} pixels; "
                f"{instead} the image into parts"
            ) from error


def of_weights(name):
    """Makes the denoiser of released weights, or of a `.weights.h5` file, without adaptation."""
    return AdaptiveDenoiser(load_pretrained(name), steps=0)


def real_mtl():
    """Makes the denoiser `real-mtl`."""
    return of_weights("real-mtl")


def real_mtl_adapted():
    """Makes the denoiser `real-mtl-adapted`."""
    return real_mtl().adapted()
