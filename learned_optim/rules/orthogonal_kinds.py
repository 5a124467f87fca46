"""An LSTM around orthogonalised momentum that also knows the kind of every tensor."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.orthogonal import OrthogonalRule, turned

# An LSTM of random weights hardly notices an input of one.
_SHOWN = 5.0


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalKindsRule(OrthogonalRule):
    """Decides how far all tensors but hidden kernels move, and turns the steps of all.

    How far norm scales and biases should move beside the kernels, nothing in their own gradients
    tells. This rule sees two inputs more than `OrthogonalRule`: whether a coordinate is one of a
    hidden kernel, and whether it is one of a vector (norm scale or bias). The length of a hidden
    kernel's step remains the anchor's; that of the others is the LSTM's:

        update = scale (exp(ln reach tanh(o1)) anchor + 0.3 tanh(o2) adam + 0.1 tanh(o3))

    Args:
        reach: Largest factor by which the LSTM makes these steps longer or shorter, above 1.
        name: See `Rule`.
        **arguments: Those of `OrthogonalRule`.

    Raises:
        ValueError: If `reach` is not above 1.

    Example:

    >>> rule = make_rule("orthogonal-kinds")
    """

    inputs = 10

    def __init__(self, reach=30.0, name="orthogonal-kinds", **arguments):
        if not reach > 1:
            raise ValueError(f"OrthogonalKindsRule: reach must be above 1, got {reach}")
        super().__init__(name=name, **arguments)
        self.reach = reach

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        inputs, observed, moments = super().observe(gradient, moments, step, coordinates)
        vectors = [_SHOWN * (len(shape) < 2) for shape in coordinates.shapes]
        kinds = [
            coordinates.choose(hidden=_SHOWN, other=0.0),
            tf.repeat(tf.constant(vectors), coordinates.sizes),
        ]
        return tf.concat([inputs, tf.stack(kinds, axis=-1)], axis=-1), observed, moments

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        anchor, adam = observed
        log_reach = coordinates.choose(hidden=math.log(3.0), other=math.log(self.reach))
        direction = turned(outputs, anchor, adam, log_reach)
        if self.keep_length:
            hidden = coordinates.choose(hidden=1.0, other=0.0) > 0.0
            direction = tf.where(hidden, coordinates.match_norms(direction, anchor), direction)
        return self.scale * direction

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "reach": self.reach}
