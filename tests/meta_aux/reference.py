"""The networks' layers in numpy, written after the paper's figures."""

import numpy as np


def convolve(x, kernel, bias=0.0, dilation=1):
    """Convolution of `(height, width, inputs)` with zero padding, one kernel entry at a time."""
    height, width, _ = x.shape
    side = kernel.shape[0]
    padded = np.pad(x, [(side // 2 * dilation,) * 2] * 2 + [(0, 0)])
    result = np.zeros((height, width, kernel.shape[-1]))
    for row in range(side):
        for column in range(side):
            top, left = row * dilation, column * dilation
            window = padded[top : top + height, left : left + width]
            result += window @ kernel[row, column]
    return result + bias


def residual_block(x, kernels, slope=0.0):
    y = convolve(x, next(kernels))
    return x + convolve(np.where(y > 0, y, slope * y), next(kernels))


def bilinear(x, factor):
    """Bilinear interpolation as in PyTorch with `align_corners=False`, pixel by pixel."""

    def axis(size):
        for place in range(int(size * factor)):
            source = max((place + 0.5) / factor - 0.5, 0)
            low = int(source)
            yield low, min(low + 1, size - 1), source - low

    rows, columns = list(axis(x.shape[0])), list(axis(x.shape[1]))
    result = np.zeros((len(rows), len(columns), *x.shape[2:]))
    for i, (top, bottom, down) in enumerate(rows):
        for j, (left, right, along) in enumerate(columns):
            upper = (1 - along) * x[top, left] + along * x[top, right]
            lower = (1 - along) * x[bottom, left] + along * x[bottom, right]
            result[i, j] = (1 - down) * upper + down * lower
    return result


def multi_task(noisy, weights):
    """Figure 2, for an image whose sides are multiples of 4."""
    kernels = iter(weights)

    def blocks(x, count=2):
        for _ in range(count):
            x = residual_block(x, kernels)
        return x

    full = blocks(convolve(noisy, next(kernels)))
    half = blocks(convolve(bilinear(full, 0.5), next(kernels)))
    x = blocks(convolve(bilinear(half, 0.5), next(kernels)), 4)
    x = blocks(convolve(bilinear(x, 2), next(kernels)) + half)
    features = blocks(convolve(bilinear(x, 2), next(kernels)) + full)
    residual = convolve(blocks(features), next(kernels))
    clean = noisy + residual
    x = convolve(np.concatenate([clean, residual], axis=-1), next(kernels))
    predicted = convolve(blocks(x, 1), next(kernels))
    assert not list(kernels)
    return clean, predicted


def ridnet(noisy, convolutions):
    """Figures 2 and 3 of Anwar & Barnes, with one module; of each layer kernel, bias, dilation."""
    layers = iter(convolutions)

    def conv(x):
        return convolve(x, *next(layers))

    def relu(x):
        return np.maximum(x, 0)

    x = relu(conv(noisy - [0.4488, 0.4371, 0.4040]))
    near, far = relu(conv(x)), relu(conv(x))
    near, far = relu(conv(near)), relu(conv(far))
    x = relu(conv(np.concatenate([near, far], axis=-1))) + x
    x = relu(conv(relu(conv(x))) + x)
    x = relu(conv(relu(conv(relu(conv(x))))) + x)
    weights = relu(conv(x.mean(axis=(0, 1), keepdims=True)))
    x = x * sigmoid(conv(weights))
    clean = noisy + conv(x)
    assert not list(layers)
    return clean


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dual_attention(x, first, second, slope, places, narrow, wide, merge):
    """Figure 4 of Zamir et al."""
    y = convolve(x, first)
    y = convolve(np.where(y > 0, y, slope * y), second)
    pooled = np.stack([y.max(axis=-1), y.mean(axis=-1)], axis=-1)
    by_place = y * sigmoid(convolve(pooled, places))
    mean = y.mean(axis=(0, 1), keepdims=True)
    by_channel = y * sigmoid(convolve(np.maximum(convolve(mean, narrow), 0), wide))
    return x + convolve(np.concatenate([by_place, by_channel], axis=-1), merge)


def selective_kernel_fusion(streams, narrow, slope, scores):
    """Figure 3 of Zamir et al.; `scores` has a kernel for each stream."""
    summary = convolve(sum(streams).mean(axis=(0, 1), keepdims=True), narrow)
    summary = np.where(summary > 0, summary, slope * summary)
    weights = np.exp([convolve(summary, kernel) for kernel in scores])
    weights /= weights.sum(axis=0)
    return sum(weight * stream for weight, stream in zip(weights, streams, strict=True))
