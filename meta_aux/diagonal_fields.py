"""The patches of an image whose gradient adaptation follows: every third diagonal of a board.

A third of an image says of the heads' few weights what all of it would, for a third of the time.
(Of an image of 2x2 fields it is a quarter.)
"""

import itertools

import tensorflow as tf

# Side of a field in pixels.
SIDE = 64
# Of so many diagonals one counts, by default.
EVERY = 3


def diagonal_fields(size, rows, columns, every=EVERY):
    """Lists the fields of some diagonals that are wholly in a part of an image.

    The board begins at the image's upper left corner, with a field that counts, and so do those
    whose row and column in fields add up to a multiple of `every`. What makes no whole field at the
    right and the lower border belongs to none, unless the image itself is smaller than a field,
    which is as large as the image then.

    Args:
        size: The image's height and width.
        rows, columns: First row or column of the part and the one after its last. The first
            ones are multiples of `SIDE`.
        every: Which diagonals count: every third, by default; 1 for all.

    Returns:
        List of pairs of slices, of rows and columns of the part.

    Example:

    >>> diagonal_fields((128, 192), rows=(64, 128), columns=(0, 192))
    [(slice(0, 64, None), slice(128, 192, None))]
    """
    sides = [min(SIDE, length) for length in size]
    starts = [
        range(first, stop - side + 1, side)
        for (first, stop), side in zip((rows, columns), sides, strict=True)
    ]
    origin = rows[0], columns[0]
    return [
        tuple(
            slice(start - first, start - first + side)
            for start, first, side in zip(corner, origin, sides, strict=True)
        )
        for corner in itertools.product(*starts)
        if sum(start // side for start, side in zip(corner, sides, strict=True)) % every == 0
    ]


def cut(images, fields):
    """Cuts fields out of images.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`.
        fields: List of pairs of slices, at least one.

    Returns:
        Tensor of shape `(batch, count, height, width, channels)`, of as many fields.
    """
    return tf.stack([images[:, rows, columns] for rows, columns in fields], axis=1)
