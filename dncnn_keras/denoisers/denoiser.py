"""The contract that every denoiser keeps, learned or classical."""

import numbers
import reprlib

import numpy as np

from dncnn_keras.images import from_float, to_float
from dncnn_keras.progress import track

# Noise of sigma 255, the largest, leaves [0, 1] by less; grey levels of 255 leave it by far more.
LARGEST = 10


class Denoiser:
    """Base class: `denoiser(noisy, sigma=None) -> clean`.

    Images are float32 arrays of shape `(batch, height, width, channels)`. The noisy ones are
    not clipped, so they may leave [0, 1]; the clean ones are the method's own output, clipped
    by whoever measures or stores them. `sigma` is the noise's standard deviation in grey levels
    of 255 (25 means 25/255); blind denoisers ignore it, the others refuse `None`.

    A subclass defines `name`, `needs_sigma` and `denoise_image`, which sees one 2-D channel at a
    time, or overrides `denoise_batch` where it can do better than that.
    """

    name: str
    needs_sigma = False

    def __call__(self, noisy: np.ndarray, sigma: float | None = None) -> np.ndarray:
        """Denoises a batch of images.

        Args:
            noisy: float32 array of shape `(batch, height, width, channels)`, unclipped.
            sigma: Noise standard deviation in grey levels, 0 to 255, or `None` where it is unknown.

        Returns:
            float32 array of the same shape.

        Raises:
            ValueError: If `noisy` is not of floats, has another rank, holds NaN or infinite values
                or leaves [0, 1] by far, or if `sigma` is not in its range or missing where the
                method needs it.
            FloatingPointError: If NaN or infinite values come out.
        """
        noisy = checked(noisy, self.name)
        if noisy.ndim != 4:
            raise ValueError(
                f"{self.name}: expected images of shape (batch, height, width, channels), "
                f"got {noisy.shape}"
            )
        if self.needs_sigma and sigma is None:
            raise ValueError(f"{self.name}: needs the noise level sigma (grey levels of 255)")
        if sigma is not None and not (isinstance(sigma, numbers.Real) and 0 <= sigma <= 255):
            got = reprlib.repr(sigma)
            raise ValueError(f"{self.name}: sigma must be a number from 0 to 255, got {got}")
        clean = np.asarray(self.denoise_batch(noisy, sigma), np.float32)
        if not np.isfinite([clean.min(), clean.max()]).all():
            raise FloatingPointError(f"{self.name}: returned NaN or infinite values")
        return clean

    def denoise_pixels(self, pixels: np.ndarray, sigma: float | None = None) -> np.ndarray:
        """Denoises a batch of images as they lie in files.

        Args:
            pixels: uint8 or uint16 array of shape `(batch, height, width, channels)`.
            sigma: As for a call.

        Returns:
            Array of the same shape and dtype: clipped and rounded.

        Raises:
            ValueError, FloatingPointError: As a call does.
        """
        return from_float(self(to_float(pixels), sigma), pixels.dtype)

    def denoise_batch(self, noisy, sigma):
        """Denoises a checked batch, here channel by channel with `denoise_image`."""
        clean = np.empty_like(noisy)
        channels = list(np.ndindex(noisy.shape[0], noisy.shape[3]))
        for image, channel in track(channels, f"{self.name}, channels"):
            clean[image, :, :, channel] = self.denoise_image(noisy[image, :, :, channel], sigma)
        return clean

    def denoise_image(self, noisy, sigma):
        """Denoises one float32 image of shape `(height, width)`."""
        raise NotImplementedError(f"{type(self).__name__} defines neither method")


def checked(noisy, name):
    """Returns noisy images as float32, once sure that their values are such.

    Args:
        noisy: What the user gave, of any shape.
        name: What the error is said of.

    Raises:
        ValueError: If it is not of floats, empty, holds NaN or infinite values, or leaves [0, 1] by
            far.
    """
    noisy = np.asarray(noisy)
    if not np.issubdtype(noisy.dtype, np.floating):
        raise ValueError(f"{name}: expected images of floats, got {noisy.dtype}")
    if 0 in noisy.shape:
        raise ValueError(f"{name}: expected images, got nothing, of shape {noisy.shape}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        noisy = noisy.astype(np.float32, copy=False)
    largest = max(noisy.max(), -noisy.min())
    if not np.isfinite(largest):
        raise ValueError(f"{name}: the image holds NaN or infinite values")
    if largest > LARGEST:
        raise ValueError(
            f"{name}: the image holds values up to {largest:g}, and should be about [0, 1]; divide "
            "grey levels by 255"
        )
    return noisy
