"""The strength of the residual that a trained network takes from the noisy image."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from dncnn_keras import metrics
from meta_aux.parallel_heads import ParallelHeads
from meta_aux.real_denoiser import RealDenoiser

# Around 1, as far as either side still gets worse.
SCALES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1)


def psnr_by_scale(
    model: RealDenoiser,
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    scales: Sequence[float] = SCALES,
):
    """Measures how good the images are with a weaker or stronger residual, without adaptation.

    On photographs that it was not trained on a network takes detail for noise: a part of its
    residual gives better images than all of it. Not in the paper.

    Args:
        model: A `RealDenoiser`.
        pairs: Noisy and clean images, float32 arrays of shape `(height, width, channels)` in
            [0, 1]; none that the model was trained on, nor those that it is tested on.
        scales: Factors of the residual.

    Returns:
        Dict of each factor to the mean PSNR of the clipped images in dB.

    Example:

    >>> psnrs = psnr_by_scale(model, pairs)
    >>> scale_residual(model, max(psnrs, key=psnrs.get))
    """
    values = []
    for noisy, clean in pairs:
        residual = model.predict_on_batch(noisy[None])[0] - noisy
        images = (np.clip(noisy + scale * residual, 0, 1) for scale in scales)
        values.append([metrics.psnr(clean, image) for image in images])
    return dict(zip(scales, np.mean(values, axis=0).tolist(), strict=True))


def scale_residual(model: RealDenoiser, scale: float):
    """Makes the residual of a model weaker or stronger, by its primary head's last convolution.

    The auxiliary head of a `MultiTask` is given the clean image and the residual; its first
    convolution is changed so that it predicts what it did before. Its loss then changes the scaled
    weights by steps that are not scaled: adaptation by `loss="auxiliary"` is not quite what it was.

    Args:
        model: A `RealDenoiser`; changed in place.
        scale: Factor of the residual, above 0.

    Raises:
        ValueError: If it is not.

    Example:

    >>> scale_residual(model, 0.9)
    """
    if not 0 < scale < math.inf:
        raise ValueError(f"scale_residual: scale must be above 0, got {scale}")
    heads = model.network.heads
    last = heads.get_layer("primary_head").get_layer("conv")
    last.set_weights([scale * weight for weight in last.get_weights()])
    if isinstance(model.network, ParallelHeads):
        return  # its auxiliary head does not see the residual
    first = heads.get_layer("auxiliary_head").get_layer("conv_first")
    kernel, *bias = first.get_weights()
    of_clean, of_residual = np.split(kernel, 2, axis=2)
    # With r for the new residual, scale * the old one, the old image was
    # noisy + r / scale = clean + (1 / scale - 1) * r.
    of_residual = of_residual / scale + (1 / scale - 1) * of_clean
    first.set_weights([np.concatenate([of_clean, of_residual], axis=2), *bias])
