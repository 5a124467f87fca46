"""PSNR and SSIM, as denoising papers define them."""

import keras
import numpy as np
from keras import ops
from skimage.metrics import structural_similarity


def psnr(clean, denoised):
    """Peak signal-to-noise ratio of one image, for a peak of 1 (grey level 255).

    Nothing is clipped here: clip a denoiser's output to [0, 1] first, as an image file would.

    Args:
        clean: Array of any shape, in [0, 1].
        denoised: Array of the same shape.

    Returns:
        PSNR in dB as a float, infinite where the two are equal.

    Raises:
        ValueError: If the shapes differ.

    Example:

    >>> round(psnr(np.zeros((8, 8)), np.full((8, 8), 0.1)), 6)
    20.0
    """
    clean, denoised = _pair(clean, denoised)
    mse = np.mean((clean - denoised) ** 2)
    return float("inf") if mse == 0 else float(-10 * np.log10(mse))  # of NaN it is NaN


def ssim(clean, denoised, data_range=1.0):
    """Structural similarity of one image, with the Gaussian window of Wang et al. 2004.

    Args:
        clean: Array of shape `(height, width, channels)`, in [0, 1]; at least 11 pixels a side.
        denoised: Array of the same shape.
        data_range: Difference of the largest and the smallest possible value, 1 for images in
            [0, 1]. The paper's DnCNN columns were computed with 2, which overstates them.

    Returns:
        SSIM as a float, the mean over pixels and channels.

    Raises:
        ValueError: If the shapes differ or the image is smaller than the window.
    """
    clean, denoised = _pair(clean, denoised)
    if min(clean.shape[:2]) < 11:
        raise ValueError(f"ssim: the image must have at least 11x11 pixels, got {clean.shape[:2]}")
    return float(
        structural_similarity(
            clean,
            denoised,
            data_range=data_range,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _pair(clean, denoised):
    clean, denoised = np.asarray(clean, np.float64), np.asarray(denoised, np.float64)
    if clean.shape != denoised.shape:
        raise ValueError(f"the images differ in shape: {clean.shape} and {denoised.shape}")
    return clean, denoised


@keras.saving.register_keras_serializable("dncnn_keras")
class PSNR(keras.metrics.Mean):
    """Mean PSNR over images, for `model.compile(metrics=[PSNR()])`.

    The prediction is clipped to [0, 1] and the PSNR taken image by image, then averaged, as in
    the tables of papers (the PSNR of the mean error would be lower).
    """

    def __init__(self, name="psnr", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of images of shape `(batch, height, width, channels)`."""
        error = ops.cast(y_true, "float32") - ops.clip(ops.cast(y_pred, "float32"), 0.0, 1.0)
        mse = ops.mean(ops.square(error), axis=(1, 2, 3))
        values = -10.0 * ops.log10(ops.maximum(mse, 1e-10))
        return super().update_state(values, sample_weight=sample_weight)
