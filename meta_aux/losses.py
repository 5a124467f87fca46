"""The losses of both stages of training, one number for each image.

The paper writes sums over pixels; these are means, as in its authors' code, so that a loss and
the weights between losses do not depend on the size of the image.
"""

import tensorflow as tf


def reconstruction(image, target):
    """Mean absolute difference (the paper's equation 1).

    Args:
        image: Tensor of shape `(batch, height, width, channels)`.
        target: Tensor of the same shape.

    Returns:
        Tensor of shape `(batch,)`.
    """
    return tf.reduce_mean(tf.abs(image - target), axis=(1, 2, 3))


def masked_reconstruction(image, target, mask):
    """Mean absolute difference, every pixel weighted by a mask (equation 2).

    The mean is over all pixels: a mask of zeros makes the loss zero.

    Args:
        image: Tensor of shape `(batch, height, width, channels)`.
        target: Tensor of the same shape.
        mask: Tensor of shape `(batch, height, width, 1)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    return tf.reduce_mean(mask * tf.abs(image - target), axis=(1, 2, 3))


def gradient_difference(mask, noisy):
    """Two-directional gradient loss: the mask has edges where the image has them (equation 3).

    The mean absolute difference of the horizontal differences between neighbouring pixels, plus
    that of the vertical ones; the mask is compared with each channel. The authors' code compares
    the differences' absolute values instead, which leaves the sign of an edge free.

    Args:
        mask: Tensor of shape `(batch, height, width, 1)`, at least 2x2 pixels.
        noisy: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    # The operators are linear: the difference of the gradients is the gradient of this.
    difference = mask - noisy
    horizontal = difference[:, :, 1:] - difference[:, :, :-1]
    vertical = difference[:, 1:] - difference[:, :-1]
    return sum(tf.reduce_mean(tf.abs(part), axis=(1, 2, 3)) for part in (horizontal, vertical))
