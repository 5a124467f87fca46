import keras
import numpy as np
import tensorflow as tf

from learned_optim.rules.lstm_cell import LSTMCell


def test_steps_and_gradients_are_those_of_keras():
    generator = np.random.default_rng(0)
    inputs, *states = (
        tf.constant(generator.normal(size=shape), tf.float32)
        for shape in ((3, 50, 6), (50, 4), (50, 4))
    )
    ours, theirs = LSTMCell(4), keras.layers.LSTMCell(4)
    ours.build((None, 6))
    theirs.build((None, 6))
    theirs.set_weights([generator.normal(size=w.shape) for w in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    results = []
    for cell in (ours, theirs):
        state = states
        with tf.GradientTape() as tape:
            for step in range(3):
                output, state = cell(inputs[step], state)
            loss = tf.reduce_sum(output * state[1])
        weights = [weight.value for weight in cell.trainable_weights]
        results.append([output, *state, *tape.gradient(loss, weights)])
    for mine, keras_own in zip(*results, strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=1e-4, atol=1e-5)


def test_its_config_makes_another():
    config = LSTMCell(4, name="mine").get_config()
    assert LSTMCell.from_config(config).get_config() == config
