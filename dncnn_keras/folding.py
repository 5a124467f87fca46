"""Folding of batch normalization into the convolutions, for inference."""

import numpy as np

from dncnn_keras.dncnn import DnCNN


def fold_batch_norm(model: DnCNN) -> DnCNN:
    """Makes the network without batch normalization that denoises exactly like `model`.

    In inference a batch norm is affine, `gamma (x - mean) / sqrt(variance + epsilon) + beta`,
    and so is the convolution before it: the scale goes into the kernel, the rest becomes the
    convolution's bias. Computed in float64, so that only the final rounding to float32 differs.

    Args:
        model: A `DnCNN`; its weights are copied, and later training does not change the result.

    Returns:
        A float32 `DnCNN` of the same name with `batch_norm=False`.

    Example:

    >>> fold_batch_norm(DnCNN(depth=5)).batch_norm
    False
    """
    folded = DnCNN(
        depth=model.depth,
        filters=model.filters,
        channels=model.channels,
        batch_norm=False,
        name=model.name,
        dtype="float32",
    )
    for index in range(1, model.depth + 1):
        kernel, *bias = model.get_layer(f"conv_{index}").get_weights()
        if model.batch_norm and 1 < index < model.depth:
            layer = model.get_layer(f"batch_norm_{index}")
            gamma, beta, mean, variance = (w.astype(np.float64) for w in layer.get_weights())
            scale = gamma / np.sqrt(variance + layer.epsilon)
            kernel, bias = kernel * scale, [beta - mean * scale]
        folded.get_layer(f"conv_{index}").set_weights([kernel, *bias])
    return folded
