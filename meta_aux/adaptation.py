"""Adaptation to a single noisy image at test time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from meta_aux.inner_loop import auxiliary_gradient, descend
from meta_aux.real_denoiser import RealDenoiser

# Pixels that an output of the auxiliary head depends on, on each side of it.
OVERLAP = 76


class Adaptation(NamedTuple):
    """What `adapt` found on its way.

    Attributes:
        clean: The clean image after all steps.
        images: The clean image after 0, 1, ... steps, of shape `(steps + 1, ...)`.
        mask: The mask, with a single channel.
    """

    clean: np.ndarray
    images: np.ndarray
    mask: np.ndarray


def adapt(
    model: RealDenoiser,
    noisy: np.ndarray,
    steps: int = 5,
    learning_rate: float | Sequence[float] | None = None,
    details: bool = False,
    tile: int = 1024,
):
    """Denoises each image with heads that have adapted to it (Algorithm 3).

    For each image the two heads start from the model's weights and take some steps of gradient
    descent on the masked reconstruction loss, which needs no ground truth. The body and the mask
    network are frozen and run once. The model itself is left as it is, and nothing of an image
    is carried over to the next. All images are clipped to [0, 1], the unadapted one as well, so
    that they can be compared.

    A large image goes through in tiles, with the same result but for rounding: the steps follow
    the gradient of the whole image's loss, to which all tiles add, and all of it is denoised by
    the same heads. The body's features of the whole image are kept, 32 numbers a pixel; the rest
    of the memory depends on the tile alone.

    The authors' code adapts with Adam, and shows the image after one step less.

    Args:
        model: A `RealDenoiser`.
        noisy: Floating-point array of shape `(height, width, channels)` or
            `(batch, height, width, channels)`, about [0, 1].
        steps: Number K of steps.
        learning_rate: Their learning rate: a number, or one for each of
            `model.network.heads.trainable_variables`; by default the model's own,
            `exp(model.log_rates)`. (The paper's is 1e-5.)
        details: Whether every step's image and the mask are returned as well.
        tile: Largest height and width of a tile in pixels, a multiple of 4 above 152.

    Returns:
        The clean images, float32 of the shape of `noisy`; with `details` an `Adaptation`.

    Raises:
        ValueError: If the images have another shape or dtype, or hold NaN or infinite values,
            or if `tile` makes no sense.

    Example:

    >>> clean = adapt(load_pretrained("real-mtl"), noisy)
    >>> adaptation = adapt(load_pretrained("real-mtl"), noisy, details=True)
    >>> adaptation.images.shape == (6, *noisy.shape)
    True
    """
    noisy = _checked(noisy, model.network.channels)
    if tile % 4 or tile <= 2 * OVERLAP:
        raise ValueError(f"adapt: tile must be a multiple of 4 above {2 * OVERLAP}, got {tile}")
    own = np.exp(model.log_rates.numpy())
    rates = own if learning_rate is None else np.asarray(learning_rate, own.dtype)
    rates = np.broadcast_to(rates, own.shape)
    batch = noisy if noisy.ndim == 4 else noisy[None]
    adaptations = [_adapt_one(model, image[None], steps, rates, details, tile) for image in batch]
    images = np.concatenate([images for images, _ in adaptations], axis=1)
    mask = np.concatenate([mask for _, mask in adaptations], axis=0)
    if noisy.ndim == 3:
        images, mask = images[:, 0], mask[0]
    return Adaptation(images[-1], images, mask) if details else images[-1]


def _adapt_one(model, noisy, steps, rates, details, tile):
    """Returns the images of shape `(steps + 1 or 1, 1, height, width, channels)`, and the mask."""
    tiles = [
        _Tile(model, noisy, rows, columns)
        for rows in _spans(noisy.shape[1], tile)
        for columns in _spans(noisy.shape[2], tile)
    ]

    def assemble(parts):
        whole = np.empty((*noisy.shape[:3], parts[0].shape[3]), np.float32)
        for tile, part in zip(tiles, parts, strict=True):
            whole[tile.place] = part.numpy()[tile.kept]
        return whole

    weights = [tf.convert_to_tensor(w) for w in model.network.heads.trainable_variables]
    images = []
    for _ in range(steps):
        gradients, parts = zip(*(tile.gradient(weights) for tile in tiles), strict=True)
        weights = descend(weights, [sum(parts) for parts in zip(*gradients, strict=True)], rates)
        if details:
            images.append(assemble(parts))
    images.append(assemble([tile.restore(weights) for tile in tiles]))
    return np.clip(images, 0, 1), assemble([tile.mask for tile in tiles])


class _Tile:
    """A part of an image, with what its body and mask networks say of it.

    Args:
        model: A `RealDenoiser`.
        noisy: The whole image, array of shape `(1, height, width, channels)`.
        rows, columns: Where the tile is, as `_spans` yields it.
    """

    def __init__(self, model, noisy, rows, columns):
        self._model = model
        image = noisy[:, slice(*rows[0]), slice(*columns[0])]
        self._noisy = tf.convert_to_tensor(image, model.compute_dtype)
        self._shared, self.mask = _prepare(model, self._noisy)
        self.place = slice(None), slice(*rows[1]), slice(*columns[1])
        self.kept = (
            slice(None),
            *(slice(kept[0] - whole[0], kept[1] - whole[0]) for whole, kept in (rows, columns)),
        )
        # The image's loss is a mean over its pixels: each counts in one tile, and the tile's own
        # mean is worth its share of the image.
        counts = np.zeros((*image.shape[:3], 1))
        counts[self.kept] = image[0, :, :, 0].size / noisy[0, :, :, 0].size
        self._counting_mask = self.mask * tf.convert_to_tensor(counts, self.mask.dtype)

    def gradient(self, weights):
        """Returns the tile's part of the gradients, and its clean image."""
        return _gradient(self._model, weights, self._shared, self._noisy, self._counting_mask)

    def restore(self, weights):
        """Returns the clean image."""
        return _restore(self._model, weights, self._shared, self._noisy)


def _spans(length, tile):
    """Yields `(start, stop), (first, last)` along an axis: a tile, and what is kept of it."""
    if length <= tile:
        yield (0, length), (0, length)
        return
    # Tiles start at multiples of 4, so that the body halves them as it halves the whole image.
    for start in range(0, length - 2 * OVERLAP, tile - 2 * OVERLAP):
        stop = min(start + tile, length)
        first = start + OVERLAP if start > 0 else 0
        yield (start, stop), (first, stop - OVERLAP if stop < length else length)


def _forward(model, weights, shared, noisy):
    return model.network.heads.stateless_call(weights, [], [shared, noisy])[0]


@tf.function(reduce_retracing=True)
def _prepare(model, noisy):
    return model.network.body(noisy), model.predict_mask(noisy)


@tf.function(reduce_retracing=True)
def _gradient(model, weights, shared, noisy, mask):
    return auxiliary_gradient(lambda w: _forward(model, w, shared, noisy), weights, noisy, mask)


@tf.function(reduce_retracing=True)
def _restore(model, weights, shared, noisy):
    return _forward(model, weights, shared, noisy)[0]


def _checked(noisy, channels):
    noisy = np.asarray(noisy)
    if not np.issubdtype(noisy.dtype, np.floating):
        raise ValueError(f"adapt: the image must be of floats in [0, 1], got {noisy.dtype}")
    if noisy.ndim not in (3, 4) or noisy.shape[-1] != channels or 0 in noisy.shape:
        raise ValueError(
            f"adapt: the image must have the shape ([batch,] height, width, {channels}), "
            f"got {noisy.shape}"
        )
    if not np.isfinite(noisy).all():
        raise ValueError("adapt: the image holds NaN or infinite values")
    return noisy
