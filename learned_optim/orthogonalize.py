"""The nearest semi-orthogonal matrix, by Newton and Schulz's iteration."""

import tensorflow as tf

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices, iterations=5):
    """Replaces the singular values of matrices by numbers near one.

    The iteration `X <- a X + b (X X^T) X + c (X X^T)^2 X` starts at `X / ||X||` and pushes every
    singular value from about 1/600 of the norm `||X||` up into about [0.7, 1.2] within five rounds,
    by matrix products alone; smaller ones are multiplied by up to 485. An update of this form moves
    all but the weakest directions of a layer about equally far, however unequal the gradient is.

    Args:
        matrices: float32 tensor of shape `(count, rows, columns)`.
        iterations: Number of rounds.

    Returns:
        float32 tensor of the same shape. A matrix of zeros stays one.

    Reference:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Example:

    >>> x = orthogonalize(tf.random.normal((1, 6, 4)))
    >>> tf.linalg.svd(x, compute_uv=False)  # all between about 0.7 and 1.2
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = tf.linalg.matrix_transpose(matrices) if tall else matrices
    # Not `tf.norm`: it has no derivative at a matrix of zeros.
    x /= tf.sqrt(tf.reduce_sum(tf.square(x), axis=(-2, -1), keepdims=True) + 1e-14)
    for _ in range(iterations):
        gram = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * gram + c * tf.matmul(gram, gram), x)
    return tf.linalg.matrix_transpose(x) if tall else x
