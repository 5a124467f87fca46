"""A small dense network on handwritten digits, the second task of the 2016 paper."""

import keras
import tensorflow as tf

from learned_optim.tasks.digit_batches import digit_batches
from learned_optim.tasks.keras_model import KerasTask


def mnist_task(
    images,
    labels,
    units=20,
    layers=2,
    activation="sigmoid",
    batch_size=128,
    initial_seeds=range(8),
):
    """Makes the task of training a dense network to tell digits.

    The output layer has 10 sigmoid units as in the first paper; the cross-entropy takes their
    share of the sum as the probabilities.

    Args:
        images: float32 array of shape `(count, pixels)` in [0, 1].
        labels: Integer array of shape `(count,)`, 0 to 9.
        units: Units in each hidden layer.
        layers: Number of hidden layers.
        activation: Their activation.
        batch_size: Digits in a batch.
        initial_seeds: See `KerasTask`.

    Returns:
        A `KerasTask`.

    Example:

    >>> task = mnist_task(x_train, y_train, units=40)
    """
    pixels = images.shape[1]

    def make_model():
        hidden = [keras.layers.Dense(units, activation) for _ in range(layers)]
        output = keras.layers.Dense(10, "sigmoid")
        return keras.Sequential([keras.Input((pixels,)), *hidden, output])

    def loss(labels, outputs):
        # Keras looks behind an activation: of sigmoids it would take their inputs' softmax.
        outputs = tf.identity(outputs)
        return keras.losses.sparse_categorical_crossentropy(labels, outputs)

    return KerasTask(
        make_model,
        loss,
        digit_batches(images, labels, batch_size),
        name=f"mnist-{layers}x{units}-{activation}",
        initial_seeds=initial_seeds,
    )
