"""Images of any size through a convolutional network in bounded memory."""

import itertools
import math

import numpy as np

from dncnn_keras.progress import track


def apply_tiled(function, image, tile, overlap):
    """Applies a network window by window; the result is the one for the whole image.

    An output pixel depends on the input at most `overlap` pixels away, so a window's result is
    exact except near those of its edges that lie inside the image. Neighbours overlap by twice
    that, and each gives what is exact in it. At the image's own border a window ends where the
    image ends and sees the same zero padding. All windows of an image have one shape, the
    smallest that covers it with the least number of windows.

    Args:
        function: Shift-invariant function of an array of shape
            `(batch, height, width, channels)` that returns an array of that shape and dtype,
            e.g. a convolutional network with zero padding.
        image: Array of shape `(batch, height, width, channels)`.
        tile: Largest height and width of a window, in pixels; more than twice `overlap`.
        overlap: At least the receptive radius of `function`: 17 for a DnCNN of depth 17.

    Returns:
        Array of the shape and dtype of `image`.

    Raises:
        ValueError: If `tile` is not larger than twice `overlap`.

    Example:

    >>> apply_tiled(lambda x: 2 * x, np.ones((1, 90, 70, 1), "float32"), 50, 17).shape
    (1, 90, 70, 1)
    """
    if tile <= 2 * overlap:
        raise ValueError(f"tile ({tile}) must be larger than twice the overlap ({overlap})")
    result = np.empty(image.shape, image.dtype)
    windows = itertools.product(*(_windows(side, tile, overlap) for side in image.shape[1:3]))
    for (top, rows, kept_rows), (left, columns, kept_columns) in track(list(windows), "tiles"):
        window = np.ascontiguousarray(image[:, top : top + rows, left : left + columns])
        output = np.asarray(function(window))[:, kept_rows, kept_columns]
        y, x = top + kept_rows.start, left + kept_columns.start
        result[:, y : y + output.shape[1], x : x + output.shape[2]] = output
    return result


def _windows(length, tile, overlap):
    """Yields `(start, size, kept)` along one axis; the slice `kept` counts from `start`."""
    count = max(1, math.ceil((length - 2 * overlap) / (tile - 2 * overlap)))
    if count == 1:
        yield 0, length, slice(0, length)
        return
    step = math.ceil((length - 2 * overlap) / count)
    size = step + 2 * overlap
    for index in range(count):
        # The last window is moved back to end with the image: it has the same size then.
        start = min(index * step, length - size)
        first = overlap if index > 0 else 0
        last = size - overlap if index < count - 1 else size
        yield start, size, slice(first, last)
