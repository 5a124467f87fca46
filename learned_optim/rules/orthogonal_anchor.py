"""Orthogonalised momentum as the anchor of learned rules."""

import math

import tensorflow as tf

from learned_optim.orthogonalize import orthogonalize
from learned_optim.rules.rule import Rule, adam_direction


class OrthogonalAnchor(Rule):
    """What rules share whose update, before anything is learned, is `OrthogonalMomentum`'s.

    A hidden kernel, as a matrix of (height x width x inputs) x outputs, moves along its
    orthogonalised momentum; first and last kernel, biases and norm scales move as by Adam at half
    the rate.

    Args:
        units, layers, name: See `Rule`.
        beta_1: Decay of the momentum of all but hidden kernels.
        beta_2: Decay of the velocity.
        beta_hidden: Decay of the momentum of hidden kernels, which is Nesterov's.
        beta_start, beta_warmup: The decay that it starts with, and in how many steps it rises from
            there; see `hidden_decay`.
        scale: Factor of the update. Orthogonalised steps bear larger rates than Adam's; with
            this factor both are at home at the same learning rates.
    """

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
        name=None,
    ):
        super().__init__(units, layers, name)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_hidden = beta_hidden
        self.beta_start = beta_start
        self.beta_warmup = beta_warmup
        self.scale = scale

    def directions(self, gradient, moments, step, coordinates):
        """Looks at a gradient.

        Args:
            gradient, moments, step, coordinates: See `Rule.observe`.

        Returns:
            The gradient over the root of its mean square, Adam's step and the anchor without its
            scale, tensors of shape `(size,)`; and the new moments.
        """
        beta_hidden = hidden_decay(step, self.beta_start, self.beta_hidden, self.beta_warmup)
        beta_1 = coordinates.choose(hidden=beta_hidden, other=self.beta_1)
        momentum = moments[0] + (1 - beta_1) * (gradient - moments[0])
        velocity = moments[1] + (1 - self.beta_2) * (tf.square(gradient) - moments[1])
        adam = adam_direction(momentum, velocity, step, beta_1, self.beta_2)
        anchor = orthogonal_direction(gradient, momentum, adam, beta_hidden, coordinates)
        normal = adam_direction(gradient, velocity, step, 0.0, self.beta_2)
        return normal, adam, anchor, [momentum, velocity]

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
        }


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
