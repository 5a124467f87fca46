"""Random quadratic functions, the first task of the 2016 paper."""

import tensorflow as tf

from learned_optim.tasks.task import Task, fold


class Quadratics(Task):
    """Minimises `|| P theta - y ||^2` for matrices P and vectors y of Gaussian numbers.

    Several functions make one task: their losses are added up, so that each has the gradient
    that it would have alone.

    Args:
        functions: Number of functions in an instance.
        dimensions: Length of theta and y.

    Reference:
        Equation (2) of the first paper; M. Andrychowicz et al. 2016, section 3.1.

    Example:

    >>> Quadratics(functions=4).shapes
    [(4, 10)]
    """

    name = "quadratics"

    def __init__(self, functions=128, dimensions=10):
        self.functions = functions
        self.dimensions = dimensions
        self.shapes = [(functions, dimensions)]

    def initial(self, seed):
        """Draws Gaussian parameters."""
        return [tf.random.stateless_normal(self.shapes[0], fold(seed, 0))]

    def batch(self, seed, step):
        """Draws P and y, the same at every step."""
        matrices = (self.functions, self.dimensions, self.dimensions)
        return (
            tf.random.stateless_normal(matrices, fold(seed, 1)),
            tf.random.stateless_normal(self.shapes[0], fold(seed, 2)),
        )

    def losses(self, parameters, batch):
        """Loss of every function, of shape `(functions,)`."""
        (theta,), (matrices, y) = parameters, batch
        return tf.reduce_sum(tf.square(tf.linalg.matvec(matrices, theta) - y), axis=-1)

    def loss(self, parameters, batch):
        """Sum of all functions' losses."""
        return tf.reduce_sum(self.losses(parameters, batch))
