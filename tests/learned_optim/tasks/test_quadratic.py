import numpy as np
import tensorflow as tf

from learned_optim.tasks.quadratic import Quadratics

SEED = tf.constant([5, 1], tf.int64)


def test_losses_are_those_of_the_paper():
    task = Quadratics(functions=3, dimensions=4)
    (theta,), (matrices, y) = task.initial(SEED), task.batch(SEED, 0)
    assert (theta.shape, matrices.shape, y.shape) == ((3, 4), (3, 4, 4), (3, 4))
    expected = [
        np.sum((p.astype(np.float64) @ t - target) ** 2)
        for p, t, target in zip(matrices.numpy(), theta.numpy(), y.numpy(), strict=True)
    ]
    losses = task.losses([theta], (matrices, y))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(task.loss([theta], (matrices, y)), np.sum(expected), rtol=1e-5)


def test_every_function_has_the_gradient_that_it_would_have_alone():
    task = Quadratics(functions=3, dimensions=4)
    (theta,), (matrices, y) = task.initial(SEED), task.batch(SEED, 0)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        loss = task.loss([theta], (matrices, y))
    residual = np.einsum("fij,fj->fi", matrices, theta) - y.numpy()
    expected = 2 * np.einsum("fij,fi->fj", matrices, residual)
    np.testing.assert_allclose(tape.gradient(loss, theta), expected, rtol=1e-4, atol=1e-4)


def test_a_seed_is_an_instance_that_does_not_change():
    task = Quadratics(functions=50)
    first, later = task.batch(SEED, 0), task.batch(SEED, 30)
    other = task.batch(SEED + 1, 0)
    for mine, same, different in zip(first, later, other, strict=True):
        np.testing.assert_array_equal(mine, same)
        assert np.all(mine != different)
    np.testing.assert_array_equal(task.initial(SEED)[0], task.initial(SEED)[0])
    assert np.all(task.initial(SEED)[0] != task.initial(SEED + 1)[0])


def test_numbers_are_gaussian_and_independent():
    task = Quadratics(functions=200)
    (theta,), (matrices, y) = task.initial(SEED), task.batch(SEED, 0)
    for numbers in (theta, matrices, y):
        assert abs(np.mean(numbers)) < 0.1 and abs(np.std(numbers) - 1) < 0.1
    assert abs(np.corrcoef(np.ravel(theta), np.ravel(y))[0, 1]) < 0.1
