import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import weight_rounding
from dncnn_keras.weight_rounding import round_weights

BFLOAT16 = tf.bfloat16.as_numpy_dtype


def _layers(count=6, filters=8):
    """Kernels and biases about as large as those of a trained network without batch norm."""
    generator = np.random.default_rng(0)
    layers = []
    for index in range(count):
        inputs, outputs = 1 if index == 0 else filters, 1 if index == count - 1 else filters
        kernel = generator.normal(0, np.sqrt(2 / (9 * inputs)), (3, 3, inputs, outputs))
        bias = generator.normal(0, 0.3, outputs)
        layers.append([kernel.astype(np.float32), bias.astype(np.float32)])
    return layers


def _run(layers, x):
    for index, (kernel, bias) in enumerate(layers):
        x = tf.nn.relu(x) if index else x
        x = tf.nn.conv2d(x, kernel, 1, "SAME") + bias
    return x.numpy()


@pytest.mark.parametrize("dtype", [BFLOAT16, np.float16])
def test_hidden_weights_are_numbers_of_the_short_format(dtype):
    layers = _layers()
    rounded = round_weights(layers, dtype)
    for kernel, bias in rounded[1:-1]:
        np.testing.assert_array_equal(kernel.astype(dtype).astype(np.float32), kernel)
        np.testing.assert_array_equal(bias.astype(dtype).astype(np.float32), bias)
    for plain, short in zip(layers[0], rounded[0], strict=True):
        np.testing.assert_array_equal(short, plain)  # the first layer is not rounded


def test_the_errors_of_a_filter_sum_to_less_than_one_rounding():
    layers = _layers(3)
    (_, (kernel, bias), _), (_, (rounded, short), _) = layers, round_weights(layers, BFLOAT16)
    exact = kernel * (short / bias).astype(np.float64)
    lost = (rounded - exact).sum((0, 1, 2))
    assert np.all(np.abs(lost) < np.abs(exact).max() * 2.0**-8)
    plain = (exact.astype(BFLOAT16).astype(np.float64) - exact).sum((0, 1, 2))
    assert np.abs(lost).mean() < 0.3 * np.abs(plain).mean()


def test_biases_that_no_scale_near_one_saves_are_left_to_rounding():
    layers = _layers(3)
    layers[1][1][:2] = 0.0, 1e-7  # of float16 that is subnormal
    (_, (_, bias), (last, _)) = round_weights(layers, np.float16)
    assert bias[0] == 0 and bias[1] == pytest.approx(1e-7, rel=0.2)
    np.testing.assert_array_equal(last[:, :, :2], layers[2][0][:, :, :2])


def test_scaled_channels_give_the_same_network(monkeypatch):
    layers = _layers()
    monkeypatch.setattr(weight_rounding, "_round_kernel", lambda kernel, dtype: kernel)
    scaled = round_weights(layers, BFLOAT16)
    for (_, bias), (_, plain) in zip(scaled[1:-1], layers[1:-1], strict=True):
        np.testing.assert_array_equal(bias.astype(BFLOAT16), plain.astype(BFLOAT16))
    images = np.random.default_rng(1).uniform(0, 1, (1, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(_run(scaled, images), _run(layers, images), rtol=0, atol=1e-5)
