"""An LSTM around Adam, which starts meta-training as exactly Adam."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.rule import Rule, adam_direction, still_unless_moved, time_features


@keras.saving.register_keras_serializable("learned_optim")
class AdamRule(Rule):
    """Scales Adam's step of every coordinate by up to three, and adds a bounded step of its own.

    Inputs: `g / sqrt(v)`, `m / sqrt(v)` and four saturating features of time.
    Update: `exp(ln 3 tanh(o1)) m / sqrt(v) + 0.3 tanh(o2)`. Both outputs start at zero, and the
    bounds hold for any input, so that the rule cannot run away on a network unlike those of its
    meta-training.

    Args:
        units, layers, name: See `Rule`.
        beta_1: Decay of the momentum m.
        beta_2: Decay of the velocity v.

    Example:

    >>> rule = make_rule("adam")
    """

    inputs = 6
    outputs = 2
    moments = 2

    def __init__(self, units=20, layers=2, beta_1=0.9, beta_2=0.999, name="adam"):
        super().__init__(units, layers, name)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        momentum = moments[0] + (1 - self.beta_1) * (gradient - moments[0])
        velocity = moments[1] + (1 - self.beta_2) * (tf.square(gradient) - moments[1])
        adam = adam_direction(momentum, velocity, step, self.beta_1, self.beta_2)
        inputs = [
            adam_direction(gradient, velocity, step, 0.0, self.beta_2),
            adam,
            *time_features(step, coordinates.size),
        ]
        return tf.stack(inputs, axis=-1), (adam,), [momentum, velocity]

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        (adam,) = observed
        factor = tf.exp(math.log(3.0) * tf.tanh(outputs[0]))
        free = still_unless_moved(0.3 * tf.tanh(outputs[1]), adam)
        return factor * adam + free

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
