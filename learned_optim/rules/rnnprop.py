"""RNNprop: an LSTM that sees what Adam sees."""

import keras
import tensorflow as tf

from learned_optim.rules.rule import Rule, adam_direction


@keras.saving.register_keras_serializable("learned_optim")
class RNNpropRule(Rule):
    """Adam's normalised gradient and momentum in, a bounded update out.

    Inputs: `m / sqrt(v)` and `g / sqrt(v)`, both with bias correction, through a dense layer
    with ELU. Update: `tanh(output)`; the reference's factor 0.1 is the learning rate here.

    Args:
        units, layers, name: See `Rule`.
        beta_1: Decay of the momentum m.
        beta_2: Decay of the velocity v.

    Reference:
        K. Lv, S. Jiang, J. Li, "Learning Gradient Descent: Better Generalization and Longer
        Horizons", ICML 2017.

    Example:

    >>> rule = make_rule("rnnprop")
    """

    inputs = 20
    moments = 2
    learning_rate = 0.1
    head_initializer = "glorot_uniform"

    def __init__(self, units=20, layers=2, beta_1=0.95, beta_2=0.95, name="rnnprop"):
        super().__init__(units, layers, name)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.embedding = keras.layers.Dense(
            self.inputs, activation="elu", name="embedding", dtype="float32"
        )

    def build(self, input_shape=None):
        """Makes the weights."""
        self.embedding.build((None, 2))
        super().build()

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        momentum = self.beta_1 * moments[0] + (1 - self.beta_1) * gradient
        velocity = self.beta_2 * moments[1] + (1 - self.beta_2) * tf.square(gradient)
        seen = [
            adam_direction(momentum, velocity, step, self.beta_1, self.beta_2),
            adam_direction(gradient, velocity, step, 0.0, self.beta_2),
        ]
        return tf.stack(seen, axis=-1), (), [momentum, velocity]

    def recur(self, inputs, state):
        """See `Rule.recur`."""
        return super().recur(self.embedding(inputs), state)

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        return tf.tanh(outputs[0])

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
