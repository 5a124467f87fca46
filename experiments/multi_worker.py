"""What `fit` lacks to run with several workers."""

import contextlib

import keras
import tensorflow as tf


def mend_fit(model, strategy):
    """Lets `fit` run with `tf.distribute.MultiWorkerMirroredStrategy`, where Keras 3.15 fails.

    Before the first step Keras averages the devices' shares of a batch, whose shape alone it
    needs; here the first device's share is taken. After every step it averages the logs over an
    axis that scalars do not have; here they get one. To be dropped when Keras's
    `_maybe_symbolic_build` and `reduce_per_replica` do without.

    Args:
        model: A compiled `keras.Model`, made in the strategy's scope. It is changed.
        strategy: The strategy.

    Example:

    >>> mend_fit(model, tf.distribute.MultiWorkerMirroredStrategy())
    >>> model.fit(dataset)
    """

    def build(iterator):
        _, _, batches = next(iter(iterator))
        batch = keras.tree.map_structure(
            lambda shares: strategy.experimental_local_results(shares)[0], next(batches)
        )
        with strategy.scope():
            model._symbolic_build(data_batch=batch)

    step = model.train_step

    def train_step(data):
        return {name: tf.reshape(value, [1]) for name, value in step(data).items()}

    model._maybe_symbolic_build = build
    model.train_step = train_step


@contextlib.contextmanager
def stop_told():
    """Tells in one line that another worker has stopped, without which this one cannot go on.

    Raises:
        RuntimeError: If that has happened.
    """
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise RuntimeError(
            "another worker has stopped; the job, started again, goes on from the last checkpoint"
        ) from error
