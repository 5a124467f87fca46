"""Batches of handwritten digits, as tasks draw them."""

import tensorflow as tf


def digit_batches(images, labels, batch_size):
    """Makes the function that draws batches for a `KerasTask`.

    Args:
        images: float32 array of shape `(count, pixels)` in [0, 1].
        labels: Integer array of shape `(count,)`, 0 to 9.
        batch_size: Digits in a batch.

    Returns:
        Function from a seed to a batch of images and labels, drawn with repetition.

    Example:

    >>> sample = digit_batches(x_train, y_train, batch_size=128)
    >>> images, labels = sample(tf.constant([0, 1], tf.int64))
    """
    images, labels = tf.constant(images, tf.float32), tf.constant(labels, tf.int64)

    def sample(seed):
        rows = tf.random.stateless_uniform(
            (batch_size,), seed, maxval=images.shape[0], dtype=tf.int64
        )
        return tf.gather(images, rows), tf.gather(labels, rows)

    return sample
