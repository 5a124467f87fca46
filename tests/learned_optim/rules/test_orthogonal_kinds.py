import math

import numpy as np
import pytest
import tensorflow as tf

from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules import make_rule

# First kernel, bias, hidden kernel, norm scale, last kernel.
COORDINATES = Coordinates(
    [(3, 4), (4,), (4, 5), (5,), (5, 2)],
    hidden_kernels([(3, 4), (4,), (4, 5), (5,), (5, 2)]),
)


def _anchor_and_adam():
    generator = np.random.default_rng(0)
    return tuple(generator.normal(size=(2, COORDINATES.size)).astype(np.float32))


def test_sees_what_the_default_rule_sees_and_the_kind_of_each_tensor():
    gradient = tf.constant(np.random.default_rng(0).normal(size=COORDINATES.size), tf.float32)
    moments = [tf.zeros(COORDINATES.size)] * 2
    inputs, observed, new = make_rule("orthogonal-kinds").observe(gradient, moments, 1, COORDINATES)
    like, observed_like, new_like = make_rule("orthogonal").observe(
        gradient, moments, 1, COORDINATES
    )
    np.testing.assert_array_equal(inputs[:, :8], like)
    kinds = [part.numpy().ravel() for part in COORDINATES.split(inputs[:, 8])]
    assert [set(kind) for kind in kinds] == [{0.0}, {0.0}, {5.0}, {0.0}, {0.0}]
    kinds = [part.numpy().ravel() for part in COORDINATES.split(inputs[:, 9])]
    assert [set(kind) for kind in kinds] == [{0.0}, {5.0}, {0.0}, {5.0}, {0.0}]
    for mine, theirs in zip((*observed, *new), (*observed_like, *new_like), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_starts_as_its_anchor():
    rule = make_rule("orthogonal-kinds")
    anchor, adam = _anchor_and_adam()
    update = rule.update([tf.zeros(COORDINATES.size)] * 3, (anchor, adam), COORDINATES)
    np.testing.assert_allclose(update, 10.0 * anchor, rtol=1e-5)


def test_the_length_of_all_but_hidden_kernels_is_the_networks():
    rule = make_rule("orthogonal-kinds", reach=5.0, scale=1.0)
    anchor, adam = _anchor_and_adam()
    nothing = tf.zeros(COORDINATES.size)
    for output, factor in ((0.5, 5.0 ** math.tanh(0.5)), (1e9, 5.0), (-1e9, 0.2)):
        outputs = [tf.fill([COORDINATES.size], output), nothing, nothing]
        update = COORDINATES.split(rule.update(outputs, (anchor, adam), COORDINATES))
        for index, (mine, theirs) in enumerate(
            zip(update, COORDINATES.split(tf.constant(anchor)), strict=True)
        ):
            expected = theirs if index == 2 else factor * theirs
            np.testing.assert_allclose(mine, expected, rtol=1e-5)


def test_the_anchor_decides_how_far_a_hidden_kernel_moves_whatever_its_direction():
    rule = make_rule("orthogonal-kinds", scale=1.0)
    anchor, adam = _anchor_and_adam()
    outputs = list(np.random.default_rng(1).normal(size=(3, COORDINATES.size)).astype(np.float32))
    update = COORDINATES.split(rule.update(outputs, (anchor, adam), COORDINATES))[2]
    wanted = COORDINATES.split(tf.constant(anchor))[2]
    np.testing.assert_allclose(np.linalg.norm(update), np.linalg.norm(wanted), rtol=1e-5)
    cosine = np.sum(update * wanted) / np.linalg.norm(wanted) ** 2
    assert cosine < 0.99
    free = make_rule("orthogonal-kinds", scale=1.0, keep_length=False)
    update = COORDINATES.split(free.update(outputs, (anchor, adam), COORDINATES))[2]
    assert abs(np.linalg.norm(update) / np.linalg.norm(wanted) - 1) > 0.01


@pytest.mark.parametrize("reach", [1.0, 0.0, math.nan])
def test_refuses_to_reach_nowhere(reach):
    with pytest.raises(ValueError, match="reach must be above 1"):
        make_rule("orthogonal-kinds", reach=reach)
