"""A trained DnCNN as a denoiser, as fast as the machine allows."""

import numpy as np
import tensorflow as tf

from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.folding import fold_batch_norm
from dncnn_keras.images import from_float, to_float
from dncnn_keras.precision import fast_dtype, on_gpu
from dncnn_keras.tiling import apply_tiled
from dncnn_keras.weight_rounding import round_weights

# Pixels a side of the largest image that goes through the network at once. A hidden layer of 64
# channels then takes 67 MB in float32; the overlap of the windows costs 15 % more computation.
TILE = 512


class DnCNNDenoiser(Denoiser):
    """Denoises with a `DnCNN`, blindly: `sigma` is ignored.

    Batch norm is folded into the convolutions, and the network is compiled with its weights as
    constants. The weights are copied, so training the model further does not change the
    denoiser. Large images go through in windows, with the same result. A network of one channel
    takes images of any number of channels, one at a time.

    Args:
        model: A `DnCNN`.
        dtype: Format of the hidden layers, `"float32"`, `"bfloat16"` or `"float16"`. The first
            and the last layer and the subtraction from the image are float32 whatever it is. By
            default the short format that the machine is fast at, float16 on GPUs since Ampere and
            bfloat16 on processors with units for it, else float32.

    Example:

    >>> denoiser = DnCNNDenoiser(DnCNN(depth=5))
    >>> denoiser(np.zeros((1, 50, 40, 3), "float32")).shape
    (1, 50, 40, 3)
    """

    def __init__(self, model, dtype=None):
        self.name = model.name
        self._channels = model.channels
        self._overlap = model.receptive_radius
        self._tile = max(TILE, 4 * self._overlap)  # a very deep network's would be all overlap
        self._network = _compile(fold_batch_norm(model), dtype or _fast_dtype())

    def denoise_batch(self, noisy, sigma=None):
        """Denoises a checked batch."""
        if self._channels not in (1, noisy.shape[3]):
            raise ValueError(
                f"{self.name}: the network takes images of {self._channels} channels, "
                f"got {noisy.shape[3]}"
            )
        return apply_tiled(self._denoise_window, noisy, self._tile, self._overlap)

    def denoise_pixels(self, pixels, sigma=None):
        """Denoises images as they lie in files; only a window at a time takes floats' memory."""

        def denoise_window(window):
            return from_float(self(to_float(window), sigma), pixels.dtype)

        return apply_tiled(denoise_window, pixels, self._tile, self._overlap)

    def _denoise_window(self, noisy):
        """Denoises image by image, so that the hidden layers' memory does not grow with them."""
        clean = np.empty_like(noisy)
        for image in range(noisy.shape[0]):
            for first in range(0, noisy.shape[3], self._channels):
                part = np.s_[image : image + 1, :, :, first : first + self._channels]
                try:
                    clean[part] = self._network(noisy[part])
                except tf.errors.ResourceExhaustedError as error:
                    height, width = noisy.shape[1:3]
                    raise MemoryError(
                        f"{self.name}: too little memory for {width}x{height} pixels"
                    ) from error
        return clean


def _fast_dtype():
    if fast_dtype() == "float32":
        return "float32"
    # Of the two, float16 has eight times the precision, but processors are seldom fast at it.
    # bfloat16 costs up to 0.03 dB at sigma 5 and 0.01 dB elsewhere (results/bench.md).
    return "float16" if on_gpu() else "bfloat16"


def _compile(model, dtype):
    """Returns the function `noisy -> clean` of a model without batch norm."""
    weights = [
        model.get_layer(f"conv_{index}").get_weights() for index in range(1, model.depth + 1)
    ]
    if dtype != "float32":
        weights = round_weights(weights, tf.as_dtype(dtype).as_numpy_dtype)

    def convolve(x, layer, dtype):
        x, kernel, bias = (tf.cast(value, dtype) for value in (x, *layer))
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), bias)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, model.channels), tf.float32)],
        autograph=False,
        jit_compile=False,
    )
    def denoise(noisy):
        (first, *hidden, last) = weights
        # The image itself passes the first layer and the residual leaves the last: a short
        # format would add its rounding error to every pixel, for a hundredth of the time.
        x = tf.nn.relu(convolve(noisy, first, tf.float32))
        for layer in hidden:
            x = tf.nn.relu(convolve(x, layer, dtype))
        return noisy - convolve(x, last, tf.float32)

    # Traced here, once; TensorFlow counts the calls of all models together, and would warn of five.
    traced = denoise.get_concrete_function()
    return lambda image: traced(tf.constant(image)).numpy()
