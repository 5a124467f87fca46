"""The protocol of all tasks."""

import tensorflow as tf

from learned_optim.coordinates import Coordinates, hidden_kernels


class Task:
    """An optimisation problem, drawn anew from a distribution for every training.

    What is random in an instance of the task follows from a seed, a tensor of two integers; the
    same seed always gives the same instance. All methods are pure and can be traced into a
    graph.

    Attributes:
        name: Short name for logs.
        shapes: List of the shapes of the parameters, in the order of a model's variables.
        names: List of their names, see `hidden_kernels`, or `None`.

    Example: a line's height, to be found from noisy samples.

    >>> class Height(Task):
    ...     name, shapes = "height", [(1,)]
    ...     def initial(self, seed):
    ...         return [tf.zeros(1)]
    ...     def batch(self, seed, step):
    ...         height = tf.random.stateless_normal((), fold(seed, 0))
    ...         return height + tf.random.stateless_normal((16,), fold(seed, step + 1))
    ...     def loss(self, parameters, batch):
    ...         return tf.reduce_mean(tf.square(batch - parameters[0]))
    """

    name: str
    shapes: list
    names: list | None = None

    def coordinates(self):
        """Returns the `Coordinates` of the parameters."""
        return Coordinates(self.shapes, hidden_kernels(self.shapes, self.names))

    def initial(self, seed):
        """Draws initial parameters.

        Args:
            seed: int64 tensor of shape `(2,)`.

        Returns:
            List of float32 tensors of the shapes `self.shapes`.
        """
        raise NotImplementedError

    def batch(self, seed, step):
        """Draws the data of one step.

        Args:
            seed: int64 tensor of shape `(2,)`, the instance's.
            step: Scalar int64 tensor, 0 at the first step.

        Returns:
            A tensor or a tuple of tensors, for `loss`.
        """
        raise NotImplementedError

    def loss(self, parameters, batch):
        """Computes the loss as a function of explicit parameters.

        Args:
            parameters: List of tensors of the shapes `self.shapes`.
            batch: What `batch` returned.

        Returns:
            Scalar float32 tensor.
        """
        raise NotImplementedError


def fold(seed, number):
    """Derives the `number`-th of the seeds that belong to a seed of shape `(2,)`."""
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), alg="philox")
