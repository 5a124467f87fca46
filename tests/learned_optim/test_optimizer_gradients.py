"""Gradients that are sparse, missing or not finite."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer
from learned_optim.rules import make_rule
from tests.learned_optim.optimizer_steps import (
    apply_steps,
    assert_close,
    assert_equal,
    make_data,
    make_gradients,
    make_model,
    make_variables,
    values_of,
)


def test_sparse_gradients_are_the_same_as_dense_ones(learned):
    sparse = [
        tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, -4.0], [0.5, 0.5]]), [3, 0, 3], (5, 2)),
        tf.IndexedSlices(tf.constant([[-1.0, 0.1]]), [2], (5, 2)),
    ]
    results = []
    for convert in (lambda gradient: gradient, tf.convert_to_tensor):
        made = LearnedOptimizer(0.01, weights=learned("adam"), clipvalue=3.0)
        variables = make_variables([(5, 2), (2,)])
        gradients = [[convert(gradient), tf.ones(2)] for gradient in sparse]
        results.append(apply_steps(made, gradients, variables))
    assert_close(*results)


def test_an_embedding_learns():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Embedding(6, 3), keras.layers.Flatten()]
    )
    model.compile(LearnedOptimizer(0.05, make_rule("adam")), "mse", run_eagerly=True)
    x, y = np.arange(6)[:, None], np.eye(6, 3)
    losses = model.fit(x, y, epochs=15, batch_size=6, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_a_variable_without_gradient_keeps_value_and_state(learned):
    shapes = [(2, 2), (3,), (2, 4)]
    made, variables = LearnedOptimizer(0.01, weights=learned("adam")), make_variables(shapes)
    made.apply(make_gradients(0, shapes), variables)
    value = variables[1].numpy()
    state = [part[4:7] for part in values_of(made.variables) if part.shape[:1] == (15,)]
    assert len(state) == 6 and all(np.any(part) for part in state)
    gradients = make_gradients(1, shapes)
    gradients[1] = None
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        made.apply(gradients, variables)
    np.testing.assert_array_equal(variables[1], value)
    after = [part[4:7] for part in values_of(made.variables) if part.shape[:1] == (15,)]
    assert_equal(after, state)

    # The others move as if it were not there.
    alone, others = LearnedOptimizer(0.01, weights=learned("adam")), make_variables(shapes)[::2]
    others[1].assign(make_variables(shapes)[2])
    for step in range(2):
        alone.apply(make_gradients(step, shapes)[::2], others)
    assert_close(values_of(variables)[::2], values_of(others))


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_step_that_is_not_finite_is_left_out_and_counted(learned, bad):
    arguments = {"weight_decay": 0.1, "clipnorm": 1.0}
    made = LearnedOptimizer(0.01, weights=learned("orthogonal"), **arguments)
    variables = make_variables()
    made.apply(make_gradients(0), variables)
    before, state = values_of(variables), values_of(made.variables)
    gradients = make_gradients(1)
    gradients[3] = tf.constant([1.0, bad])
    made.apply(gradients, variables)
    assert_equal(values_of(variables), before)
    assert (made.skipped.numpy(), made.iterations.numpy()) == (1, 2)
    counters = (made.skipped, made.iterations)
    for variable, value in zip(made.variables, state, strict=True):
        if not any(variable is counter for counter in counters):
            np.testing.assert_array_equal(variable, value)

    # It goes on as if the step had never been.
    made.apply(make_gradients(2), variables)
    other = LearnedOptimizer(0.01, weights=learned("orthogonal"), **arguments)
    assert_equal(values_of(variables), apply_steps(other, [make_gradients(0), make_gradients(2)]))
    assert other.skipped.numpy() == 0


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_or_it_fails(run_eagerly):
    model = make_model(layers=0)
    model.compile(
        LearnedOptimizer(weights=make_rule("adam", units=2), non_finite="fail"),
        loss="mse",
        run_eagerly=run_eagerly,
        jit_compile=False,
    )
    x, y = make_data()
    model.train_on_batch(x, y)
    before = model.get_weights()
    assert np.any(before[0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="a gradient is NaN, Inf or above"):
        model.train_on_batch(x * np.nan, y)
    assert_equal(model.get_weights(), before)


def test_so_is_one_whose_square_is_infinite(learned):
    made, variables = LearnedOptimizer(0.01, weights=learned("adam")), make_variables()
    before = values_of(variables)
    made.apply([gradient * 1e20 for gradient in make_gradients(0)], variables)
    assert_equal(values_of(variables), before)
    assert made.skipped.numpy() == 1


def test_under_xla_which_has_no_errors_the_step_is_left_out():
    made = LearnedOptimizer(0.01, weights=make_rule("adam", units=2), non_finite="fail")
    variables = make_variables()
    made.build(variables)
    before = values_of(variables)
    gradients = [gradient * np.nan for gradient in make_gradients(0)]
    tf.function(lambda: made.apply(gradients, variables), jit_compile=True)()
    assert_equal(values_of(variables), before)
    assert made.skipped.numpy() == 1


def _apply_to_rows(made, variables):
    """Function that takes the gradient of three rows of the first variable, and the others'."""

    def apply(rows, *rest):
        made.apply([tf.IndexedSlices(rows, tf.constant([1, 3, 1]), (5, 3)), *rest], variables)

    return apply


@pytest.mark.parametrize("jit_compile", [False, True])
def test_missing_and_sparse_gradients_in_a_graph_are_those_of_eager_steps(learned, jit_compile):
    shapes = [(5, 3), (3, 4), (4, 4), (4,), (4, 2)]
    results = []
    for wrap in (lambda step: step, functools.partial(tf.function, jit_compile=jit_compile)):
        made = LearnedOptimizer(0.01, weights=learned("orthogonal-lengths", reach=3.0))
        variables = make_variables(shapes)
        made.build(variables)
        left = [each for index, each in enumerate(variables) if index != 3]
        apply = wrap(_apply_to_rows(made, left))
        for step in range(3):
            rows, *rest = make_gradients(step, [(3, 3), *shapes[1:3], *shapes[4:]])
            apply(rows, *rest)
        results.append([*values_of(variables), *values_of(made.variables)])
    assert_close(*results)
    untouched = make_variables(shapes)
    np.testing.assert_array_equal(results[0][3], untouched[3])
    np.testing.assert_array_equal(results[0][0][[0, 2, 4]], untouched[0].numpy()[[0, 2, 4]])
