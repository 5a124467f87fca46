import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer
from learned_optim.rules import make_rule
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.trajectory import Trajectory, mean_final_loss

TASK = Quadratics(functions=3, dimensions=2)


def _reference(seed, steps, rate):
    """Losses of gradient descent in float64; rate is a function of the step."""
    seed = tf.constant([seed, 1], tf.int64)
    (theta,), (p, y) = TASK.initial(seed), TASK.batch(seed, 0)
    theta, p, y = (each.numpy().astype(np.float64) for each in (theta, p, y))
    losses = []
    for step in range(steps + 1):
        residual = np.einsum("fij,fj->fi", p, theta) - y
        losses.append(np.sum(residual**2))
        if step < steps:
            theta = theta - rate(step) * 2 * np.einsum("fij,fi->fj", p, residual)
    return losses


def test_losses_are_those_of_gradient_descent():
    trajectory = Trajectory(TASK, lambda: keras.optimizers.SGD(0.02))
    for seed in (0, 7):
        losses = _reference(seed, 6, lambda step: 0.02)
        np.testing.assert_allclose(trajectory.run(seed, 6), losses, rtol=1e-4)
    losses = _reference(7, 4, lambda step: 0.05)
    np.testing.assert_allclose(trajectory.run(7, 4, learning_rate=0.05), losses, rtol=1e-4)
    np.testing.assert_allclose(trajectory.run(7, 4), _reference(7, 4, lambda s: 0.02), rtol=1e-4)


def test_the_rate_falls_along_half_a_cosine():
    trajectory = Trajectory(TASK, lambda: keras.optimizers.SGD(0.04), schedule="cosine")
    losses = _reference(1, 8, lambda step: 0.02 * (1 + math.cos(math.pi * step / 8)))
    np.testing.assert_allclose(trajectory.run(1, 8), losses, rtol=1e-4)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule must be 'constant' or 'cosine', got 'linear'"):
        Trajectory(TASK, keras.optimizers.SGD, "linear")


def test_every_run_starts_with_a_fresh_optimizer():
    trajectory = Trajectory(TASK, lambda: keras.optimizers.Adam(0.1))
    first = trajectory.run(3, 5)
    trajectory.run(4, 5)
    np.testing.assert_array_equal(trajectory.run(3, 5), first)


def test_anything_can_be_measured():
    trajectory = Trajectory(TASK, lambda: keras.optimizers.SGD(0.02), measure=TASK.losses)
    values = trajectory.run(0, 6)
    assert values.shape == (7, 3)
    np.testing.assert_allclose(values.sum(axis=1), _reference(0, 6, lambda s: 0.02), rtol=1e-4)


def test_a_rule_that_is_trained_on_is_seen_as_it_is():
    rule = make_rule("adam", units=2)
    trajectory = Trajectory(TASK, lambda: LearnedOptimizer(0.1, weights=rule))
    before = trajectory.run(0, 4)
    adam = Trajectory(TASK, lambda: keras.optimizers.Adam(0.1)).run(0, 4)
    np.testing.assert_allclose(before, adam, rtol=1e-3)
    # A bias that makes every step three times as large.
    rule.head.bias.assign([100.0, 0.0])
    large = Trajectory(TASK, lambda: keras.optimizers.Adam(0.3)).run(0, 4)
    np.testing.assert_allclose(trajectory.run(0, 4), large, rtol=1e-3)


def test_the_final_loss_is_the_mean_over_the_last_steps():
    losses = np.arange(100.0)
    assert mean_final_loss(losses) == 94.5
    assert mean_final_loss(losses, share=0.5) == 74.5
    assert mean_final_loss([5.0, 3.0]) == 3.0
    assert mean_final_loss([1.0] * 9 + [math.nan]) == math.inf
    assert mean_final_loss([1.0] * 9 + [math.inf]) == math.inf
