"""Bilinear resizing by 1/2 and by 2 that can be differentiated twice.

TensorFlow has no second derivative of its bilinear resize, and meta-learning differentiates
through a gradient. For these two factors bilinear interpolation (pixels are squares, as in
PyTorch with `align_corners=False`) is a sum of shifted copies with fixed weights.
"""

import tensorflow as tf
from keras import layers, ops


def halve(x):
    """Halves height and width: the mean of each 2x2 square.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, both sides even.

    Returns:
        Tensor of shape `(batch, height / 2, width / 2, channels)`.
    """
    return ops.average_pool(x, 2)


def double(x):
    """Doubles height and width: each new pixel is 3/4 of the nearest and 1/4 of the next one.

    Beyond the border the image goes on with its outermost pixels.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, 2 height, 2 width, channels)`.

    Example:

    >>> double(tf.constant([0.0, 4.0])[None, None, :, None])[0, 0, :, 0]
    <tf.Tensor: shape=(4,), dtype=float32, numpy=array([0., 1., 3., 4.], dtype=float32)>
    """
    return _double_along(_double_along(x, 1), 2)


def _double_along(x, axis):
    # For a border of one pixel the mirror image is the outermost pixel.
    borders = [(1, 1) if number == axis else (0, 0) for number in range(4)]
    padded = tf.pad(x, borders, "SYMMETRIC")
    before, after = (
        padded[tuple(part if number == axis else slice(None) for number in range(4))]
        for part in (slice(None, -2), slice(2, None))
    )
    pairs = tf.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
    shape = [2 * size if number == axis else size for number, size in enumerate(ops.shape(x))]
    return ops.reshape(pairs, shape)


class Halve(layers.Layer):
    """`halve` as a layer."""

    def call(self, x):
        """Halves height and width."""
        return halve(x)


class Double(layers.Layer):
    """`double` as a layer."""

    def call(self, x):
        """Doubles height and width."""
        return double(x)
