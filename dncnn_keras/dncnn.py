"""DnCNN, the residual denoising network (Zhang et al. 2017)."""

import keras
from keras import layers

from dncnn_keras.fused_batch_norm import BatchNormalization
from dncnn_keras.initializers import IdentityOrthogonal


@keras.saving.register_keras_serializable("dncnn_keras")
class DnCNN(keras.Model):
    """Residual denoiser: `clean = noisy - network(noisy)`.

    A stack of 3x3 convolutions with zero padding; every layer but the last is followed by ReLU,
    and every layer but the first and the last is batch-normalized. The network predicts the
    noise, which is subtracted from the input. Fully convolutional: an image of any height and
    width goes in, and depth 17 sees 35x35 pixels around each.

    What it denoises (one noise level or, "blind", a range of them) is decided by the data that
    it is trained on, not by the network.

    Other than the paper's, its hidden layers start at the identity plus an orthogonal matrix, and
    the last with a tenth of one: without this it needs many times more steps
    (`results/dncnn_blind_log.md`).

    Args:
        depth: Number of convolutions, at least 2. 17 for the full network, 5 for the
            sub-network on which the paper trains its meta-optimizer.
        filters: Channels of every hidden layer.
        channels: Channels of the image, 1 for grey and 3 for colour.
        batch_norm: Whether the hidden layers are batch-normalized. `False` gives the network
            that `fold_batch_norm` makes, whose hidden convolutions have biases instead.
        dtype: Keras dtype policy of the layers, e.g. `"mixed_bfloat16"`; by default Keras's
            global one. The subtraction and the output are float32 whatever it is.
        name: Name of the model.

    Call arguments:
        noisy: float32 tensor of shape `(batch, height, width, channels)`, about [0, 1],
            not clipped.

    Returns:
        The clean images, float32 of the same shape.

    Reference:
        K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian Denoiser: Residual
        Learning of Deep CNN for Image Denoising", IEEE TIP 26(7), 2017.

    Example:

    >>> model = DnCNN(depth=17)
    >>> model.compile(optimizer="adam", loss="mse")
    >>> model(np.zeros((1, 50, 40, 1), "float32")).shape
    TensorShape([1, 50, 40, 1])
    """

    def __init__(
        self,
        depth: int = 17,
        filters: int = 64,
        channels: int = 1,
        batch_norm: bool = True,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "dncnn",
    ):
        for argument, value, least in (
            ("depth", depth, 2),
            ("filters", filters, 1),
            ("channels", channels, 1),
        ):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"DnCNN: {argument} must be an integer >= {least}, got {value!r}")

        dtype = keras.dtype_policies.get(dtype or keras.config.dtype_policy()).name

        def convolution(index, outputs, use_bias, initializer):
            return layers.Conv2D(
                outputs,
                kernel_size=3,
                padding="same",
                use_bias=use_bias,
                kernel_initializer=initializer,
                dtype=dtype,
                name=f"conv_{index}",
            )

        noisy = keras.Input((None, None, channels), dtype="float32", name="noisy")
        x = convolution(1, filters, True, "orthogonal")(noisy)
        x = layers.ReLU(dtype=dtype, name="relu_1")(x)
        for index in range(2, depth):
            x = convolution(index, filters, not batch_norm, IdentityOrthogonal())(x)
            if batch_norm:
                # Keras's momentum of 0.99 lags behind in trainings of a few hundred steps.
                x = BatchNormalization(momentum=0.95, dtype=dtype, name=f"batch_norm_{index}")(x)
            x = layers.ReLU(dtype=dtype, name=f"relu_{index}")(x)
        # A small residual: the network starts close to what it is given.
        last = keras.initializers.Orthogonal(gain=0.1)
        residual = convolution(depth, channels, True, last)(x)
        clean = layers.Subtract(dtype="float32", name="clean")([noisy, residual])
        super().__init__(inputs=noisy, outputs=clean, name=name)
        self.depth = depth
        self.filters = filters
        self.channels = channels
        self.batch_norm = batch_norm
        self._layers_dtype = dtype

    @property
    def receptive_radius(self):
        """Number of pixels that an output pixel sees on each side of it."""
        return self.depth

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "depth": self.depth,
            "filters": self.filters,
            "channels": self.channels,
            "batch_norm": self.batch_norm,
            "dtype": self._layers_dtype,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model that `get_config` describes."""
        return cls(**config)
