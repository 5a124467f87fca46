import numpy as np
import pytest
import tensorflow as tf

from learned_optim.tasks.mnist import mnist_task

SEED = tf.constant([0, 1], tf.int64)
IMAGES = np.random.default_rng(0).random((40, 12), np.float32)
LABELS = np.arange(40) % 10


@pytest.mark.parametrize(("activation", "function"), [("sigmoid", None), ("relu", np.maximum)])
def test_the_loss_is_the_cross_entropy_of_ten_sigmoid_units(activation, function):
    task = mnist_task(
        IMAGES, LABELS, units=3, activation=activation, batch_size=6, initial_seeds=[0]
    )
    assert task.name == f"mnist-2x3-{activation}"
    assert [tuple(shape) for shape in task.shapes] == [(12, 3), (3,), (3, 3), (3,), (3, 10), (10,)]
    parameters, (images, labels, seed) = task.initial(SEED), task.batch(SEED, 0)
    assert images.shape == (6, 12)
    x = images.numpy().astype(np.float64)
    for layer in range(3):
        kernel, bias = (each.numpy().astype(np.float64) for each in parameters[2 * layer :][:2])
        x = x @ kernel + bias
        x = function(x, 0) if function and layer < 2 else 1 / (1 + np.exp(-x))
    probabilities = x / x.sum(axis=1, keepdims=True)
    expected = -np.mean(np.log(probabilities[np.arange(6), labels]))
    np.testing.assert_allclose(task.loss(parameters, (images, labels, seed)), expected, rtol=1e-4)


def test_batches_are_digits_with_their_labels():
    task = mnist_task(IMAGES, LABELS, batch_size=100, layers=1, initial_seeds=[0])
    images, labels, _ = task.batch(SEED, 3)
    rows = [int(np.argmin(np.abs(IMAGES - image).sum(axis=1))) for image in images.numpy()]
    np.testing.assert_array_equal(images, IMAGES[rows])
    np.testing.assert_array_equal(labels, LABELS[rows])
    assert len(set(rows)) > 30
