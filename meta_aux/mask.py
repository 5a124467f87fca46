"""The mask network, which says where the auxiliary loss counts."""

import keras
from keras import layers

from meta_aux.convolution import convolution
from meta_aux.residual_block import residual_block


@keras.saving.register_keras_serializable("meta_aux")
class MaskNetwork(keras.Model):
    """Weighs every pixel of a noisy image for the auxiliary loss.

    Args:
        filters: Channels of the hidden layers.
        channels: Channels of the image.
        dtype: Keras dtype policy of the layers, by default Keras's global one. What goes in and
            out is float32 in mixed precision.
        name: Name of the model.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, channels)`, of any size.

    Returns:
        Mask of shape `(batch, height, width, 1)`, in (0, 1).

    Example:

    >>> MaskNetwork().count_params()
    56449
    """

    def __init__(
        self,
        filters: int = 32,
        channels: int = 3,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "mask",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # One slope for all blocks, which starts where PyTorch's does.
        activation = layers.PReLU(
            keras.initializers.Constant(0.25), shared_axes=[1, 2, 3], dtype=policy, name="prelu"
        )
        noisy = keras.Input((None, None, channels), dtype=policy.variable_dtype, name="noisy")
        x = convolution(filters, 3, policy, name="conv_first")(noisy)
        for number in range(1, 4):
            x = residual_block(x, policy, f"block_{number}", activation)
        x = convolution(1, 3, policy, name="conv_last")(x)
        mask = layers.Activation("sigmoid", dtype=policy.variable_dtype, name="mask")(x)
        super().__init__(inputs=noisy, outputs=mask, name=name)
        self.filters = filters
        self.channels = channels
        self._layers_dtype = policy.name

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "filters": self.filters,
            "channels": self.channels,
            "dtype": self._layers_dtype,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model that `get_config` describes."""
        return cls(**config)
