import numpy as np
import tensorflow as tf

from meta_aux import ParallelHeads
from tests.meta_aux.conftest import FILTERS, scale_up
from tests.meta_aux.reference import convolve, residual_block


def test_has_the_papers_parameters():
    assert ParallelHeads().count_params() == 620_064


def test_both_heads_see_the_features_alone(generator):
    network = ParallelHeads(FILTERS, dtype="float64")
    scale_up(network, generator)
    noisy = generator.uniform(size=(1, 5, 6, 3))
    kernels = iter(network.heads.get_weights())

    def head(x):
        for _ in range(2):
            x = residual_block(x, kernels)
        return convolve(x, next(kernels))

    features = network.body(noisy)[0].numpy()
    clean, predicted = network(noisy)
    np.testing.assert_allclose(clean[0], noisy[0] + head(features), rtol=1e-11)
    np.testing.assert_allclose(predicted[0], head(features), rtol=1e-11)


def test_the_auxiliary_loss_reaches_the_primary_head_through_the_body_alone(generator):
    network = ParallelHeads(FILTERS)
    noisy = generator.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(noisy)[1])
    gradients = tape.gradient(loss, network.trainable_variables)
    unreached = [
        w.path for w, g in zip(network.trainable_variables, gradients, strict=True) if g is None
    ]
    primary = network.heads.get_layer("primary_head").trainable_variables
    assert unreached == [weight.path for weight in primary]


def test_comes_back_from_its_configuration():
    network = ParallelHeads(FILTERS, channels=1)
    again = ParallelHeads.from_config(network.get_config())
    assert again.get_config() == network.get_config()
    assert again.count_params() == network.count_params()
