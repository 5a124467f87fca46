import numpy as np
import pytest
import tensorflow as tf

from meta_aux.resize import Double, Halve, double, halve
from tests.meta_aux.reference import bilinear

SIZES = [(2, 2), (4, 6), (8, 2)]


@pytest.mark.parametrize("size", [*SIZES, (1, 1), (3, 5), (1, 4)])
def test_double_is_bilinear_interpolation(size, generator):
    x = generator.normal(size=(2, *size, 3))
    expected = [bilinear(image, 2) for image in x]
    np.testing.assert_allclose(double(tf.constant(x)), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(Double(dtype="float64")(x), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", SIZES)
def test_halve_is_bilinear_interpolation(size, generator):
    x = generator.normal(size=(2, *size, 3))
    expected = [bilinear(image, 0.5) for image in x]
    np.testing.assert_allclose(halve(tf.constant(x)), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(Halve(dtype="float64")(x), expected, rtol=0, atol=1e-14)


def test_double_of_an_unknown_size(generator):
    x = generator.normal(size=(1, 3, 5, 2))
    traced = tf.function(double, input_signature=[tf.TensorSpec((None,) * 3 + (2,), tf.float64)])
    np.testing.assert_array_equal(traced(x), double(tf.constant(x)))


@pytest.mark.parametrize("resize", [halve, double])
def test_second_derivatives(resize, generator):
    start, direction = (tf.constant(generator.normal(size=(1, 4, 4, 2))) for _ in range(2))

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(resize(x) ** 3)
        return tape.gradient(loss, x)

    with tf.GradientTape() as tape:
        tape.watch(start)
        along = tf.reduce_sum(gradient(start) * direction)
    ahead, behind = (gradient(start + step * direction) for step in (1e-4, -1e-4))
    np.testing.assert_allclose(
        tape.gradient(along, start), (ahead - behind) / 2e-4, rtol=1e-6, atol=1e-8
    )
