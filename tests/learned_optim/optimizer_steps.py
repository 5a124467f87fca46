"""A few variables, gradients and steps of an optimizer, for the tests of several files."""

import keras
import numpy as np
import tensorflow as tf

# The kernels in the middle are hidden ones.
SHAPES = [(4, 3), (3,), (3, 3, 3, 2), (2,), (6, 2), (2, 5), (5,)]


def make_variables(shapes=SHAPES, dtype="float32"):
    generator = np.random.default_rng(0)
    return [keras.Variable(generator.normal(size=shape), dtype=dtype) for shape in shapes]


def make_gradients(step, shapes=SHAPES):
    generator = np.random.default_rng(100 + step)
    return [tf.constant(generator.normal(size=shape), tf.float32) for shape in shapes]


def values_of(variables):
    return [np.array(variable) for variable in variables]


def apply_steps(made, gradients, variables=None):
    """Applies the gradients step by step; returns the variables' values."""
    variables = make_variables() if variables is None else variables
    for each in gradients:
        made.apply(each, variables)
    return values_of(variables)


def assert_close(found, expected, tolerance=1e-5):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=tolerance)


def assert_equal(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def make_model(layers=2, policy=None):
    keras.utils.set_random_seed(0)
    hidden = [
        keras.layers.Dense(6, "relu", dtype=policy, name=f"hidden_{i}") for i in range(layers)
    ]
    output = keras.layers.Dense(2, dtype=policy, name="output")
    return keras.Sequential([keras.Input((4,)), *hidden, output])


def make_data():
    x = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    return x, np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2])], axis=1)
