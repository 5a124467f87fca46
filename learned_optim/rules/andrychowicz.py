"""The rule of the 2016 paper: an LSTM that sees the gradient alone."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.rule import Rule


@keras.saving.register_keras_serializable("learned_optim")
class AndrychowiczRule(Rule):
    """Gradient in, update out; this is the first paper's meta-optimizer.

    Inputs: the gradient's logarithm and sign (appendix A of the reference), which bring
    gradients of any magnitude to about [-1, 1]:
    `(log|g| / k, sign(g))` where `|g| >= exp(-k)`, else `(-1, exp(k) g)`.
    Update: the output itself.

    Args:
        units, layers, name: See `Rule`.
        k: Range of the logarithm; gradients below `exp(-k)` count as small.

    Reference:
        M. Andrychowicz et al., "Learning to learn by gradient descent by gradient descent",
        NeurIPS 2016.

    Example:

    >>> rule = make_rule("andrychowicz")
    """

    inputs = 2
    learning_rate = 0.1
    head_initializer = "glorot_uniform"

    def __init__(self, units=20, layers=2, k=10.0, name="andrychowicz"):
        super().__init__(units, layers, name)
        self.k = k

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        return log_sign(gradient, self.k), (), moments

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        return outputs[0]

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "k": self.k}


def log_sign(gradient, k):
    """Logarithm and sign of a gradient, see `AndrychowiczRule`.

    Args:
        gradient: Tensor of shape `(size,)`.
        k: Range of the logarithm.

    Returns:
        Tensor of shape `(size, 2)`.
    """
    magnitude = tf.abs(gradient)
    large = magnitude >= math.exp(-k)
    logarithm = tf.math.log(tf.where(large, magnitude, 1.0)) / k
    return tf.stack(
        [
            tf.where(large, logarithm, -1.0),
            tf.where(large, tf.sign(gradient), math.exp(k) * gradient),
        ],
        axis=-1,
    )
