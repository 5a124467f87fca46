"""The residual block of the multi-task and the mask network."""

from keras import layers

from meta_aux.convolution import convolution


def residual_block(x, dtype, name, activation=None):
    """Adds `x + conv(activation(conv(x)))` to a functional model.

    Args:
        x: Symbolic tensor of shape `(batch, height, width, filters)`.
        dtype: Keras dtype policy.
        name: Name of the block, which its layers begin with.
        activation: Layer between the convolutions, by default a ReLU. There is none after the
            addition.

    Returns:
        Symbolic tensor of the shape of `x`.
    """
    filters = x.shape[-1]
    activation = activation or layers.ReLU(dtype=dtype, name=f"{name}_relu")
    y = convolution(filters, 3, dtype, name=f"{name}_conv_1")(x)
    y = convolution(filters, 3, dtype, name=f"{name}_conv_2")(activation(y))
    return layers.Add(dtype=dtype, name=f"{name}_add")([x, y])


def residual_blocks(x, count, dtype, name):
    """Adds `count` residual blocks, one after the other; arguments as for `residual_block`."""
    for number in range(1, count + 1):
        x = residual_block(x, dtype, f"{name}_{number}")
    return x
