"""The multi-task network: a body, and heads for the clean and then the noisy image."""

from collections.abc import Sequence

import keras
from keras import layers

from meta_aux.convolution import convolution
from meta_aux.padding import Crop, PadToMultiple
from meta_aux.residual_block import residual_blocks
from meta_aux.resize import Double, Halve

FILTERS = (32, 48, 64)


class Body(keras.Model):
    """Encoder and decoder at three scales: image to features of its size.

    Args:
        filters: Channels at full, half and quarter size.
        channels: Channels of the image.
        policy: `keras.DTypePolicy`.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, channels)`, of any size.

    Returns:
        Features of shape `(batch, height, width, filters[0])`.
    """

    def __init__(self, filters, channels, policy):
        full, half, quarter = filters

        def upsampling(x, skip, name):
            # The resizing treats every channel alike, so it can follow the 1x1 convolution,
            # which then has a quarter of the pixels to do.
            x = convolution(skip.shape[-1], 1, policy, name=f"{name}_conv")(x)
            x = Double(dtype=policy, name=f"{name}_double")(x)
            return layers.Add(dtype=policy, name=f"{name}_skip")([x, skip])

        noisy = keras.Input((None, None, channels), dtype=policy.variable_dtype, name="noisy")
        x = PadToMultiple(4, dtype=policy.variable_dtype, name="pad")(noisy)
        x = convolution(full, 3, policy, name="conv")(x)
        at_full = x = residual_blocks(x, 2, policy, "encoder_full")
        x = Halve(dtype=policy, name="to_half")(x)
        x = convolution(half, 1, policy, name="to_half_conv")(x)
        at_half = x = residual_blocks(x, 2, policy, "encoder_half")
        x = Halve(dtype=policy, name="to_quarter")(x)
        x = convolution(quarter, 1, policy, name="to_quarter_conv")(x)
        x = residual_blocks(x, 2, policy, "encoder_quarter")

        x = residual_blocks(x, 2, policy, "decoder_quarter")
        x = residual_blocks(upsampling(x, at_half, "from_quarter"), 2, policy, "decoder_half")
        x = residual_blocks(upsampling(x, at_full, "from_half"), 2, policy, "decoder_full")
        features = Crop(dtype=policy, name="features")(x, noisy)
        super().__init__(inputs=noisy, outputs=features, name="body")


class PrimaryHead(keras.Model):
    """Features to an image: the residual `clean - noisy` in the multi-task network.

    Args:
        filters: Channels of the features.
        channels: Channels of the image.
        policy: `keras.DTypePolicy`.
        name: Name of the head.

    Call arguments:
        features: Tensor of shape `(batch, height, width, filters)`.

    Returns:
        Tensor of shape `(batch, height, width, channels)`.
    """

    def __init__(self, filters, channels, policy, name="primary_head"):
        features = keras.Input((None, None, filters), dtype=policy.compute_dtype, name="features")
        x = residual_blocks(features, 2, policy, "block")
        image = convolution(channels, 3, policy, name="conv")(x)
        super().__init__(inputs=features, outputs=image, name=name)


class AuxiliaryHead(keras.Model):
    """Predicts the noisy image from what the primary head made of it.

    Args:
        filters: Channels of the hidden layers.
        channels: Channels of the image.
        policy: `keras.DTypePolicy`.

    Call arguments:
        inputs: List of the clean image and the residual, of shape
            `(batch, height, width, channels)` both.

    Returns:
        The noisy image, of the same shape.
    """

    def __init__(self, filters, channels, policy):
        clean, residual = (
            keras.Input((None, None, channels), dtype=policy.variable_dtype, name=name)
            for name in ("clean", "residual")
        )
        x = layers.Concatenate(dtype=policy, name="concat")([clean, residual])
        x = convolution(filters, 3, policy, name="conv_first")(x)
        x = residual_blocks(x, 1, policy, "block")
        x = convolution(channels, 3, policy, name="conv_last")(x)
        super().__init__(inputs=[clean, residual], outputs=x, name="auxiliary_head")


class Heads(keras.Model):
    """Both heads, which are what adapts to an image.

    Args:
        filters: Channels of the features.
        channels: Channels of the image.
        policy: `keras.DTypePolicy`.

    Call arguments:
        inputs: List of the body's features and the noisy image.

    Returns:
        List of the clean image and the predicted noisy image, of the shape of the noisy one.
    """

    def __init__(self, filters, channels, policy):
        images = policy.variable_dtype
        features = keras.Input((None, None, filters), dtype=policy.compute_dtype, name="features")
        noisy = keras.Input((None, None, channels), dtype=images, name="noisy")
        residual = PrimaryHead(filters, channels, policy)(features)
        residual = layers.Identity(dtype=images, name="residual")(residual)
        clean = layers.Add(dtype=images, name="clean")([noisy, residual])
        predicted = AuxiliaryHead(filters, channels, policy)([clean, residual])
        predicted = layers.Identity(dtype=images, name="predicted")(predicted)
        super().__init__(inputs=[features, noisy], outputs=[clean, predicted], name="heads")


@keras.saving.register_keras_serializable("meta_aux")
class MultiTask(keras.Model):
    """Denoises (primary task), and predicts the noisy image from the result (auxiliary task).

    The auxiliary head stands after the primary one, so its loss, which needs no ground truth,
    reaches both heads: they can adapt to a single noisy image. The forward pass is written once,
    and takes its weights from wherever they are:

    - plain: `network(noisy)`;
    - functional: `network.stateless_call(weights, [], noisy)[0]`, with tensors for
      `network.trainable_variables`;
    - adapted: `features = network.body(noisy)` once an image, then
      `network.heads.stateless_call(weights, [], [features, noisy])[0]` with tensors for
      `network.heads.trainable_variables`.

    All of it can be differentiated twice.

    Args:
        filters: Channels at full, half and quarter size.
        channels: Channels of the image.
        dtype: Keras dtype policy of the layers, by default Keras's global one. What goes in and
            out is float32 in mixed precision.
        name: Name of the model.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, channels)`, about [0, 1], of any size.

    Returns:
        List of the clean image and the predicted noisy image, of the shape of `noisy`, neither
        clipped.

    Reference:
        "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning",
        arXiv 2207.02066, figure 2.

    Example:

    >>> clean, predicted = MultiTask()(np.zeros((1, 33, 50, 3), "float32"))
    >>> clean.shape
    TensorShape([1, 33, 50, 3])
    """

    _heads = Heads

    def __init__(
        self,
        filters: Sequence[int] = FILTERS,
        channels: int = 3,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "multi_task",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        noisy = keras.Input((None, None, channels), dtype=policy.variable_dtype, name="noisy")
        features = Body(filters, channels, policy)(noisy)
        images = self._heads(filters[0], channels, policy)([features, noisy])
        super().__init__(inputs=noisy, outputs=images, name=name)
        self.filters = tuple(filters)
        self.channels = channels
        self._layers_dtype = policy.name

    @property
    def body(self):
        """The `Body`: noisy image to features."""
        return self.get_layer("body")

    @property
    def heads(self):
        """The `Heads`: features and noisy image to clean and predicted noisy image."""
        return self.get_layer("heads")

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
