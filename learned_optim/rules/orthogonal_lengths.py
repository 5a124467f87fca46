"""Orthogonalised momentum, and an LSTM that says how far all but hidden kernels move."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.orthogonal_anchor import OrthogonalAnchor
from learned_optim.rules.rule import time_features

# An LSTM of random weights hardly notices an input of one.
_SHOWN = 5.0


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalLengthsRule(OrthogonalAnchor):
    """Decides, tensor by tensor, how far all but hidden kernels move.

    Hidden kernels, see `hidden_kernels`, move along their orthogonalised momentum, see
    `OrthogonalAnchor`, and the LSTM is not run on them: in a deep model that leaves little for it
    to do, and a step costs about what it costs without learning. How far the other tensors (norm
    scales, biases, first and last kernel, embeddings) should move beside them, nothing in their
    own gradients tells, and Adam's common rate is not it. Of these the LSTM sees every coordinate:
    gradient and momentum in Adam's units, the time, and whether its tensor is a vector (norm scale
    or bias). What it says to the coordinates of a tensor that have had a gradient is averaged, and
    decides by what factor the tensor's step is longer or shorter than the anchor's:

        update = scale exp(ln reach tanh(mean of o1)) anchor

    All outputs start at zero, where the update is the anchor. There is no horizon after which the
    LSTM's say fades: it decides nothing but lengths, within `reach`, and the time that it sees
    saturates after some hundred steps.

    Args:
        reach: Largest factor by which the LSTM makes steps longer or shorter, above 1, finite.
        name: See `Rule`.
        **arguments: Those of `OrthogonalAnchor`.

    Raises:
        ValueError: If `reach` is not within its range.

    Example:

    >>> rule = make_rule("orthogonal-lengths")
    """

    inputs = 6
    outputs = 1

    def __init__(self, *, reach=30.0, name="orthogonal-lengths", **arguments):
        if not 1 < reach < math.inf:
            raise ValueError(
                f"OrthogonalLengthsRule: reach must be above 1 and finite, got {reach}"
            )
        super().__init__(name=name, **arguments)
        self.reach = reach

    def is_run_on(self, coordinates):
        """See `Rule.is_run_on`."""
        return [not hidden for hidden in coordinates.hidden]

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        normal, adam, anchor, moments = self.directions(gradient, moments, step, coordinates)
        run_on = self.is_run_on(coordinates)
        inputs = [
            coordinates.select(normal, run_on),
            coordinates.select(adam, run_on),
            *time_features(step, self.network_size(coordinates), (10.0, 30.0, 100.0)),
            _SHOWN * coordinates.select(coordinates.are_vectors(), run_on),
        ]
        return tf.stack(inputs, axis=-1), (anchor,), moments

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        parts = tf.split(observed[0], coordinates.sizes)
        begin = 0
        for index, is_run in enumerate(self.is_run_on(coordinates)):
            if is_run:
                anchor, end = parts[index], begin + coordinates.sizes[index]
                # Rows of an embedding that no batch has held, or dead units, have no say.
                lives = tf.cast(anchor != 0.0, tf.float32)
                said = tf.reduce_sum(lives * outputs[0][begin:end])
                mean = said / tf.maximum(tf.reduce_sum(lives), 1.0)
                parts[index] = tf.exp(math.log(self.reach) * tf.tanh(mean)) * anchor
                begin = end
        return self.scale * tf.concat(parts, axis=0)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "reach": self.reach}
