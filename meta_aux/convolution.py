"""The convolution that the networks are made of."""

import keras
from keras import layers


def convolution(filters, kernel_size, dtype, use_bias=False, **arguments):
    """Makes a convolution with zero padding, by default without bias.

    The initial weights are uniform with variance 1 / (3 fan_in), those of the paper's authors.
    They are small: a residual block starts near the identity.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the kernel.
        dtype: Keras dtype policy.
        use_bias: Whether there is a bias, zero at first.
        **arguments: Further arguments of `keras.layers.Conv2D`.

    Returns:
        A `keras.layers.Conv2D`.
    """
    return layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        dtype=dtype,
        **arguments,
    )
