"""The default rule: an LSTM around the orthogonalised momentum of each hidden kernel."""

import math

import keras
import tensorflow as tf

from learned_optim.orthogonalize import orthogonalize
from learned_optim.rules.rule import Rule, adam_direction, still_unless_moved, time_features


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalRule(Rule):
    """Turns every tensor's step from the orthogonalised momentum to a better direction.

    No network that looks at one coordinate at a time can find the direction in which a layer's
    whole kernel should move, and it is the direction that decides how fast a deep network
    learns. So the rule is given it: a hidden kernel, as a matrix of (height x width x inputs) x
    outputs, moves along its orthogonalised momentum; first and last kernel, biases and norm
    scales move as by Adam at half the rate. This anchor is what `OrthogonalMomentum` does
    without learning. The LSTM sees it and its difference from Adam's step, and decides for each
    coordinate how far to follow it:

        update = scale (exp(ln 3 tanh(o1)) anchor + 0.3 tanh(o2) adam + 0.1 tanh(o3))

    All outputs start at zero, where the update is the anchor.

    Args:
        units, layers, name: See `Rule`.
        beta_1: Decay of the momentum of all but hidden kernels.
        beta_2: Decay of the velocity.
        beta_hidden: Decay of the momentum of hidden kernels, which is Nesterov's.
        beta_start, beta_warmup: The decay that it starts with, and in how many steps it rises from
            there; see `hidden_decay`.
        scale: Factor of the update. Orthogonalised steps bear larger rates than Adam's; with
            this factor both are at home at the same learning rates.
        keep_length: Whether the anchor decides the length; `False` leaves that to the LSTM, too,
            and is there to show what it does.
        horizon: Number of steps after which the LSTM's say fades, until after twice as many the
            update is the anchor, and the LSTM is not run any more; 0 for never. `MetaTrainer` sets
            a horizon of 0 to the longest one of its own.

    Reference:
        Y. Wu, M. Ren, R. Liao, R. Grosse, "Understanding Short-Horizon Bias in Stochastic
        Meta-Optimization", ICLR 2018.

    Example:

    >>> rule = make_rule("orthogonal")
    """

    inputs = 8
    outputs = 3
    moments = 2

    def __init__(
        self,
        units=20,
        layers=2,
        beta_1=0.9,
        beta_2=0.999,
        beta_hidden=0.95,
        beta_start=0.85,
        beta_warmup=300,
        scale=10.0,
        keep_length=True,
        horizon=0,
        name="orthogonal",
    ):
        super().__init__(units, layers, name)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_hidden = beta_hidden
        self.beta_start = beta_start
        self.beta_warmup = beta_warmup
        self.scale = scale
        self.keep_length = keep_length
        self.horizon = horizon

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        beta_hidden = hidden_decay(step, self.beta_start, self.beta_hidden, self.beta_warmup)
        beta_1 = coordinates.choose(hidden=beta_hidden, other=self.beta_1)
        momentum = moments[0] + (1 - beta_1) * (gradient - moments[0])
        velocity = moments[1] + (1 - self.beta_2) * (tf.square(gradient) - moments[1])
        adam = adam_direction(momentum, velocity, step, beta_1, self.beta_2)
        anchor = orthogonal_direction(gradient, momentum, adam, beta_hidden, coordinates)
        inputs = [
            adam_direction(gradient, velocity, step, 0.0, self.beta_2),
            adam,
            5.0 * anchor,
            5.0 * anchor - adam,
            *time_features(step, coordinates.size),
        ]
        return tf.stack(inputs, axis=-1), (anchor, adam), [momentum, velocity]

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        anchor, adam = observed
        direction = turned(outputs, anchor, adam, math.log(3.0))
        if self.keep_length:
            direction = coordinates.match_norms(direction, anchor)
        return self.scale * direction

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "beta_hidden": self.beta_hidden,
            "beta_start": self.beta_start,
            "beta_warmup": self.beta_warmup,
            "scale": self.scale,
            "keep_length": self.keep_length,
            "horizon": self.horizon,
        }


def turned(outputs, anchor, adam, log_reach):
    """What the LSTM's three outputs make of the anchor, before its length is looked at.

    Args:
        outputs: List of 3 tensors of shape `(size,)`.
        anchor, adam: Tensors of shape `(size,)`.
        log_reach: Logarithm of the largest factor of the anchor, a number or a tensor of shape
            `(size,)`.

    Returns:
        Tensor of shape `(size,)`.
    """
    factor = tf.exp(log_reach * tf.tanh(outputs[0]))
    free = still_unless_moved(0.1 * tf.tanh(outputs[2]), adam)
    return factor * anchor + 0.3 * tf.tanh(outputs[1]) * adam + free


def hidden_decay(step, start, end, warmup):
    """Decay of the hidden kernels' momentum, which rises linearly over the first steps.

    Gradients change fast at first, and a long memory of them overshoots: it makes the kernels
    grow, after which a normalized layer learns more slowly for the rest of the training.

    Args:
        step: Scalar, 1 at the first step.
        start: The decay before the first step.
        end: The decay from step `warmup` on.
        warmup: Number of steps, at least 1.

    Returns:
        Scalar float32 tensor.
    """
    return start + (end - start) * tf.minimum(tf.cast(step, tf.float32) / warmup, 1.0)


def orthogonal_direction(gradient, momentum, adam, beta, coordinates):
    """Orthogonalised Nesterov momentum at hidden kernels, half of Adam's step elsewhere.

    An orthogonalised kernel of r x c has a root mean square of `1 / sqrt(max(r, c))`; it is
    scaled to 0.2, about that of Adam's steps, so that both share a learning rate.

    Args:
        gradient, momentum, adam: Tensors of shape `(size,)`.
        beta: Decay of the momentum, a scalar.
        coordinates: Their `Coordinates`.

    Returns:
        Tensor of shape `(size,)`.

    Reference:
        J. Liu et al., "Muon is Scalable for LLM Training", 2025, section 2.2.
    """

    def direction(matrices):
        return 0.2 * math.sqrt(max(matrices.shape[1:])) * orthogonalize(matrices)

    nesterov = beta * momentum + (1 - beta) * gradient
    return coordinates.map_matrices(direction, nesterov, default=0.5 * adam)
