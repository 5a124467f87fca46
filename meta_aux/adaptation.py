"""Adaptation to a single noisy image at test time."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dncnn_keras.denoisers.denoiser import checked
from dncnn_keras.progress import track
from meta_aux.diagonal_fields import EVERY, SIDE, cut, diagonal_fields
from meta_aux.inner_loop import apply_heads
from meta_aux.real_denoiser import RealDenoiser
from meta_aux.self_supervision import LOSSES

# Pixels that an output of the auxiliary head depends on, on each side of it.
OVERLAP = 76


class Adaptation(NamedTuple):
    """What `adapt` found on its way.

    Attributes:
        clean: The clean image after all steps.
        images: The clean image after 0, 1, ... steps, of shape `(steps + 1, ...)`.
        mask: What the mask network says of the whole image, with a single channel. The auxiliary
            loss alone uses such masks, one of each patch.
    """

    clean: np.ndarray
    images: np.ndarray
    mask: np.ndarray


def adapt(
    model: RealDenoiser,
    noisy: np.ndarray,
    steps: int = 5,
    learning_rate: float | Sequence[float] | None = None,
    loss: str = "restored",
    details: bool = False,
    tile: int = 1024,
    every: int = EVERY,
):
    """Denoises each image with heads that have adapted to it.

    For each image the heads start from the model's weights and take some steps down the gradient
    of a loss that needs no ground truth. The body and the mask network are frozen. The model
    itself is left as it is, and nothing of an image is carried over to the next. All images are
    clipped to [0, 1], the unadapted one as well, so that they can be compared.

    With `loss="auxiliary"` that is the paper's Algorithm 3, by which our released weights gain
    nothing; `"restored"`, the default, is not in the paper, needs neither auxiliary head nor mask,
    and gains on most photographs (see `self_supervision`).

    The steps follow the gradient on patches of 64x64 pixels, which are every third diagonal of a
    board: a third of the image says of the heads' few weights what all of it would, for a third
    of the time (`every=1` looks at all patches, as the paper looks at all of the image). What makes
    no whole patch at the right and the lower border is left out, unless the image itself is
    smaller; in small images that is much: up to 191x191 pixels they see one patch. To heads and
    mask network each patch stands by itself, as in training: zeros beyond it. The features that
    the heads are given are those of the whole image; with `"restored"` those of the second pass,
    which finds the noise again, are the patch's own.

    A large image goes through in tiles, with the same result but for rounding: the gradient is
    that of all tiles' patches, and all of the image is denoised by the same heads. For the steps
    the body's features of all tiles and patches are kept, about 60 numbers a pixel (0.24 GB a
    megapixel); the rest of the memory depends on the tile alone.

    The authors' code adapts with Adam, on the whole image, and shows the image after one step
    less.

    Args:
        model: A `RealDenoiser`.
        noisy: Floating-point array of shape `(height, width, channels)` or
            `(batch, height, width, channels)`, about [0, 1].
        steps: Number K of steps.
        learning_rate: Their learning rate: a number, or one for each of
            `model.network.heads.trainable_variables`. With `"restored"` it is relative to the
            length of the tensor, by default 0.003; the paper's 1e-5 would do next to nothing
            there. With `"auxiliary"` it is by default the model's own, `exp(model.log_rates)`: that
            of its training, 5e-4 where it was not learned. The paper tests at 1e-5.
        loss: `"restored"` or `"auxiliary"`.
        details: Whether every step's image and the mask are returned as well.
        tile: Largest height and width of a tile in pixels, at least 216.
        every: Of so many diagonals of patches the steps look at one.

    Returns:
        The clean images, float32 of the shape of `noisy`; with `details` an `Adaptation`.

    Raises:
        ValueError: If the images have another shape or dtype, hold NaN or infinite values or leave
            [0, 1] by far, if there is no such loss, if the heads are frozen, or if `steps`,
            `learning_rate`, `tile` or `every` makes no sense.

    Example:

    >>> clean = adapt(load_pretrained("real-mtl"), noisy)
    >>> adaptation = adapt(load_pretrained("real-mtl"), noisy, details=True)
    >>> adaptation.images.shape == (6, *noisy.shape)
    True
    """
    noisy, channels = checked(noisy, "adapt"), model.network.channels
    if noisy.ndim not in (3, 4) or noisy.shape[-1] != channels:
        raise ValueError(
            f"adapt: the image must have the shape ([batch,] height, width, {channels}), "
            f"got {noisy.shape}"
        )
    if tile < SIDE + 2 * OVERLAP:
        raise ValueError(f"adapt: tile must be at least {SIDE + 2 * OVERLAP}, got {tile}")
    if steps < 0:
        raise ValueError(f"adapt: steps must not be negative, got {steps}")
    if every < 1:
        raise ValueError(f"adapt: every must be at least 1, got {every}")
    if loss not in LOSSES:
        raise ValueError(f"adapt: loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    heads = model.network.heads
    if len(heads.trainable_variables) < len(heads.variables):
        raise ValueError("adapt: the heads are frozen; set model.network.heads.trainable = True")
    chosen = LOSSES[loss]
    own = np.asarray(chosen.rates(model), np.float32)
    rates = own if learning_rate is None else np.asarray(learning_rate, np.float32)
    if rates.shape not in ((), own.shape):
        raise ValueError(
            f"adapt: learning_rate must be a number or {own.size} of them, one for each tensor of "
            f"the heads, got the shape {rates.shape}"
        )
    if not np.isfinite(rates).all() or np.any(rates < 0):
        raise ValueError(f"adapt: learning_rate must not be negative or NaN, got {learning_rate}")
    rates = np.broadcast_to(rates, own.shape)
    batch = noisy if noisy.ndim == 4 else noisy[None]
    adaptations = [
        _adapt_one(model, image[None], steps, rates, chosen, details, tile, every)
        for image in batch
    ]
    images = np.concatenate([images for images, _ in adaptations], axis=1)
    if noisy.ndim == 3:
        images = images[:, 0]
    if not details:
        return images[-1]
    mask = np.concatenate([mask for _, mask in adaptations], axis=0)
    return Adaptation(images[-1], images, mask if noisy.ndim == 4 else mask[0])


def _adapt_one(model, noisy, steps, rates, loss, details, tile, every):
    """Returns the images of shape `(steps + 1 or 1, 1, height, width, channels)`, and the mask.

    Without `details` there is no mask.
    """
    spans = [
        (rows, columns)
        for rows in _spans(noisy.shape[1], tile)
        for columns in _spans(noisy.shape[2], tile)
    ]

    def make_tile(number):
        rows, columns = spans[number]
        return _Tile(model, noisy, rows, columns, every)

    # Without steps a tile is needed once, and nothing of it has to be kept.
    tiles = [make_tile(number) for number in range(len(spans))] if steps else []

    def assemble(compute):
        whole = None
        for number in track(range(len(spans)), f"{model.name}, tiles"):
            tile = tiles[number] if tiles else make_tile(number)
            part = compute(tile).numpy()
            if whole is None:
                whole = np.empty((*noisy.shape[:3], part.shape[3]), np.float32)
            whole[tile.place] = part[tile.kept]
        return whole

    weights = [tf.convert_to_tensor(w) for w in model.network.heads.trainable_variables]
    if steps:
        patches = sum(tile.patches for tile in tiles)
        for tile in track(tiles, f"{model.name}, features of tiles"):
            tile.prepare(weights, loss)
    images = []
    for _ in track(range(steps), f"{model.name}, steps"):
        if details:
            images.append(assemble(lambda tile, now=weights: tile.restore(now)))
        gradients = [tile.gradient(weights) for tile in tiles if tile.patches]
        means = [sum(parts) / patches for parts in zip(*gradients, strict=True)]
        weights = loss.descend(weights, means, rates)
    images.append(assemble(lambda tile: tile.restore(weights)))
    mask = assemble(_Tile.predict_mask) if details else None
    return np.clip(images, 0, 1), mask


class _Tile:
    """A part of an image, with what the body says of it.

    Args:
        model: A `RealDenoiser`.
        noisy: The whole image, array of shape `(1, height, width, channels)`.
        rows, columns: Where the tile is, as `_spans` yields it.
        every: Of so many diagonals of patches the steps look at one.

    Attributes:
        place: Slices of the whole image: what is kept of the tile.
        kept: The same as slices of the tile.
        patches: Number of patches of it that the steps look at.
    """

    def __init__(self, model, noisy, rows, columns, every):
        self._model = model
        image = noisy[:, slice(*rows[0]), slice(*columns[0])]
        self._noisy = tf.convert_to_tensor(image, model.compute_dtype)
        self.place = slice(None), slice(*rows[1]), slice(*columns[1])
        self.kept = (
            slice(None),
            *(slice(kept[0] - whole[0], kept[1] - whole[0]) for whole, kept in (rows, columns)),
        )
        self._fields = diagonal_fields(noisy.shape[1:3], rows[1], columns[1], every)
        self.patches = len(self._fields)

    @functools.cached_property
    def _shared(self):
        return _features(self._model, self._noisy)

    def prepare(self, weights, loss):
        """Cuts the patches, and computes what stays the same in all steps.

        Args:
            weights: The heads' weights before the steps.
            loss: One of `self_supervision.LOSSES`.
        """
        self._loss = loss
        if self.patches:
            patches = (
                cut(whole[self.kept], self._fields)[0] for whole in (self._shared, self._noisy)
            )
            self._prepared = loss.prepare(self._model, weights, *patches)

    def gradient(self, weights):
        """Returns the sum of the patches' gradients."""
        return self._loss.gradient(self._model, weights, *self._prepared)

    def restore(self, weights):
        """Returns the clean image."""
        return _restore(self._model, weights, self._shared, self._noisy)

    def predict_mask(self):
        """Returns the mask."""
        return _mask(self._model, self._noisy)


def _spans(length, tile):
    """Yields `(start, stop), (first, last)` along an axis: a tile, and what is kept of it."""
    if length <= tile:
        yield (0, length), (0, length)
        return
    # What is kept consists of whole patches, and tiles start at multiples of 4, so that the body
    # halves them as it halves the whole image.
    stride = (tile - 2 * OVERLAP) // SIDE * SIDE
    for first in range(0, length, stride):
        last = min(first + stride, length)
        yield (max(first - OVERLAP, 0), min(last + OVERLAP, length)), (first, last)


@tf.function(reduce_retracing=True)
def _features(model, noisy):
    return model.network.body(noisy)


@tf.function(reduce_retracing=True)
def _mask(model, noisy):
    return model.predict_mask(noisy)


@tf.function(reduce_retracing=True)
def _restore(model, weights, shared, noisy):
    return apply_heads(model.network, weights, shared, noisy)[0]
