"""Statistics of batch normalization computed anew, for weights that moved fast."""

from collections.abc import Iterable

import keras


def recompute_batch_norm(model: keras.Model, batches: Iterable) -> None:
    """Replaces the moving averages of batch normalization by means over some batches.

    The moving averages are those of the weights of many steps. Where the weights move fast, as
    in a short training with large steps, a network that is validated with them looks worse than
    it is, by several dB until its learning rate has come down. Weights, optimizer and the
    training that goes on are not touched by this: in training the batch's own statistics count.
    Frozen layers keep their averages, and so do all if the first batch is an error.

    Args:
        model: A `keras.Model`.
        batches: Iterable of the model's inputs, some hundred thousand pixels in all.

    Raises:
        ValueError: If there is no batch.

    Reference:
        Y. Wu, J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3.1 ("PreciseBN").

    Example:

    >>> model.fit(batches, steps_per_epoch=300)
    >>> recompute_batch_norm(model, [noisy for noisy, _ in batches.take(10)])
    """
    norms = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    momenta = [norm.momentum for norm in norms]
    averages = [weight for norm in norms for weight in (norm.moving_mean, norm.moving_variance)]
    before = [keras.ops.copy(average) for average in averages]
    count = 0
    try:
        for inputs in batches:
            for norm in norms:
                norm.momentum = count / (count + 1)  # the moving average is then the mean
            if not count:
                for average in averages:  # NaN would stay NaN
                    average.assign(keras.ops.zeros_like(average))
            model(inputs, training=True)
            count += 1
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        if not count:
            for average, value in zip(averages, before, strict=True):
                average.assign(value)
    if not count:
        raise ValueError("recompute_batch_norm: there is no batch to compute the statistics of")
