"""Rounding of a network's weights to a short format, for inference."""

import numpy as np


def round_weights(layers, dtype):
    """Rounds the hidden layers' weights such that the channels' means hardly move.

    Plain rounding moves them, and at low noise, where the residual is small, that is a matter of
    luck: it changed our networks' PSNR by up to 0.06 dB at sigma 5, either way. Two things keep
    the means, and cost nothing when the network runs. A ReLU lets a positive factor through: every
    channel is scaled such that its bias is a number of the short format, and the next layer's
    kernel takes the factor back. And a filter's weights are rounded one after the other, each with
    what the one before it lost, so that the errors of a filter sum to about nothing: its inputs,
    behind a ReLU, are of one sign. What is left is measured in `results/bench.md`.

    Args:
        layers: List of pairs of float32 NumPy arrays, the kernel and the bias of each convolution,
            with a ReLU between one and the next.
        dtype: NumPy dtype of the hidden layers, such as `tf.bfloat16.as_numpy_dtype`.

    Returns:
        List of such pairs in float32, of which those of the hidden layers hold numbers of the
        short format alone.

    Reference:
        M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-Free Quantization Through Weight
        Equalization and Bias Correction", ICCV 2019, for both ideas: channels that are scaled, and
        a mean error that is corrected.

    Example:

    >>> layers = [layer.get_weights() for layer in convolutions]
    >>> layers = round_weights(layers, tf.bfloat16.as_numpy_dtype)
    """
    rounded, undo = [], np.ones(1)
    for index, (kernel, bias) in enumerate(layers):
        kernel = kernel.astype(np.float64) / undo[:, np.newaxis]
        undo = np.ones(kernel.shape[-1])
        if 0 < index < len(layers) - 1:
            short = bias.astype(dtype).astype(np.float64)
            # Not where the format is too short for any scale near one.
            fits = (bias != 0) & (np.abs(short - bias) < 0.01 * np.abs(bias))
            undo = np.divide(short, bias, out=undo, where=fits)
            kernel, bias = _round_kernel(kernel * undo, dtype), short
        rounded.append((kernel.astype(np.float32), bias.astype(np.float32)))
    return rounded


def _round_kernel(kernel, dtype):
    filters = kernel.reshape(-1, kernel.shape[-1])
    rounded, lost = np.empty_like(filters), np.zeros(filters.shape[1])
    for row, weights in enumerate(filters):
        rounded[row] = (weights + lost).astype(dtype).astype(np.float64)
        lost += weights - rounded[row]
    return rounded.reshape(kernel.shape)
