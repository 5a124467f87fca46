"""RIDNet, the residual-in-residual network with feature attention."""

import keras
from keras import layers, ops

from meta_aux.convolution import convolution

# Mean colour of DIV2K, around which the authors' code centres the image.
MEAN = (0.4488, 0.4371, 0.4040)


@keras.saving.register_keras_serializable("meta_aux")
class RIDNet(keras.Model):
    """Real image denoising with feature attention (Anwar & Barnes 2019).

    The layers are those of the authors' code, but that it also adds the mean colour to the
    residual, which the last bias then has to unlearn. Colour images only.

    Args:
        filters: Channels of every hidden layer.
        blocks: Number of enhancement attention modules.
        reduction: Factor by which the feature attention narrows the channels.
        dtype: Keras dtype policy of the layers, by default Keras's global one. What goes in and
            out is float32 in mixed precision.
        name: Name of the model.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, 3)`, about [0, 1], of any size.

    Returns:
        The clean images, of the same shape, not clipped.

    Reference:
        S. Anwar, N. Barnes, "Real Image Denoising with Feature Attention", ICCV 2019.

    Example:

    >>> RIDNet().count_params()
    1499347
    """

    def __init__(
        self,
        filters: int = 64,
        blocks: int = 4,
        reduction: int = 16,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "ridnet",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

        def conv(x, filters, kernel_size=3, activation="relu", dilation_rate=1):
            layer = convolution(
                filters,
                kernel_size,
                policy,
                use_bias=True,
                activation=activation,
                dilation_rate=dilation_rate,
            )
            return layer(x)

        def add(x, y, activation):
            return layers.Activation(activation, dtype=policy)(layers.Add(dtype=policy)([x, y]))

        def merge_and_run(x):
            near = conv(conv(x, filters), filters, dilation_rate=2)
            far = conv(conv(x, filters, dilation_rate=3), filters, dilation_rate=4)
            both = layers.Concatenate(dtype=policy)([near, far])
            return add(conv(both, filters), x, "linear")

        def residual(x):
            return add(conv(conv(x, filters), filters, activation=None), x, "relu")

        def enhanced_residual(x):
            y = conv(conv(x, filters), filters)
            return add(conv(y, filters, kernel_size=1, activation=None), x, "relu")

        def feature_attention(x):
            weights = layers.GlobalAveragePooling2D(keepdims=True, dtype=policy)(x)
            weights = conv(weights, filters // reduction, kernel_size=1)
            weights = conv(weights, filters, kernel_size=1, activation="sigmoid")
            return layers.Multiply(dtype=policy)([x, weights])

        noisy = keras.Input((None, None, 3), dtype=policy.variable_dtype, name="noisy")
        centred = noisy - ops.convert_to_tensor(MEAN, policy.variable_dtype)
        x = conv(centred, filters)
        for _ in range(blocks):
            x = feature_attention(enhanced_residual(residual(merge_and_run(x))))
        x = conv(x, 3, activation=None)
        clean = layers.Add(dtype=policy.variable_dtype, name="clean")([noisy, x])
        super().__init__(inputs=noisy, outputs=clean, name=name)
        self._config = {
            "filters": filters,
            "blocks": blocks,
            "reduction": reduction,
            "dtype": policy.name,
            "name": self.name,
        }

    def get_config(self):
        """Returns the constructor's arguments."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model that `get_config` describes."""
        return cls(**config)
