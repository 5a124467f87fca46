"""The networks' layers in numpy, written after the paper's figures."""

import numpy as np


def convolve(x, kernel):
    """Convolution of `(height, width, inputs)` with zero padding, one kernel entry at a time."""
    height, width, _ = x.shape
    side = kernel.shape[0]
    padded = np.pad(x, [(side // 2, side // 2)] * 2 + [(0, 0)])
    result = np.zeros((height, width, kernel.shape[-1]))
    for row in range(side):
        for column in range(side):
            window = padded[row : row + height, column : column + width]
            result += window @ kernel[row, column]
    return result


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
