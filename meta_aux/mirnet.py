"""MIRNet, which keeps full resolution and exchanges features between scales."""

import keras
import numpy as np
from keras import layers, ops

from meta_aux.convolution import convolution
from meta_aux.padding import Crop, PadToMultiple
from meta_aux.resize import Double


@keras.saving.register_keras_serializable("meta_aux")
class MIRNet(keras.Model):
    """Learning enriched features for image restoration (Zamir et al. 2020).

    Recursive residual groups (RRG) of multi-scale residual blocks (MSRB). An MSRB runs streams
    at full, half and quarter size through dual attention units (DAU), each stream `width` times,
    with an exchange between all of them, by selective kernel feature fusion (SKFF), before every
    time but the first; a last fusion at full size ends it. No convolution has a bias.

    Three things share weights, as in the authors' code, or else the parameters would not be
    those of the published network: the DAUs of a stream, the slope of the PReLU in all DAUs of
    the network, and the last fusion of an MSRB with the exchange at full size.

    Args:
        filters: Channels at full size; they double from scale to scale.
        groups: Number of RRGs.
        blocks: Number of MSRBs in each of them.
        scales: Number of streams.
        width: Number of DAUs that each stream passes.
        dtype: Keras dtype policy of the layers, by default Keras's global one. What goes in and
            out is float32 in mixed precision.
        name: Name of the model.

    Call arguments:
        noisy: Tensor of shape `(batch, height, width, 3)`, about [0, 1], of any size.

    Returns:
        The clean images, of the same shape, not clipped.

    Reference:
        S. W. Zamir, A. Arora, S. Khan, M. Hayat, F. S. Khan, M.-H. Yang, L. Shao, "Learning
        Enriched Features for Real Image Restoration and Enhancement", ECCV 2020.

    Example:

    >>> MIRNet().count_params()
    31787419
    """

    def __init__(
        self,
        filters: int = 64,
        groups: int = 3,
        blocks: int = 2,
        scales: int = 3,
        width: int = 2,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "mirnet",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        slope = _prelu(policy)
        noisy = keras.Input((None, None, 3), dtype=policy.variable_dtype, name="noisy")
        padded = PadToMultiple(2 ** (scales - 1), dtype=policy.variable_dtype)(noisy)
        x = convolution(filters, 3, policy)(padded)
        for _ in range(groups):
            group = x
            for _ in range(blocks):
                x = _multi_scale_block(x, scales, width, slope, policy)
            x = convolution(filters, 3, policy)(x)
            x = layers.Add(dtype=policy)([x, group])
        x = convolution(3, 3, policy)(x)
        x = Crop(dtype=policy)(x, noisy)
        clean = layers.Add(dtype=policy.variable_dtype, name="clean")([noisy, x])
        super().__init__(inputs=noisy, outputs=clean, name=name)
        self._config = {
            "filters": filters,
            "groups": groups,
            "blocks": blocks,
            "scales": scales,
            "width": width,
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


def _multi_scale_block(x, scales, width, slope, policy):
    """MSRB: streams at several scales, with an exchange between all of them."""
    filters = [x.shape[-1] * 2**scale for scale in range(scales)]
    attention = [_dual_attention(f, slope, policy) for f in filters]
    fusion = [_selective_kernel_fusion(f, scales, policy) for f in filters]
    # One way from each scale to each other; the ways to the last fusion are separate ones.
    down = {
        (i, j): _resizing(_residual_down, filters[i:j], policy)
        for i in range(scales)
        for j in range(i + 1, scales)
    }
    up = {
        (i, j): _resizing(_residual_up, filters[i:j:-1], policy)
        for i in range(scales)
        for j in range(i)
    }
    last_up = {(i, 0): _resizing(_residual_up, filters[i:0:-1], policy) for i in range(1, scales)}

    def resized(features, ways, target):
        """What is at every scale, at the target scale."""
        return [
            f if source == target else ways[source, target](f) for source, f in enumerate(features)
        ]

    streams = [attention[0](x)]
    for scale in range(1, scales):
        streams.append(attention[scale](down[scale - 1, scale](streams[-1])))
    for _ in range(1, width):
        fused = [fusion[t](resized(streams, down | up, t)) for t in range(scales)]
        streams = [unit(f) for unit, f in zip(attention, fused, strict=True)]
    y = fusion[0](resized(streams, last_up, 0))
    return layers.Add(dtype=policy)([x, convolution(filters[0], 3, policy)(y)])


def _dual_attention(filters, slope, policy):
    """DAU: attention to places and to channels, side by side."""
    x = _features(filters, policy)
    y = convolution(filters, 3, policy)(slope(convolution(filters, 3, policy)(x)))

    strongest = ops.max(y, axis=-1, keepdims=True)
    mean = ops.mean(y, axis=-1, keepdims=True)
    places = layers.Concatenate(dtype=policy)([strongest, mean])
    places = convolution(1, 5, policy, activation="sigmoid")(places)

    channels = layers.GlobalAveragePooling2D(keepdims=True, dtype=policy)(y)
    channels = convolution(filters // 8, 1, policy, activation="relu")(channels)
    channels = convolution(filters, 1, policy, activation="sigmoid")(channels)

    both = [layers.Multiply(dtype=policy)([y, weights]) for weights in (places, channels)]
    both = layers.Concatenate(dtype=policy)(both)
    return keras.Model(x, layers.Add(dtype=policy)([x, convolution(filters, 1, policy)(both)]))


def _selective_kernel_fusion(filters, count, policy):
    """SKFF: a sum of `count` streams, each channel weighted by what is in all of them."""
    streams = [_features(filters, policy) for _ in range(count)]
    summary = layers.GlobalAveragePooling2D(keepdims=True, dtype=policy)(
        layers.Add(dtype=policy)(streams)
    )
    summary = _prelu(policy)(convolution(max(filters // 8, 4), 1, policy)(summary))
    scores = [convolution(filters, 1, policy)(summary) for _ in range(count)]
    weights = ops.softmax(ops.stack(scores, axis=0), axis=0)
    weighted = [
        layers.Multiply(dtype=policy)([stream, weights[number]])
        for number, stream in enumerate(streams)
    ]
    return keras.Model(streams, layers.Add(dtype=policy)(weighted))


def _resizing(step, filters, policy):
    """One or more steps by a factor of two, `filters` being the channels before each."""
    x = start = _features(filters[0], policy)
    for before in filters:
        x = step(x, before, policy)
    return keras.Model(start, x)


def _residual_down(x, filters, policy):
    y = _prelu(policy)(convolution(filters, 1, policy)(x))
    y = _prelu(policy)(convolution(filters, 3, policy)(y))
    y = convolution(2 * filters, 1, policy)(_BlurredHalf(dtype=policy)(y))
    straight = convolution(2 * filters, 1, policy)(_BlurredHalf(dtype=policy)(x))
    return layers.Add(dtype=policy)([y, straight])


def _residual_up(x, filters, policy):
    y = _prelu(policy)(convolution(filters, 1, policy)(x))
    transposed = layers.Conv2DTranspose(
        filters,
        3,
        strides=2,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        dtype=policy,
    )
    # PyTorch's padding=1, output_padding=1: the first row and column are cut off.
    y = _prelu(policy)(transposed(y)[:, 1:, 1:])
    y = convolution(filters // 2, 1, policy)(y)
    straight = Double(dtype=policy)(convolution(filters // 2, 1, policy)(x))
    return layers.Add(dtype=policy)([y, straight])


class _BlurredHalf(layers.Layer):
    """Every second pixel after a binomial blur, which keeps coarse scales free of aliasing."""

    def call(self, x):
        """Halves height and width."""
        channels = x.shape[-1]
        kernel = np.outer([1, 2, 1], [1, 2, 1])[:, :, None, None] / 16
        kernel = ops.convert_to_tensor(np.tile(kernel, (1, 1, channels, 1)), x.dtype)
        padded = ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
        return ops.depthwise_conv(padded, kernel, strides=2)


def _features(filters, policy):
    return keras.Input((None, None, filters), dtype=policy.compute_dtype)


def _prelu(policy):
    """One slope for all channels, which starts where PyTorch's does."""
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2, 3], dtype=policy)
