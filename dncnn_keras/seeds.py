"""The one place that turns a run's seed into the seeds of everything random in it."""

import zlib

import tensorflow as tf


def derive(seed, *path):
    """Derives an independent stateless seed from a run's seed and a path of names and numbers.

    The same seed and path always give the same result, on every machine and device, and
    nothing is drawn from a global generator: what an image's noise is depends neither on the
    order nor on the batch in which it is made.

    Args:
        seed: Integer, the run's seed.
        *path: Strings, integers or scalar integer tensors that say what the seed is for,
            e.g. `"noise", "bsd68/test001", 25`.

    Returns:
        int64 tensor of shape `(2,)` for the `tf.random.stateless_*` functions.

    Example:

    >>> derive(0, "noise", 3).shape
    TensorShape([2])
    """
    result = tf.constant([seed, 0], tf.int64)
    for part in path:
        if isinstance(part, str):  # of a file's name, which need not be text
            part = zlib.crc32(part.encode(errors="surrogateescape"))
        result = fold(result, part)
    return result


def fold(seed, number):
    """Derives the `number`-th seed from a seed of shape `(2,)`."""
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), alg="philox")
