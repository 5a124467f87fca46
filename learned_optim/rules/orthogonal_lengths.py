"""An LSTM that decides how far all but hidden kernels move, which orthogonalised momentum moves."""

import math

import keras
import tensorflow as tf

from learned_optim.rules.orthogonal_anchor import OrthogonalAnchor
from learned_optim.rules.rule import time_features

# An LSTM of random weights hardly notices an input of one.
_SHOWN = 5.0


@keras.saving.register_keras_serializable("learned_optim")
class OrthogonalLengthsRule(OrthogonalAnchor):
    """Decides, tensor by tensor, how far norm scales, biases, first and last kernel move.

    Hidden kernels move along their orthogonalised momentum, see `OrthogonalAnchor`, and the LSTM
    is not run on them: most of a deep model's weights cost what they cost without learning. How
    far the other tensors should move beside them, nothing in their own gradients tells, and
    Adam's common rate is not it. Of these the LSTM sees every coordinate: gradient and momentum in
    Adam's units, the time, and whether it belongs to a vector (norm scale or bias) or to a kernel.
    What it says to the coordinates of a tensor is averaged, and is the length of the tensor's step:

        update = scale exp(ln reach tanh(mean of o1)) anchor

    All outputs start at zero, where the update is the anchor.

    Args:
        reach: Largest factor by which the LSTM makes steps longer or shorter, above 1.
        name: See `Rule`.
        **arguments: Those of `OrthogonalAnchor`.

    Raises:
        ValueError: If `reach` is not above 1.

    Example:

    >>> rule = make_rule("orthogonal-lengths")
    """

    inputs = 6
    outputs = 1

    def __init__(self, reach=30.0, name="orthogonal-lengths", **arguments):
        if not reach > 1:
            raise ValueError(f"OrthogonalLengthsRule: reach must be above 1, got {reach}")
        super().__init__(name=name, **arguments)
        self.reach = reach

    def is_run_on(self, coordinates):
        """See `Rule.is_run_on`."""
        return [not hidden for hidden in coordinates.hidden]

    def observe(self, gradient, moments, step, coordinates):
        """See `Rule.observe`."""
        normal, adam, anchor, moments = self.directions(gradient, moments, step, coordinates)
        inputs = [
            normal,
            adam,
            # Saturated within a meta-training's horizon: all that comes later looks like its end.
            *time_features(step, coordinates.size, (10.0, 30.0, 100.0)),
            _SHOWN * coordinates.are_vectors(),
        ]
        inputs = coordinates.select(tf.stack(inputs, axis=-1), self.is_run_on(coordinates))
        return inputs, (anchor,), moments

    def update(self, outputs, observed, coordinates):
        """See `Rule.update`."""
        (anchor,) = observed
        lengths = tf.exp(math.log(self.reach) * tf.tanh(self._means(outputs[0], coordinates)))
        return self.scale * tf.repeat(lengths, coordinates.sizes) * anchor

    def _means(self, output, coordinates):
        """The network's mean output at each tensor, zero where it is not run."""
        means, begin = [], 0
        for size, is_run in zip(coordinates.sizes, self.is_run_on(coordinates), strict=True):
            if is_run:
                means.append(tf.reduce_mean(output[begin : begin + size]))
                begin += size
            else:
                means.append(tf.zeros(()))
        return tf.stack(means)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "reach": self.reach}
