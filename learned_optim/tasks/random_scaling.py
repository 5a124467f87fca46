"""A task seen through randomly scaled parameters."""

import tensorflow as tf

from learned_optim.tasks.task import Task, fold


class RandomScaling(Task):
    """Multiplies every parameter tensor by a factor of its own, drawn for each instance.

    The loss is the inner task's at `c * theta`; theta starts at the inner task's initial
    parameters divided by c. One architecture becomes a family of problems whose gradients and
    best steps differ in size between tensors, and a rule cannot learn them by heart.

    Args:
        task: A `Task`.
        spread: Largest factor: c is `exp(u)`, u uniform in +-log(spread).

    Reference:
        K. Lv, S. Jiang, J. Li, "Learning Gradient Descent", ICML 2017, section 4.1, which scales
        every coordinate.

    Example:

    >>> task = RandomScaling(Quadratics(), spread=3.0)
    """

    def __init__(self, task, spread):
        if spread < 1:
            raise ValueError(f"RandomScaling: spread must be at least 1, got {spread}")
        self._task = task
        self._range = float(tf.math.log(float(spread)))
        self.name = task.name
        self.shapes = task.shapes
        self.names = task.names

    def _factors(self, seed):
        exponents = tf.random.stateless_uniform(
            (len(self.shapes),), fold(seed, 101), -self._range, self._range
        )
        return tf.unstack(tf.exp(exponents))

    def initial(self, seed):
        """Draws the inner task's parameters, divided by the factors."""
        inner = self._task.initial(seed)
        return [tensor / c for tensor, c in zip(inner, self._factors(seed), strict=True)]

    def batch(self, seed, step):
        """Draws the inner task's batch, and the factors."""
        return self._factors(seed), self._task.batch(seed, step)

    def loss(self, parameters, batch):
        """Computes the inner task's loss at the scaled parameters."""
        factors, inner = batch
        scaled = [c * tensor for tensor, c in zip(parameters, factors, strict=True)]
        return self._task.loss(scaled, inner)
