import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim.rules import RULES, make_rule
from learned_optim.rules.rule import adam_direction, time_features


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "embedding"),
    [
        ("andrychowicz", 2, 1, 0),
        ("rnnprop", 20, 1, 60),
        ("adam", 6, 2, 0),
        ("orthogonal", 8, 3, 0),
        ("orthogonal-lengths", 6, 1, 0),
    ],
)
def test_parameter_counts(name, inputs, outputs, embedding):
    lstm = 4 * (inputs * 20 + 20 * 20 + 20) + 4 * (20 * 20 + 20 * 20 + 20)
    rule = make_rule(name)
    assert rule.count_params() == embedding + lstm + 20 * outputs + outputs
    assert sum(np.prod(w.shape) for w in rule.trainable_weights) == rule.count_params()
    if name == "andrychowicz":
        assert rule.count_params() == 5141


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("name", ["andrychowicz", "orthogonal"])
def test_two_steps_of_the_network_are_those_of_a_hand_written_one(learned, name):
    rule = learned(name, units=3)
    weights = [weight.astype(np.float64) for weight in rule.get_weights()]
    generator = np.random.default_rng(1)
    state, hand = rule.initial_state(7), [np.zeros((7, 3)) for _ in range(4)]
    assert len(state) == 4 and all(not np.any(part) for part in state)
    for _ in range(2):
        x = generator.normal(size=(7, rule.inputs))
        outputs, state = rule.recur(tf.constant(x, tf.float32), state)
        for layer in range(2):
            kernel, recurrent, bias = weights[3 * layer : 3 * layer + 3]
            output, cell = hand[2 * layer : 2 * layer + 2]
            i, f, c, o = np.split(x @ kernel + output @ recurrent + bias, 4, axis=1)
            cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
            x = _sigmoid(o) * np.tanh(cell)
            hand[2 * layer : 2 * layer + 2] = x, cell
        expected = x @ weights[6] + weights[7]
        np.testing.assert_allclose(np.stack(outputs, axis=-1), expected, atol=1e-5)
        for mine, theirs in zip(state, hand, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_more_layers_and_units():
    rule = make_rule("adam", units=5, layers=3)
    outputs, state = rule.recur(tf.zeros((4, 6)), rule.initial_state(4))
    assert [output.shape for output in outputs] == [(4,)] * 2
    assert [part.shape for part in state] == [(4, 5)] * 6


@pytest.mark.parametrize("name", RULES)
def test_a_rule_computes_in_float32_whatever_the_models_do(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        rule = make_rule(name, units=3)
    finally:
        keras.config.set_dtype_policy("float32")
    outputs, state = rule.recur(
        tf.ones((2, 2 if name == "rnnprop" else rule.inputs)), rule.initial_state(2)
    )
    assert {tensor.dtype for tensor in (*outputs, *state)} == {tf.float32}


@pytest.mark.parametrize("name", RULES)
def test_a_config_makes_the_same_rule(name):
    rule = make_rule(name, units=4, layers=1)
    config = rule.get_config()
    assert (config["units"], config["layers"], config["name"]) == (4, 1, name)
    again = RULES[name].from_config(config)
    again.build()
    assert [w.shape for w in again.weights] == [w.shape for w in rule.weights]
    assert again.get_config() == config


def test_adams_direction_is_that_of_the_paper():
    generator = np.random.default_rng(0)
    momentum, velocity = generator.normal(size=5), generator.uniform(0.5, 2, 5)
    for step in (1, 10, 5000):
        m, v = momentum / (1 - 0.9**step), velocity / (1 - 0.999**step)
        found = adam_direction(
            tf.constant(momentum, tf.float32),
            tf.constant(velocity, tf.float32),
            tf.constant(step, tf.int64),
            0.9,
            0.999,
        )
        np.testing.assert_allclose(found, m / np.sqrt(v), rtol=1e-4)


@pytest.mark.parametrize(
    ("step", "trust"), [(1, 1.0), (40, 1.0), (50, 0.75), (80, 0.0), (999, 0.0)]
)
def test_the_networks_say_fades_after_its_horizon(step, trust):
    assert make_rule("orthogonal", horizon=40).trust(step) == trust
    assert make_rule("orthogonal").trust(step) == 1.0


def test_a_gradient_that_never_came_moves_nothing():
    direction = adam_direction(tf.zeros(2), tf.zeros(2), 1, 0.9, 0.999)
    np.testing.assert_array_equal(direction, [0, 0])


def test_time_saturates():
    features = np.stack(time_features(tf.constant(70, tf.int64), 3))
    expected = np.tanh(70 / np.array([10.0, 100, 1000, 10000]))
    np.testing.assert_allclose(features, np.tile(expected[:, None], 3), rtol=1e-5)
    np.testing.assert_allclose(np.stack(time_features(10**7, 1)), 1, rtol=1e-6)


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(ValueError, match="no rule 'adma'; the rules are andrychowicz, rnnprop"):
        make_rule("adma")
