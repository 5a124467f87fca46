import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules import make_rule
from learned_optim.rules.orthogonal_anchor import orthogonal_direction

SHAPES = [(3, 2), (2,), (3, 3, 2, 4), (4,), (4, 6), (6, 2)]


def _minimize(optimizer, steps):
    generator = np.random.default_rng(0)
    variables = [keras.Variable(generator.normal(size=shape), dtype="float32") for shape in SHAPES]
    targets = [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]
    optimizer.build(variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses = [
                tf.reduce_sum(tf.square(tf.square(v) - target))
                for v, target in zip(variables, targets, strict=True)
            ]
            loss = tf.add_n(losses)
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]))

    for _ in range(steps):
        step()
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("scale", [5.0, 2.0])
def test_untrained_it_is_scaled_orthogonal_momentum(scale):
    arguments = {
        "beta_1": 0.8,
        "beta_2": 0.99,
        "beta_hidden": 0.9,
        "beta_start": 0.5,
        "beta_warmup": 30,
    }
    plain = _minimize(OrthogonalMomentum(1e-3 * scale, **arguments), 60)
    rule = make_rule("orthogonal", scale=scale, **arguments)
    learned = _minimize(LearnedOptimizer(1e-3, weights=rule), 60)
    start = _minimize(OrthogonalMomentum(0.0), 1)
    for mine, theirs, begin in zip(learned, plain, start, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
        assert np.abs(theirs - begin).max() > 0.03


def test_hidden_kernels_move_orthogonally_the_rest_by_half_of_adam(orthogonalized):
    coordinates = Coordinates(SHAPES, hidden_kernels(SHAPES))
    generator = np.random.default_rng(0)
    gradient, momentum, adam = generator.normal(size=(3, coordinates.size)).astype(np.float32)
    direction = orthogonal_direction(
        *(tf.constant(each) for each in (gradient, momentum, adam)), 0.9, coordinates
    )
    nesterov = coordinates.split(tf.constant(0.9 * momentum + 0.1 * gradient))
    expected = coordinates.split(tf.constant(0.5 * adam))
    for index in (2, 4):
        matrix = nesterov[index].numpy().reshape(-1, SHAPES[index][-1]).astype(np.float64)
        wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
        result = orthogonalized(wide) * 0.2 * np.sqrt(max(matrix.shape))
        result = result.T if wide.shape != matrix.shape else result
        expected[index] = result.reshape(SHAPES[index])
        # About as large as a step of Adam's.
        assert 0.1 < np.sqrt(np.mean(np.square(result))) < 0.3
    for mine, theirs in zip(coordinates.split(direction), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_sees_the_orthogonal_direction_and_its_difference_from_adams():
    rule = make_rule("orthogonal")
    coordinates = Coordinates(SHAPES, hidden_kernels(SHAPES))
    generator = np.random.default_rng(0)
    gradient = tf.constant(generator.normal(size=coordinates.size), tf.float32)
    moments = [tf.zeros(coordinates.size)] * 2
    inputs, (anchor, adam), moments = rule.observe(gradient, moments, 1, coordinates)
    assert inputs.shape == (coordinates.size, rule.inputs)
    # Both are the gradient's sign in the first step.
    np.testing.assert_allclose(inputs[:, 0], np.sign(gradient), rtol=1e-3)
    np.testing.assert_allclose(inputs[:, 1], np.sign(gradient), rtol=1e-3)
    np.testing.assert_array_equal(adam, inputs[:, 1])
    np.testing.assert_allclose(inputs[:, 2], 5 * anchor, rtol=1e-6)
    np.testing.assert_allclose(inputs[:, 3], 5 * anchor - adam, rtol=1e-6)
    decays = coordinates.choose(hidden=0.15 - 0.1 / 300, other=0.1)
    np.testing.assert_allclose(moments[0], decays * gradient, rtol=1e-4)


def test_the_direction_is_within_its_bounds_for_any_output():
    rule = make_rule("orthogonal", scale=2.0, keep_length=False)
    anchor, adam = np.array([0.2, -0.4], np.float32), np.array([1.0, 0.5], np.float32)
    outputs = np.array([[0.3, -0.2], [0.1, -0.4], [0.5, 0.6]], np.float32)
    factor, *terms = np.exp(np.log(3) * np.tanh(outputs[0])), 0.3 * np.tanh(outputs[1]) * adam
    expected = 2 * (factor * anchor + terms[0] + 0.1 * np.tanh(outputs[2]))
    update = rule.update(list(outputs), (anchor, adam), None)
    np.testing.assert_allclose(update, expected, rtol=1e-5)
    for output, factor in ((1e9, 3.0), (-1e9, 1 / 3)):
        update = rule.update([tf.fill([2], output)] * 3, (anchor, adam), None)
        free = np.sign(output) * (0.3 * adam + 0.1)
        np.testing.assert_allclose(update, 2 * (factor * anchor + free), rtol=1e-5)


def test_the_anchor_decides_how_far_each_tensor_moves():
    free, rule = (make_rule("orthogonal", keep_length=keep) for keep in (False, True))
    coordinates = Coordinates(SHAPES, hidden_kernels(SHAPES))
    generator = np.random.default_rng(0)
    anchor, adam, *outputs = generator.normal(size=(5, coordinates.size)).astype(np.float32)
    update = rule.update(outputs, (anchor, adam), coordinates)
    direction = free.update(outputs, (anchor, adam), coordinates)
    for mine, theirs, along in zip(
        *map(coordinates.split, (update, 10.0 * anchor, direction)), strict=True
    ):
        mine, along = mine.numpy().ravel(), along.numpy().ravel()
        length = np.linalg.norm(theirs)
        np.testing.assert_allclose(np.linalg.norm(mine), length, rtol=1e-4)
        np.testing.assert_allclose(mine @ along, length * np.linalg.norm(along), rtol=1e-4)


def test_a_tensor_without_gradient_stays_and_leaves_the_meta_gradient_finite():
    rule = make_rule("orthogonal")
    coordinates = Coordinates([(3,), (2,)], [False, False])
    anchor = tf.constant([1.0, -1.0, 0.5, 0.0, 0.0])
    for output in (0.0, 0.7):
        outputs = tf.fill([3, 5], output)
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            update = rule.update(tf.unstack(outputs), (anchor, anchor), coordinates)
        np.testing.assert_allclose(update[3:], 0, atol=1e-9)
        assert np.isfinite(tape.gradient(update, outputs)).all()
