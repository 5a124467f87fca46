import numpy as np
import tensorflow as tf

from learned_optim.rules import make_rule


def test_inputs_are_those_of_a_float64_reference():
    rule = make_rule("rnnprop", beta_1=0.9, beta_2=0.95)
    generator = np.random.default_rng(0)
    moments, m, v = [tf.zeros(6), tf.zeros(6)], np.zeros(6), np.zeros(6)
    for step in range(1, 8):
        gradient = generator.normal(size=6) * 10.0 ** np.arange(-2, 4)
        seen, _, moments = rule.observe(tf.constant(gradient, tf.float32), moments, step, None)
        m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
        m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.95**step)
        expected = np.stack([m_hat / np.sqrt(v_hat), gradient / np.sqrt(v_hat)], axis=-1)
        np.testing.assert_allclose(seen, expected, rtol=2e-3)
        np.testing.assert_allclose(moments, [m, v], rtol=1e-4)


def test_inputs_go_through_a_dense_layer_with_elu(learned):
    rule = learned("rnnprop", units=3)
    kernel, bias = rule.embedding.get_weights()
    seen = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    x = seen @ kernel + bias
    embedded = np.where(x > 0, x, np.expm1(x))
    expected = super(type(rule), rule).recur(tf.constant(embedded), rule.initial_state(4))
    outputs, state = rule.recur(tf.constant(seen), rule.initial_state(4))
    np.testing.assert_allclose(outputs, expected[0], rtol=1e-5)
    np.testing.assert_allclose(state[-1], expected[1][-1], rtol=1e-5)


def test_updates_are_bounded():
    update = make_rule("rnnprop").update([tf.constant([-1e9, 0.0, 0.5, 1e9])], (), None)
    np.testing.assert_allclose(update, [-1, 0, np.tanh(0.5), 1], rtol=1e-6)
