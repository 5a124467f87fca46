import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules import make_rule

# First kernel, bias, hidden kernel, norm scale, last kernel.
SHAPES = [(3, 4), (4,), (4, 5), (5,), (5, 2)]
COORDINATES = Coordinates(SHAPES, hidden_kernels(SHAPES))
HIDDEN = 2


def _anchor():
    return np.random.default_rng(0).normal(size=COORDINATES.size).astype(np.float32)


def _said(values):
    """The network's output where each tensor but the hidden one is told a value."""
    others = [size for i, size in enumerate(COORDINATES.sizes) if i != HIDDEN]
    return tf.constant(np.repeat(np.float32(values), others))


def _drawn(**arguments):
    """A rule whose network says something, the same at every call."""
    keras.utils.set_random_seed(0)
    rule = make_rule("orthogonal-lengths", **arguments)
    for weight in rule.head.weights:
        weight.assign(0.3 * np.random.default_rng(1).normal(size=weight.shape))
    return rule


def test_the_network_sees_all_but_hidden_kernels_and_whether_they_are_vectors():
    rule = make_rule("orthogonal-lengths")
    gradient = tf.constant(np.random.default_rng(0).normal(size=COORDINATES.size), tf.float32)
    moments = [tf.zeros(COORDINATES.size)] * 2
    inputs, (anchor,), new = rule.observe(gradient, moments, 1, COORDINATES)
    like, (anchor_like, _), new_like = make_rule("orthogonal").observe(
        gradient, moments, 1, COORDINATES
    )
    for mine, theirs in zip((anchor, *new), (anchor_like, *new_like), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    seen = np.concatenate([np.arange(0, 16), np.arange(36, 51)])
    assert rule.network_size(COORDINATES) == len(seen)
    np.testing.assert_array_equal(inputs[:, :3], like.numpy()[seen][:, [0, 1, 4]])
    np.testing.assert_allclose(inputs[:, 3:5], [[math.tanh(1 / 30), math.tanh(0.01)]] * len(seen))
    np.testing.assert_array_equal(inputs[:, 5], [0.0] * 12 + [5.0] * 4 + [5.0] * 5 + [0.0] * 10)


def test_each_tensor_but_hidden_kernels_moves_as_far_as_its_coordinates_say_on_average():
    rule = make_rule("orthogonal-lengths", reach=5.0, scale=2.0)
    anchor, values = _anchor(), [0.5, -0.3, 0.9, -1.2]
    # What adds up to nothing within a tensor changes nothing.
    noise = tf.constant([0.2, -0.2] * 8 + [0.2, -0.2, 0.1, -0.1, 0.0] + [0.3, -0.3] * 5)
    said = _said(values) + noise
    update = COORDINATES.split(rule.update([said], (anchor,), COORDINATES))
    factors = [5.0 ** math.tanh(value) for value in values]
    factors.insert(HIDDEN, 1.0)
    for mine, theirs, factor in zip(
        update, COORDINATES.split(tf.constant(anchor)), factors, strict=True
    ):
        np.testing.assert_allclose(mine, 2.0 * factor * theirs, rtol=1e-5)


@pytest.mark.parametrize(("said", "factor"), [(1e9, 5.0), (-1e9, 0.2)])
def test_no_step_is_longer_or_shorter_than_its_reach(said, factor):
    rule, anchor = make_rule("orthogonal-lengths", reach=5.0, scale=1.0), _anchor()
    update = COORDINATES.split(rule.update([_said([said] * 4)], (anchor,), COORDINATES))
    for index, theirs in enumerate(COORDINATES.split(tf.constant(anchor))):
        expected = theirs if index == HIDDEN else factor * theirs
        np.testing.assert_allclose(update[index], expected, rtol=1e-5)


def test_coordinates_without_a_gradient_have_no_say():
    rule, anchor = make_rule("orthogonal-lengths", reach=5.0, scale=1.0), _anchor()
    anchor[:9] = 0.0  # three quarters of the first kernel
    anchor[12:16] = 0.0  # the whole bias
    said = _said([0.5] * 4).numpy()
    said[:9] = -7.0
    update = rule.update([tf.constant(said)], (anchor,), COORDINATES)
    np.testing.assert_allclose(update[:12], 5.0 ** math.tanh(0.5) * anchor[:12], rtol=1e-5)
    np.testing.assert_array_equal(update[12:16], 0.0)


def _model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(5, "tanh") for _ in range(3)]
    return keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])


def _steps(optimizer, steps=4):
    model, generator = _model(), np.random.default_rng(0)
    optimizer.build(model.trainable_variables)
    for _ in range(steps):
        gradients = [
            tf.constant(generator.normal(size=v.shape), tf.float32)
            for v in model.trainable_variables
        ]
        optimizer.apply(gradients, model.trainable_variables)
    return [variable.numpy() for variable in model.trainable_variables]


def test_before_it_has_learned_it_is_orthogonalised_momentum():
    learned = _steps(LearnedOptimizer(weights=make_rule("orthogonal-lengths"), learning_rate=1e-2))
    anchor = _steps(OrthogonalMomentum(1e-1))
    for mine, theirs in zip(learned, anchor, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_hidden_kernels_move_as_without_it_whatever_it_has_learned():
    learned = _steps(LearnedOptimizer(weights=_drawn(), learning_rate=1e-2))
    anchor = _steps(OrthogonalMomentum(1e-1))
    for index, (mine, theirs) in enumerate(zip(learned, anchor, strict=True)):
        if index in (2, 4):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
        else:
            assert np.abs(mine - theirs).max() > 1e-3


def test_keeps_recurrent_state_for_what_the_network_is_run_on_alone():
    optimizer = LearnedOptimizer(weights=_drawn())
    optimizer.build(_model().trainable_variables)
    sizes = {v.shape[0] for v in optimizer.variables if "lstm" in v.name and "block" in v.name}
    assert sizes == {15 + 5 * 3 + 5 + 1}  # kernels 3 x 5 and 5 x 1, and all biases


def test_variables_without_gradient_and_their_state_wait():
    moved = []
    for absent in (0, 1):
        optimizer = LearnedOptimizer(weights=_drawn(), learning_rate=1e-2)
        variables = [keras.Variable(np.ones(shape, np.float32)) for shape in SHAPES]
        optimizer.build(variables)
        given = [v for i, v in enumerate(variables) if i not in (absent, HIDDEN)]
        optimizer.apply([tf.ones(v.shape) for v in given], given)
        assert all(np.all(variables[i].numpy() == 1.0) for i in (absent, HIDDEN))
        moved.append([v.numpy() for v in variables])
        state = next(v for v in optimizer.variables if "lstm_1_output" in v.name).numpy()
        waits = np.zeros(31, bool)
        waits[slice(0, 12) if absent == 0 else slice(12, 16)] = True
        np.testing.assert_array_equal(np.any(state, axis=1), ~waits)
    for index in (3, 4):
        np.testing.assert_array_equal(moved[0][index], moved[1][index])
        assert np.any(moved[0][index] != 1.0)


def test_a_block_of_hidden_kernels_alone_has_no_state():
    # More than a block holds, so that the hidden kernel gets one of its own.
    shapes = [(2, 370), (370, 370), (370, 2)]
    optimizer = LearnedOptimizer(weights=_drawn(), learning_rate=1e-2)
    variables = [keras.Variable(np.ones(shape, np.float32)) for shape in shapes]
    optimizer.build(variables)
    states = [v.shape[0] for v in optimizer.variables if "lstm" in v.name and "block" in v.name]
    assert sorted({*states}) == [740]
    optimizer.apply([tf.ones(shape) for shape in shapes], variables)
    assert all(np.any(variable.numpy() != 1.0) for variable in variables)


def test_a_keras_file_goes_on_exactly_where_a_block_has_no_state(tmp_path, monkeypatch):
    monkeypatch.setattr("learned_optim.optimizer._BLOCK", 20)
    model = _model()
    model.compile(LearnedOptimizer(1e-2, weights=_drawn()), "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    model.fit(x, x[:, :1], batch_size=4, shuffle=False, verbose=0)
    assert any(not block._state for block in model.optimizer._blocks)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, restored):
        each.fit(x, x[:, :1], batch_size=4, shuffle=False, verbose=0)
    for mine, theirs in zip(
        [*restored.variables, *restored.optimizer.variables],
        [*model.variables, *model.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("reach", [1.0, 0.0, math.nan, math.inf])
def test_refuses_to_reach_nowhere(reach):
    with pytest.raises(ValueError, match="reach must be above 1"):
        make_rule("orthogonal-lengths", reach=reach)
