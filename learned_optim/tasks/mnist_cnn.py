"""A small convolutional network on handwritten digits: a network that is no denoiser."""

import math

import keras
from keras import layers

from learned_optim.tasks.digit_batches import digit_batches
from learned_optim.tasks.keras_model import KerasTask


def mnist_cnn_task(images, labels, batch_size=128, initial_seeds=range(8)):
    """Makes the task of training a convolutional network to tell digits.

    Two convolutions of 3x3 with 16 and 32 filters, each followed by ReLU and maximum pooling, and a
    dense layer; the loss is the cross-entropy of their softmax.

    Args:
        images: float32 array of shape `(count, pixels)` in [0, 1], of square images.
        labels: Integer array of shape `(count,)`, 0 to 9.
        batch_size: Digits in a batch.
        initial_seeds: See `KerasTask`.

    Returns:
        A `KerasTask`.

    Example:

    >>> task = mnist_cnn_task(x_train, y_train)
    """
    pixels = images.shape[1]
    side = math.isqrt(pixels)

    def make_model():
        return keras.Sequential(
            [
                keras.Input((pixels,)),
                layers.Reshape((side, side, 1)),
                layers.Conv2D(16, 3, padding="same", activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(32, 3, padding="same", activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10),
            ]
        )

    return KerasTask(
        make_model,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        digit_batches(images, labels, batch_size),
        name="mnist-cnn",
        initial_seeds=initial_seeds,
    )
