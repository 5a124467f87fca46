import random
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer, OrthogonalMomentum, optimizer
from learned_optim.rules import RULES, make_rule
from tests.learned_optim.optimizer_steps import (
    SHAPES,
    apply_steps,
    assert_close,
    assert_equal,
    make_data,
    make_gradients,
    make_model,
    make_variables,
    values_of,
)


@pytest.mark.parametrize(
    "arguments",
    [
        {"weight_decay": 0.5},
        {"clipnorm": 0.7},
        {"clipvalue": 0.2},
        {"global_clipnorm": 1.0},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
        {"gradient_accumulation_steps": 2},
        {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 8)},
        {"learning_rate": lambda: 0.03},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_every_keras_optimizer_can_do_is_what_adam_does(arguments):
    arguments = {"learning_rate": 0.02, **arguments}
    # Gradients of very unequal sizes, where clipping makes a difference to Adam.
    gradients = [[g * 10.0 ** (step % 3) for g in make_gradients(step)] for step in range(6)]
    adam = apply_steps(keras.optimizers.Adam(**arguments), gradients)
    mine = LearnedOptimizer(weights=make_rule("adam", units=2), **arguments)
    assert_close(apply_steps(mine, gradients), adam)
    plain = apply_steps(keras.optimizers.Adam(0.02), gradients)
    assert max(np.abs(a - b).max() for a, b in zip(adam, plain, strict=True)) > 1e-3


def test_the_factor_of_the_loss_is_divided_out(learned):
    gradients = [make_gradients(step) for step in range(3)]
    # A rule to which the gradients' size matters.
    plain = apply_steps(LearnedOptimizer(0.02, weights=learned("andrychowicz")), gradients)
    made = LearnedOptimizer(0.02, weights=learned("andrychowicz"), loss_scale_factor=8.0)
    assert_close(apply_steps(made, [[8.0 * g for g in each] for each in gradients]), plain)
    made = LearnedOptimizer(0.02, weights=learned("andrychowicz"))
    found = apply_steps(made, [[8.0 * g for g in each] for each in gradients])
    assert max(np.abs(a - b).max() for a, b in zip(found, plain, strict=True)) > 1e-3


@pytest.mark.parametrize("make", [LearnedOptimizer, OrthogonalMomentum])
def test_embeddings_move_as_by_adam_wherever_they_stand(make):
    names = ["embeddings", "kernel", "embeddings", "kernel", "kernel"]
    shapes = [(6, 4), (4, 4), (6, 4), (4, 4), (4, 2)]
    variables = [keras.Variable(np.ones(s), name=n) for s, n in zip(shapes, names, strict=True)]
    gradients = make_gradients(0, shapes)
    arguments = {"weights": make_rule("orthogonal", scale=1.0)} if make is LearnedOptimizer else {}
    made = make(0.1, **arguments)
    made.apply(gradients, variables)
    by_half_of_adam = [
        np.allclose(variable, 1 - 0.05 * np.sign(gradient), atol=1e-4)
        for variable, gradient in zip(variables, gradients, strict=True)
    ]
    assert by_half_of_adam == [True, False, True, False, True]


@pytest.mark.parametrize("name", ["adam", "orthogonal", "orthogonal-lengths"])
def test_a_coordinate_that_never_had_a_gradient_stays(learned, name):
    made = LearnedOptimizer(0.02, weights=learned(name))
    gradients = [make_gradients(step) for step in range(3)]
    for each in gradients:
        each[0] *= tf.constant([[1.0], [0.0], [1.0], [1.0]])
        each[2] *= tf.constant([1.0, 0.0])
    variables = make_variables()
    before = values_of(variables)
    after = apply_steps(made, gradients, variables)
    assert_equal([after[0][1], after[2][..., 1]], [before[0][1], before[2][..., 1]])
    assert np.all(after[0][[0, 2, 3]] != before[0][[0, 2, 3]])
    assert np.all(after[2][..., 0] != before[2][..., 0])


def test_averages_of_the_weights_are_those_of_keras():
    arguments = {"use_ema": True, "ema_momentum": 0.8}
    averages = []
    for made in (
        keras.optimizers.Adam(0.02, **arguments),
        LearnedOptimizer(0.02, weights=make_rule("adam", units=2), **arguments),
    ):
        variables = make_variables()
        apply_steps(made, [make_gradients(step) for step in range(4)], variables)
        made.finalize_variable_values(variables)
        averages.append(values_of(variables))
    assert_close(*averages)


def test_weights_can_be_excluded_from_their_decay():
    made = LearnedOptimizer(0.1, weights=make_rule("adam"), weight_decay=0.5)
    variables = [keras.Variable([1.0, 2.0], name=name) for name in ("kernel", "bias")]
    made.exclude_from_weight_decay(var_names=["bias"])
    made.apply([tf.zeros(2), tf.zeros(2)], variables)
    assert_close(values_of(variables), [[0.95, 1.9], [1.0, 2.0]])


@pytest.mark.parametrize("name", RULES)
def test_the_default_learning_rate_is_the_rules(name):
    made = LearnedOptimizer(weights=make_rule(name, units=2))
    np.testing.assert_allclose(made.learning_rate, RULES[name].learning_rate)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("orthogonal", {}),
        ("orthogonal", {"horizon": 2}),
        ("orthogonal-lengths", {"reach": 3.0}),
        ("adam", {"layers": 0}),
    ],
)
def test_all_variables_go_through_the_rule_as_one_vector(learned, name, arguments):
    rule = learned(name, **arguments)
    coordinates = optimizer.Coordinates(SHAPES, optimizer.hidden_kernels(SHAPES))
    vector = coordinates.join(make_variables())
    moments = [tf.zeros(coordinates.size)] * 2
    state = rule.initial_state(rule.network_size(coordinates))
    for step in range(5):
        gradient = coordinates.join(make_gradients(step))
        update, moments, state = rule.call(gradient, moments, state, step + 1, coordinates)
        vector -= 0.01 * update
    found = apply_steps(
        LearnedOptimizer(0.01, weights=rule), [make_gradients(step) for step in range(5)]
    )
    assert_close(found, coordinates.split(vector))


def test_twice_the_horizon_on_the_anchor_is_left_and_the_lstm_rests(learned):
    made = LearnedOptimizer(0.01, weights=learned("orthogonal", horizon=2))
    variables = make_variables()
    made.build(variables)
    states = []
    for step in range(6):
        before = values_of(variables)
        made.apply(make_gradients(step))
        states.append(made._blocks[0]._state[0].numpy())
    assert np.any(states[2] != states[1])
    np.testing.assert_array_equal(states[5], states[3])
    np.testing.assert_array_equal(states[4], states[2])
    # The last step is that of a rule that has learned nothing.
    plain = LearnedOptimizer(0.01, weights=make_rule("orthogonal"))
    others = make_variables()
    plain.build(others)
    for step in range(6):
        start = values_of(others)
        plain.apply(make_gradients(step))
    for mine, begin, theirs, other in zip(
        values_of(variables), before, values_of(others), start, strict=True
    ):
        np.testing.assert_allclose(mine - begin, theirs - other, atol=1e-5)


@pytest.mark.parametrize("name", ["orthogonal", "orthogonal-lengths"])
def test_blocks_bound_the_memory_and_change_nothing(monkeypatch, learned, name):
    gradients = [make_gradients(step) for step in range(3)]
    made = LearnedOptimizer(0.01, weights=learned(name))
    whole = apply_steps(made, gradients)
    assert len(made._blocks) == 1
    monkeypatch.setattr(optimizer, "_BLOCK", 20)
    made = LearnedOptimizer(0.01, weights=learned(name))
    assert_close(apply_steps(made, gradients), whole)
    # 12+3, 54 alone, which goes through the network in three parts or not at all, 2+12, 10+5
    assert [block._coordinates.size for block in made._blocks] == [15, 54, 14, 15]


@pytest.mark.parametrize("horizon", [0, 5])
def test_in_a_graph_no_two_blocks_nor_parts_are_in_memory_at_once(monkeypatch, learned, horizon):
    monkeypatch.setattr(optimizer, "_BLOCK", 20)
    rule = learned("orthogonal", horizon=horizon)
    recur, inside, together = rule.recur, [], []

    def look(inputs):
        inside.append(inputs)
        time.sleep(0.02)
        together.append(len(inside))
        inside.pop()
        return inputs

    def watched(inputs, state):
        # Functions that have a state TensorFlow runs in order anyway.
        seen = tf.numpy_function(look, [inputs], tf.float32, stateful=False)
        return recur(tf.ensure_shape(seen, inputs.shape), state)

    rule.recur = watched
    made, variables = LearnedOptimizer(0.01, weights=rule), make_variables()
    made.build(variables)
    tf.function(made.apply)(make_gradients(0))
    assert together == [1] * 6  # four blocks, one of them in three parts


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_variables_of_any_precision(learned, dtype):
    gradients = [make_gradients(step) for step in range(3)]
    wanted = apply_steps(LearnedOptimizer(0.01, weights=learned("orthogonal")), gradients)
    gradients = [[tf.cast(g, dtype) for g in each] for each in gradients]
    made = LearnedOptimizer(0.01, weights=learned("orthogonal"))
    found = apply_steps(made, gradients, make_variables(dtype=dtype))
    tolerance = {"float64": 1e-5, "bfloat16": 0.03, "float16": 0.01}[dtype]
    assert_close([np.asarray(each, np.float32) for each in found], wanted, tolerance)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("orthogonal", {}), ("orthogonal", {"horizon": 1}), ("orthogonal-lengths", {"reach": 3.0})],
)
def test_xla_computes_the_same(learned, name, arguments):
    shapes = [(4, 3), (3, 5), (5, 2)]
    gradients = [make_gradients(step, shapes) for step in range(3)]
    gradients[1][0] = tf.fill((4, 3), np.nan)
    results = []
    for jit_compile in (False, True):
        made = LearnedOptimizer(0.01, weights=learned(name, **arguments))
        variables = make_variables(shapes)
        made.build(variables)
        apply = tf.function(made.apply, jit_compile=jit_compile)
        for each in gradients:
            apply(each)
        assert made.skipped.numpy() == 1
        results.append([*values_of(variables), *values_of(made.variables)])
    assert_close(*results)


def _bytes(made):
    """Bytes of the state of every coordinate."""
    return sum(
        np.prod(variable.shape) * tf.as_dtype(variable.dtype).size
        for block in made._blocks
        for variable in (*block._moments, *block._state)
    )


def test_memory_a_parameter():
    variables, sizes = make_variables([(3, 3, 16, 16)] * 3), []
    for compact_state in (False, True):
        made = LearnedOptimizer(weights=make_rule("orthogonal"), compact_state=compact_state)
        made.build(variables)
        sizes.append(_bytes(made) / (3 * 3 * 3 * 16 * 16))
        # There is nothing else that grows with the model.
        rest = sum(np.prod(v.shape) for v in made.variables) - sum(
            np.prod(v.shape) for block in made._blocks for v in (*block._moments, *block._state)
        )
        assert rest == made.rule.count_params() + 3
    assert sizes == [328, 128]


def test_compact_state_costs_little_precision(learned):
    gradients = [make_gradients(step) for step in range(20)]
    start = values_of(make_variables())
    moved = []
    for arguments in ({}, {"compact_state": True}):
        made = LearnedOptimizer(0.01, weights=learned("adam"), **arguments)
        end = apply_steps(made, gradients)
        moved.append(np.concatenate([np.ravel(b - a) for a, b in zip(start, end, strict=True)]))
        dtypes = {v.dtype for block in made._blocks for v in block._state}
        assert dtypes == ({"int8", "float16"} if arguments else {"float32"})
    difference = np.linalg.norm(moved[1] - moved[0]) / np.linalg.norm(moved[0])
    assert 0 < difference < 0.02


def test_a_config_makes_the_same_optimizer(learned):
    made = LearnedOptimizer(
        keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.5),
        weights=learned("rnnprop", units=4, layers=1),
        non_finite="fail",
        compact_state=True,
        weight_decay=0.01,
        clipnorm=2.0,
        use_ema=True,
        ema_momentum=0.9,
        name="mine",
    )
    config = keras.optimizers.serialize(made)
    assert keras.saving.deserialize_keras_object(config).get_config() == made.get_config()
    again = keras.optimizers.deserialize(config)
    assert (again.name, again.non_finite, again.compact_state) == ("mine", "fail", True)
    assert (again.weight_decay, again.clipnorm, again.ema_momentum) == (0.01, 2.0, 0.9)
    assert again.rule is not made.rule
    gradients = [make_gradients(step) for step in range(3)]
    assert_equal(apply_steps(again, gradients), apply_steps(made, gradients))


def test_a_frozen_layer_stays_and_goes_on_where_it_was(learned):
    x, y = make_data()
    model, made = make_model(), LearnedOptimizer(0.01, weights=learned("adam"))
    model.compile(made, loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    model.layers[1].trainable = False
    model.compile(made, loss="mse", run_eagerly=True)
    frozen = model.layers[1].get_weights()
    state = [part[30:72] for part in values_of(made.variables) if part.shape[:1] == (86,)]
    others = [*model.layers[0].get_weights(), *model.layers[2].get_weights()]
    model.train_on_batch(x, y)
    assert_equal(model.layers[1].get_weights(), frozen)
    after = [part[30:72] for part in values_of(made.variables) if part.shape[:1] == (86,)]
    assert len(after) == 6
    assert_equal(after, state)
    for before, weight in zip(
        others, [*model.layers[0].get_weights(), *model.layers[2].get_weights()], strict=True
    ):
        assert np.any(before != weight)  # a dead unit's stay
    model.layers[1].trainable = True
    model.compile(made, loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    assert np.any(model.layers[1].get_weights()[0] != frozen[0])


def test_added_layers_need_a_new_optimizer_as_with_keras(learned):
    x, y = make_data()
    model, made = make_model(layers=0), LearnedOptimizer(0.01, weights=learned("adam"))
    model.compile(made, loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    model.add(keras.layers.Dense(2))
    model.compile(made, loss="mse", run_eagerly=True)
    with pytest.raises(ValueError, match="Unknown variable"):
        model.train_on_batch(x, y)
    model.compile(LearnedOptimizer.from_config(made.get_config()), loss="mse", run_eagerly=True)
    before = model.get_weights()
    model.train_on_batch(x, y)
    assert np.all(before[-1] != model.get_weights()[-1])


def test_a_variable_without_elements_is_no_trouble(learned):
    shapes = [(0, 4), (4,), (4, 3), (3, 2)]
    made = LearnedOptimizer(0.01, weights=learned("orthogonal"))
    variables = make_variables(shapes)
    before = values_of(variables)
    made.apply(make_gradients(0, shapes), variables)
    assert all(np.all(old != new) for old, new in zip(before, values_of(variables), strict=True))


def test_it_draws_no_random_numbers_of_the_models():
    keras.utils.set_random_seed(0)
    state = random.getstate()
    made = LearnedOptimizer()
    LearnedOptimizer.from_config(made.get_config())
    assert random.getstate() == state
    made.build(make_variables())
    store = {}
    made.save_own_variables(store)
    made.load_own_variables(store)
    assert random.getstate() == state


def test_a_short_training_lowers_the_loss():
    model = make_model()
    model.compile(LearnedOptimizer(0.01, make_rule("orthogonal")), "mse", jit_compile=False)
    losses = model.fit(*make_data(), epochs=40, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model()
        model.compile(LearnedOptimizer(0.01, make_rule("adam")), "mse", jit_compile=False)
    finally:
        keras.config.set_dtype_policy("float32")
    losses = model.fit(*make_data(), epochs=40, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    scaled = policy == "mixed_float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == scaled
    made = model.optimizer.inner_optimizer if scaled else model.optimizer
    state = [variable for block in made._blocks for variable in (*block._moments, *block._state)]
    assert {variable.dtype for variable in state} == {"float32"}
    assert made.skipped.numpy() == 0


def test_loss_scaling_changes_nothing_but_the_scale(learned):
    gradients = [make_gradients(step) for step in range(3)]
    plain = apply_steps(LearnedOptimizer(0.01, weights=learned("orthogonal")), gradients)
    inner = LearnedOptimizer(0.01, weights=learned("orthogonal"))
    made = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    scaled = [[1024 * g for g in each] for each in gradients[:2]]
    overflow = [tf.fill(shape, np.inf) for shape in SHAPES]
    last = [512 * g for g in gradients[2]]
    assert_close(apply_steps(made, [*scaled, overflow, last]), plain)
    assert made.dynamic_scale.numpy() == 512
    assert (inner.iterations.numpy(), inner.skipped.numpy()) == (3, 0)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "bool"])
def test_refuses_variables_that_are_not_real(dtype):
    for made in (keras.Variable([1, 0], dtype=dtype, name="odd"), tf.Variable([1, 0], name="odd")):
        variables = [*make_variables([(2,)]), made]
        with pytest.raises(ValueError, match=r"LearnedOptimizer: variable odd.*is .*only real"):
            LearnedOptimizer(weights=make_rule("adam")).build(variables)


def test_refuses_arguments_that_mean_nothing():
    with pytest.raises(ValueError, match="non_finite must be 'skip' or 'fail', got 'ignore'"):
        LearnedOptimizer(weights=make_rule("adam"), non_finite="ignore")
    with pytest.raises(FileNotFoundError, match="no learned-optimizer weights 'unheard-of'"):
        LearnedOptimizer(weights="unheard-of")
    with pytest.raises(ValueError, match="Only one of `clipnorm`"):
        LearnedOptimizer(weights=make_rule("adam"), clipnorm=1.0, clipvalue=1.0)
