import keras
import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import BatchNormalization


def _twins(dtype="float32", **arguments):
    twins = []
    for make in (keras.layers.BatchNormalization, BatchNormalization):
        layer = make(momentum=0.7, dtype=dtype, **arguments)
        layer.build((None, None, None, 6))
        generator = np.random.default_rng(3)
        for variable in layer.variables:
            variable.assign(generator.uniform(0.5, 2, variable.shape))
        twins.append(layer)
    return twins


def _images(dtype="float32"):
    return tf.cast(np.random.default_rng(0).normal(1, 2, (4, 5, 7, 6)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("training", [True, False])
def test_the_fused_kernel_does_it(dtype, training):
    _, fused = _twins(dtype)
    traced = tf.function(lambda images: fused(images, training=training))
    graph = traced.get_concrete_function(_images(dtype.removeprefix("mixed_"))).graph
    assert "FusedBatchNormV3" in {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-5), ("mixed_bfloat16", 0.04), ("mixed_float16", 0.005)]
)
@pytest.mark.parametrize("training", [True, False])
def test_agrees_with_keras(dtype, tolerance, training):
    stock, fused = _twins(dtype)
    images = _images(dtype.removeprefix("mixed_"))
    expected, result = (layer(images, training=training) for layer in (stock, fused))
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(
        tf.cast(result, "float32"), tf.cast(expected, "float32"), atol=tolerance, rtol=tolerance
    )
    for mine, theirs in zip(fused.variables, stock.variables, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=tolerance / 4)
        assert mine.path.split("/")[-1] == theirs.path.split("/")[-1]


def test_gradients_agree_with_keras():
    images = _images()
    weights = tf.constant(np.random.default_rng(1).normal(size=images.shape), tf.float32)
    results = []
    for layer in _twins():
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(layer(images, training=True) ** 2 * weights)
        results.append(tape.gradient(loss, [images, *layer.trainable_variables]))
    for mine, theirs in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


def test_reads_weights_saved_by_keras(tmp_path):
    stock = keras.Sequential([keras.Input((None, None, 6)), keras.layers.BatchNormalization()])
    stock.layers[0].set_weights([np.full(6, value) for value in (2.0, 1.0, 3.0, 4.0)])
    stock.save_weights(tmp_path / "stock.weights.h5")
    fused = keras.Sequential([keras.Input((None, None, 6)), BatchNormalization()])
    fused.load_weights(tmp_path / "stock.weights.h5")
    np.testing.assert_allclose(fused(_images()), stock(_images()), atol=1e-5)


def test_frozen_layer_uses_and_keeps_its_moving_statistics():
    _, fused = _twins()
    fused.trainable = False
    before = [np.array(v) for v in fused.variables]
    np.testing.assert_array_equal(fused(_images(), training=True), fused(_images()))
    np.testing.assert_array_equal(
        np.stack(before), np.stack([np.array(v) for v in fused.variables])
    )


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((8, 6), {}),
        ((4, 5, 6), {}),
        ((2, 3, 4, 5, 6), {}),
        ((4, 5, 7, 6), {"axis": 1}),
        ((4, 5, 7, 6), {"scale": False}),
        ((4, 5, 7, 6), {"center": False}),
        pytest.param(
            (4, 5, 7, 6),
            {"renorm": True},
            marks=pytest.mark.skipif(
                not hasattr(keras.layers.BatchNormalization(), "renorm"), reason="an older Keras"
            ),
        ),
        ((4, 5, 7, 6), {"dtype": "float16"}),
        ((4, 5, 7, 6), {"dtype": "float64"}),
    ],
)
def test_what_the_kernel_cannot_take_is_left_to_keras(shape, arguments):
    images = np.random.default_rng(0).normal(1, 2, shape).astype(np.float32)
    layers = [make(**arguments) for make in (keras.layers.BatchNormalization, BatchNormalization)]
    for _ in range(2):
        results = [layer(images, training=True) for layer in layers]
    np.testing.assert_array_equal(results[1], results[0])
    for mine, theirs in zip(layers[1].variables, layers[0].variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_mask_leaves_out_what_it_hides():
    images, mask = _images(), np.arange(35).reshape(1, 5, 7).repeat(4, axis=0) < 20
    stock, fused = _twins()
    expected = stock(images, training=True, mask=mask)
    np.testing.assert_array_equal(fused(images, training=True, mask=mask), expected)
