"""One Adam step of DnCNN, depth 17, batch 64 of 40x40, in patches a second."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks import torch_dncnn
from benchmarks.stopwatch import seconds_in_turns, seconds_per_call
from dncnn_keras import DnCNN
from dncnn_keras.precision import fast_dtype

BATCH, SIDE, DEPTH, FILTERS = 64, 40, 17, 64


def measure():
    """Yields lines: ours, stock Keras, PyTorch where installed, and the bare convolution's rate."""
    patches = np.random.default_rng(0).random((BATCH, SIDE, SIDE, 1), np.float32)
    step = _keras_step(DnCNN(dtype=fast_dtype()), patches)
    rivals = {}
    for dtype in ("float32", "mixed_bfloat16"):
        rivals[f"stock Keras, {dtype}"] = _keras_step(_stock(dtype), patches)
    if torch_dncnn.torch:
        for bfloat16 in (False, True):
            kind = "autocast bfloat16" if bfloat16 else "float32"
            rivals[f"PyTorch channels_last, {kind}"] = torch_dncnn.training_step(patches, bfloat16)
    times = seconds_in_turns({"ours": step, **rivals}, least_seconds=5.0)
    ours, *others = (BATCH / seconds for seconds in times.values())
    yield f"{f'ours, {fast_dtype()}':<40}{ours:7.1f} patches/s"
    for name, rate in zip(rivals, others, strict=True):
        yield f"{name:<40}{rate:7.1f} patches/s: ours is {ours / rate:.2f}x"
    bare = _bare_convolution_rate()
    # A training step costs three convolutions a layer: forward, and back to input and to kernel.
    flops = 3 * 2 * 9 * FILTERS * ((DEPTH - 2) * FILTERS + 2) * SIDE**2
    yield (
        f"{'bare 64-to-64 convolution, forward':<40}{bare / 1e9:7.1f} GFLOP/s: "
        f"our step reaches {ours * flops / bare:.0%} of it"
    )


def _keras_step(model, patches):
    model.compile(optimizer="adam", loss="mse", jit_compile=False)
    batch = tf.constant(patches)
    return lambda: float(model.train_on_batch(batch, batch))


def _stock(dtype):
    """The network as one would write it with Keras's own layers."""
    layers = keras.layers
    noisy = keras.Input((None, None, 1), dtype="float32")
    x = layers.Conv2D(FILTERS, 3, padding="same", activation="relu", dtype=dtype)(noisy)
    for _ in range(DEPTH - 2):
        x = layers.Conv2D(FILTERS, 3, padding="same", use_bias=False, dtype=dtype)(x)
        x = layers.BatchNormalization(dtype=dtype)(x)
        x = layers.ReLU(dtype=dtype)(x)
    residual = layers.Conv2D(1, 3, padding="same", dtype=dtype)(x)
    return keras.Model(noisy, layers.Subtract(dtype="float32")([noisy, residual]))


def _bare_convolution_rate():
    dtype = tf.bfloat16 if fast_dtype() == "mixed_bfloat16" else tf.float32
    x = tf.cast(tf.random.normal((BATCH, SIDE, SIDE, FILTERS)), dtype)
    kernel = tf.cast(tf.random.normal((3, 3, FILTERS, FILTERS)), dtype)
    convolve = tf.function(lambda: tf.nn.conv2d(x, kernel, 1, "SAME")[0, 0, 0, 0])
    flops = 2 * 9 * FILTERS * FILTERS * BATCH * SIDE**2
    return flops / seconds_per_call(lambda: convolve().numpy(), least_seconds=2)
