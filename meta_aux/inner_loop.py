"""Gradient descent on a noisy image's auxiliary loss: what adapts weights to it.

`MTL` trains through these, and `adapt` calls them with `loss="auxiliary"`, so that what is
trained for is what is done then.
All of it can itself be differentiated, by the weights they start from and by the mask.
"""

import tensorflow as tf

from meta_aux.losses import masked_reconstruction


def apply_heads(network, weights, features, noisy):
    """Applies a network's heads with other weights than their own.

    Args:
        network: A `MultiTask` or `ParallelHeads`.
        weights: List of tensors, for `network.heads.trainable_variables`.
        features: The body's features of the noisy images.
        noisy: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        List of the clean images and the predicted noisy images.
    """
    return network.heads.stateless_call(weights, [], [features, noisy])[0]


def auxiliary_gradient(forward, weights, noisy, mask):
    """Differentiates the auxiliary loss by the weights that are to adapt.

    Args:
        forward: Function of a list of weights to the clean image and the predicted noisy image.
        weights: List of tensors.
        noisy: The noisy image, or patches of it, tensor of shape
            `(count, height, width, channels)`.
        mask: Its mask, tensor of shape `(count, height, width, 1)`.

    Returns:
        The list of gradients of the sum over the patches.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        _, predicted = forward(weights)
        loss = masked_reconstruction(predicted, noisy, mask)
    # The heads of the parallel baseline do not depend on each other: some gradients are zero.
    return tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def descend(weights, gradients, rates):
    """Takes a step of gradient descent.

    Args:
        weights: List of tensors.
        gradients: List of tensors of the same shapes.
        rates: Sequence of as many learning rates.

    Returns:
        The list of new weights.
    """
    return [
        weight - tf.cast(rate, weight.dtype) * gradient
        for weight, gradient, rate in zip(weights, gradients, rates, strict=True)
    ]
