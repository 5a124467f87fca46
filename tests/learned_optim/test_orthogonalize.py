import numpy as np
import pytest
import tensorflow as tf

from learned_optim.orthogonalize import orthogonalize


def _matrices(count, rows, columns):
    return np.random.default_rng(0).normal(size=(count, rows, columns)).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (4, 9), (27, 3)])
def test_is_the_iteration_in_float64(orthogonalized, rows, columns):
    matrices = _matrices(3, rows, columns)
    result = orthogonalize(tf.constant(matrices))
    for matrix, found in zip(matrices.astype(np.float64), result, strict=True):
        np.testing.assert_allclose(found, orthogonalized(matrix), atol=2e-5)


def test_singular_values_come_near_one_and_directions_stay():
    generator = np.random.default_rng(1)
    left = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    right = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    unequal = left[:, :5] @ np.diag([1.0, 0.5, 0.2, 0.02, 0.002]) @ right
    rotated = left.T @ orthogonalize(tf.constant(unequal[None], tf.float32))[0].numpy() @ right.T
    values = np.diag(rotated[:5])
    assert values.min() > 0.65 and values.max() < 1.25
    np.testing.assert_allclose(rotated[:5], np.diag(values), atol=1e-4)
    np.testing.assert_allclose(rotated[5:], 0, atol=1e-4)


def test_size_does_not_matter_and_zeros_stay_zeros():
    matrix = tf.constant(_matrices(1, 5, 4))
    expected = orthogonalize(matrix)
    for factor in (1e-3, 1e6):
        np.testing.assert_allclose(orthogonalize(factor * matrix), expected, atol=1e-3)
    np.testing.assert_array_equal(orthogonalize(tf.zeros((2, 5, 4))), np.zeros((2, 5, 4)))
