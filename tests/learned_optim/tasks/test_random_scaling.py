import numpy as np
import pytest
import tensorflow as tf

from learned_optim.tasks.random_scaling import RandomScaling
from learned_optim.tasks.task import Task, fold


class Products(Task):
    name, shapes = "products", [(3,), (2, 2), ()]

    def initial(self, seed):
        return [tf.random.stateless_normal(s, fold(seed, i)) for i, s in enumerate(self.shapes)]

    def batch(self, seed, step):
        return tf.random.stateless_normal((), fold(seed, 10 + step))

    def loss(self, parameters, batch):
        a, b, c = parameters
        return tf.reduce_sum(a**2) * tf.reduce_sum(tf.sin(b)) + tf.square(c - batch)


def _seed(number):
    return tf.constant([number, 0], tf.int64)


def _loss_and_gradients(task, seed):
    parameters = task.initial(seed)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = task.loss(parameters, task.batch(seed, 3))
    return parameters, loss, tape.gradient(loss, parameters)


def test_the_start_is_the_same_problem_and_gradients_are_scaled():
    scaled = RandomScaling(Products(), spread=3.0)
    assert (scaled.name, scaled.shapes) == ("products", Products.shapes)
    inner_parameters, inner_loss, inner_gradients = _loss_and_gradients(Products(), _seed(1))
    parameters, loss, gradients = _loss_and_gradients(scaled, _seed(1))
    np.testing.assert_allclose(loss, inner_loss, rtol=1e-5)
    factors = []
    for before, after, mine, theirs in zip(
        inner_parameters, parameters, gradients, inner_gradients, strict=True
    ):
        factor = float(tf.reshape(before / after, [-1])[0])
        np.testing.assert_allclose(after, before / factor, rtol=1e-5)
        np.testing.assert_allclose(mine, theirs * factor, rtol=1e-4)
        factors.append(factor)
    assert len(set(factors)) == 3


def test_factors_fill_the_range_and_belong_to_the_instance():
    scaled = RandomScaling(Products(), spread=3.0)
    drawn = np.array([scaled.batch(_seed(number), 0)[0] for number in range(40)])
    assert drawn.min() > 1 / 3 - 1e-6 and drawn.max() < 3 + 1e-6
    assert drawn.min() < 0.5 and drawn.max() > 2
    assert abs(np.mean(np.log(drawn))) < 0.25
    np.testing.assert_array_equal(scaled.batch(_seed(7), 50)[0], drawn[7])


def test_no_spread_changes_nothing():
    scaled = RandomScaling(Products(), spread=1)
    for mine, theirs in zip(scaled.initial(_seed(0)), Products().initial(_seed(0)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_refuses_a_spread_below_one():
    with pytest.raises(ValueError, match="spread must be at least 1, got 0.5"):
        RandomScaling(Products(), spread=0.5)
