import numpy as np
import tensorflow as tf

from learned_optim.tasks.mnist_cnn import mnist_cnn_task

SEED = tf.constant([0, 1], tf.int64)
IMAGES = np.random.default_rng(0).random((40, 64), np.float32)
LABELS = np.arange(40) % 10


def test_the_loss_is_the_cross_entropy_of_two_convolutions_and_a_dense_layer():
    task = mnist_cnn_task(IMAGES, LABELS, batch_size=6, initial_seeds=[0])
    assert [tuple(shape) for shape in task.shapes] == [
        (3, 3, 1, 16),
        (16,),
        (3, 3, 16, 32),
        (32,),
        (2 * 2 * 32, 10),
        (10,),
    ]
    batch = task.batch(SEED, 0)
    parameters = [tf.cast(each, tf.float64) for each in task.initial(SEED)]
    x = tf.reshape(tf.cast(batch[0], tf.float64), (6, 8, 8, 1))
    for layer in range(2):
        kernel, bias = parameters[2 * layer :][:2]
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    logits = tf.reshape(x, (6, -1)) @ parameters[4] + parameters[5]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.mean(np.log(probabilities[np.arange(6), batch[1].numpy()]))
    np.testing.assert_allclose(task.loss(task.initial(SEED), batch), expected, rtol=1e-4)


def test_training_lowers_the_loss():
    task = mnist_cnn_task(IMAGES, LABELS, batch_size=40, initial_seeds=[0])
    parameters = [tf.Variable(each) for each in task.initial(SEED)]
    losses, batch = [], task.batch(SEED, 0)
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = task.loss([tf.convert_to_tensor(each) for each in parameters], batch)
        losses.append(float(loss))
        for variable, gradient in zip(parameters, tape.gradient(loss, parameters), strict=True):
            variable.assign_sub(0.3 * gradient)
    assert losses[-1] < 0.9 * losses[0]
