"""Orthogonalised momentum without learning, for convolution kernels too."""

import keras
import tensorflow as tf

from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules.orthogonal_anchor import hidden_decay, orthogonal_direction
from learned_optim.rules.rule import adam_direction


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalMomentum(keras.optimizers.Optimizer):
    """Moves every hidden kernel along its orthogonalised Nesterov momentum.

    A convolution kernel counts as a matrix of (height x width x inputs) x outputs. First and
    last kernel, biases and norm scales move as by Adam at half the rate. `keras.optimizers.Muon`
    does the like for two-dimensional variables only and leaves convolutions to AdamW.

    It is the anchor of `LearnedOptimizer`'s rules `default` and `lengths`, and the baseline that
    says what the learning adds.

    Args:
        learning_rate: Float or `LearningRateSchedule`, of the size that suits Adam or a few
            times larger.
        beta_1: Decay of the momentum of all but hidden kernels.
        beta_2: Decay of the velocity of all but hidden kernels.
        beta_hidden: Decay of the momentum of hidden kernels.
        beta_start: The decay that it starts with.
        beta_warmup: Number of steps in which it rises from there.
        name: Name of the optimizer.
        **kwargs: Arguments of `keras.optimizers.Optimizer`, e.g. `weight_decay`.

    Reference:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Example:

    >>> model.compile(optimizer=OrthogonalMomentum(4e-3), loss="mse")
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 4e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        beta_hidden: float = 0.95,
        beta_start: float = 0.85,
        beta_warmup: int = 300,
        name: str = "orthogonal_momentum",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_hidden = beta_hidden
        self.beta_start = beta_start
        self.beta_warmup = beta_warmup

    def build(self, variables):
        """Makes a momentum for each variable, and a velocity for those that need one."""
        if self.built:
            return
        super().build(variables)
        self._hidden = hidden_kernels(
            [variable.shape for variable in variables], [variable.name for variable in variables]
        )
        self._momentums = self.add_optimizer_variables(variables, "momentum")
        self._velocities = [
            None if hidden else self.add_variable_from_reference(variable, "velocity")
            for variable, hidden in zip(variables, self._hidden, strict=True)
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable."""
        index = self._get_variable_index(variable)
        hidden, m = self._hidden[index], self._momentums[index]
        gradient = tf.cast(tf.convert_to_tensor(gradient), m.dtype)
        step = self.iterations + 1
        beta_1 = self.beta_1
        if hidden:
            beta_1 = hidden_decay(step, self.beta_start, self.beta_hidden, self.beta_warmup)
        self.assign_add(m, tf.cast(1 - beta_1, m.dtype) * (gradient - m))
        if hidden:
            shape = Coordinates([variable.shape], [True])
            flat, momentum = (tf.reshape(tf.cast(x, tf.float32), [-1]) for x in (gradient, m))
            adam = tf.zeros(shape.size)
            direction = orthogonal_direction(flat, momentum, adam, beta_1, shape)
            direction = tf.reshape(direction, variable.shape)
        else:
            v = self._velocities[index]
            self.assign_add(v, (1 - self.beta_2) * (tf.square(gradient) - v))
            direction = 0.5 * adam_direction(
                tf.cast(m, tf.float32), tf.cast(v, tf.float32), step, self.beta_1, self.beta_2
            )
        self.assign_sub(variable, tf.cast(learning_rate, tf.float32) * direction)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "beta_hidden": self.beta_hidden,
            "beta_start": self.beta_start,
            "beta_warmup": self.beta_warmup,
        }
