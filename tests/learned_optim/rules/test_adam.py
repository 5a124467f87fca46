import keras
import numpy as np
import tensorflow as tf

from learned_optim import LearnedOptimizer
from learned_optim.rules import make_rule
from learned_optim.rules.rule import time_features


def _minimize(optimizer, steps):
    """Where the optimizer gets to on a rugged function, from a fixed start."""
    generator = np.random.default_rng(0)
    variables = [
        keras.Variable(generator.normal(size=shape), dtype="float32") for shape in [(4, 3), (3,)]
    ]
    optimizer.build(variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            x = tf.concat([tf.reshape(variable, [-1]) for variable in variables], axis=0)
            loss = tf.reduce_sum(tf.square(x - 2) * tf.range(1.0, 16.0) + tf.sin(9 * x))
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]))

    for _ in range(steps):
        step()
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def test_untrained_it_is_keras_adam():
    arguments = {"beta_1": 0.8, "beta_2": 0.99}
    adam = _minimize(keras.optimizers.Adam(0.02, **arguments), 300)
    rule = make_rule("adam", **arguments)
    learned = _minimize(LearnedOptimizer(0.02, weights=rule), 300)
    np.testing.assert_allclose(learned, adam, atol=1e-4)
    start = _minimize(keras.optimizers.Adam(0.0), 1)
    assert np.abs(adam - start).max() > 1


def test_inputs_are_those_of_a_float64_reference():
    rule = make_rule("adam")
    generator = np.random.default_rng(0)
    moments, m, v = [tf.zeros(5), tf.zeros(5)], np.zeros(5), np.zeros(5)

    class Size:
        size = 5

    for step in range(1, 6):
        gradient = generator.normal(size=5)
        inputs, (adam,), moments = rule.observe(
            tf.constant(gradient, tf.float32), moments, step, Size
        )
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        m_hat, root = m / (1 - 0.9**step), np.sqrt(v / (1 - 0.999**step))
        np.testing.assert_allclose(inputs[:, 0], gradient / root, rtol=1e-3)
        np.testing.assert_allclose(inputs[:, 1], m_hat / root, rtol=1e-3)
        np.testing.assert_array_equal(inputs[:, 2:], np.stack(time_features(step, 5), axis=-1))
        np.testing.assert_array_equal(adam, inputs[:, 1])


def test_the_update_is_within_its_bounds_for_any_output():
    rule = make_rule("adam")
    adam = tf.constant([0.5, -1.0, 2.0])
    outputs = np.array([[0.3, -0.2, 0.7], [0.1, -0.4, 0.2]], np.float32)
    expected = np.exp(np.log(3) * np.tanh(outputs[0])) * adam + 0.3 * np.tanh(outputs[1])
    np.testing.assert_allclose(rule.update(list(outputs), (adam,), None), expected, rtol=1e-5)
    high, low = (
        rule.update([tf.fill([3], o), tf.fill([3], o)], (adam,), None) for o in (1e9, -1e9)
    )
    np.testing.assert_allclose(high, 3 * adam + 0.3, rtol=1e-5)
    np.testing.assert_allclose(low, adam / 3 - 0.3, rtol=1e-5)
