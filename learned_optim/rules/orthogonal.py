"""The default rule: an LSTM around the orthogonalised momentum of each hidden kernel."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.orthogonal_anchor import OrthogonalAnchor
from learned_optim.rules.rule import still_unless_moved, time_features


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalRule(OrthogonalAnchor):
    """Turns every tensor's step from the orthogonalised momentum to a better direction.

    No network that looks at one coordinate at a time can find the direction in which a layer's
    whole kernel should move, and it is the direction that decides how fast a deep network
    learns. So the rule is given it, see `OrthogonalAnchor`. The LSTM sees this anchor and its
    difference from Adam's step, and decides for each coordinate how far to follow it:

        update = scale (exp(ln 3 tanh(o1)) anchor + 0.3 tanh(o2) adam + 0.1 tanh(o3))

    All outputs start at zero, where the update is the anchor.

    Args:
        keep_length: Whether the anchor decides the length; `False` leaves that to the LSTM, too,
            and is there to show what it does.
        horizon: Number of steps after which the LSTM's say fades, until after twice as many the
            update is the anchor, and the LSTM is not run any more; 0 for never. `MetaTrainer` sets
            a horizon of 0 to the longest one of its own.
        name: See `Rule`.
        **arguments: Those of `OrthogonalAnchor`.

    Reference:
        Y. Wu, M. Ren, R. Liao, R. Grosse, "Understanding Short-Horizon Bias in Stochastic
        Meta-Optimization", ICLR 2018.

    Example:

    >>> rule = make_rule("orthogonal")
    """

    inputs = 8
    outputs = 3

    def __init__(self, *, keep_length=True, horizon=0, name="orthogonal", **arguments):
        super().__init__(name=name, **arguments)
        self.keep_length = keep_length
        self.horizon = horizon

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        normal, adam, anchor, moments = self.directions(gradient, moments, step, coordinates)
        inputs = [
            normal,
            adam,
            5.0 * anchor,
            5.0 * anchor - adam,
            *time_features(step, coordinates.size),
        ]
        return tf.stack(inputs, axis=-1), (anchor, adam), moments

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        anchor, adam = observed
        factor = tf.exp(math.log(3.0) * tf.tanh(outputs[0]))
        free = still_unless_moved(0.1 * tf.tanh(outputs[2]), adam)
        direction = factor * anchor + 0.3 * tf.tanh(outputs[1]) * adam + free
        if self.keep_length:
            direction = coordinates.match_norms(direction, anchor)
        return self.scale * direction

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "keep_length": self.keep_length,
            "horizon": self.horizon,
        }
