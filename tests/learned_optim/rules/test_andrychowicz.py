import numpy as np
import pytest
import tensorflow as tf

from learned_optim.rules import make_rule
from learned_optim.rules.andrychowicz import log_sign


def _reference(gradient, k):
    gradient = np.asarray(gradient, np.float64)
    large = np.abs(gradient) >= np.exp(-k)
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.abs(gradient)) / k
    return np.stack(
        [np.where(large, logarithm, -1), np.where(large, np.sign(gradient), np.exp(k) * gradient)],
        axis=-1,
    )


@pytest.mark.parametrize("k", [10.0, 5.0])
def test_logarithm_and_sign_of_gradients_of_all_sizes(k):
    sizes = np.float32(10.0) ** np.arange(-12, 9)
    gradient = np.concatenate([sizes, -sizes, [0.0]]).astype(np.float32)
    found = log_sign(tf.constant(gradient), k).numpy()
    np.testing.assert_allclose(found, _reference(gradient, k), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found[-1], [-1, 0])


def test_there_is_no_jump_between_large_and_small():
    edge = np.exp(-10.0)
    below, above = log_sign(tf.constant([0.999 * edge, 1.001 * edge], tf.float32), 10.0).numpy()
    np.testing.assert_allclose(below, above, atol=2e-3)


def test_the_output_is_the_update():
    rule = make_rule("andrychowicz", k=5.0)
    gradient = tf.constant([0.3, -2.0, 1e-4])
    inputs, observed, moments = rule.observe(gradient, [], 1, None)
    np.testing.assert_allclose(inputs, _reference(gradient, 5.0), rtol=1e-5)
    assert moments == []
    np.testing.assert_array_equal(rule.update([tf.constant([7.0, -8.0])], observed, None), [7, -8])
    assert rule.get_config()["k"] == 5.0
