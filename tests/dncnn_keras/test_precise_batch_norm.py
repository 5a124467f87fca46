import keras
import numpy as np
import pytest

from dncnn_keras import DnCNN
from dncnn_keras.precise_batch_norm import recompute_batch_norm


@pytest.fixture
def model():
    return DnCNN(depth=3, filters=2)


def test_the_averages_are_the_means_over_the_batches(model):
    generator = np.random.default_rng(0)
    batches = [generator.normal(size=(2, 6, 5, 1)).astype("float32") for _ in range(3)]
    norm = model.get_layer("batch_norm_2")
    norm.moving_mean.assign([7.0, -7.0])
    before = [weight.numpy() for weight in model.trainable_weights]

    recompute_batch_norm(model, batches)

    inside = keras.Model(model.input, norm.input)
    activations = [inside(batch).numpy() for batch in batches]
    for moving, statistic in ((norm.moving_mean, np.mean), (norm.moving_variance, np.var)):
        expected = np.mean([statistic(each, axis=(0, 1, 2)) for each in activations], axis=0)
        np.testing.assert_allclose(moving, expected, rtol=1e-5)
    assert norm.momentum == 0.95
    for weight, value in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_an_error_leaves_everything_as_it_was(model):
    before = model.get_weights()
    with pytest.raises(ValueError, match="shape"):
        recompute_batch_norm(model, [np.zeros((2, 6, 5, 3), "float32")])
    assert model.get_layer("batch_norm_2").momentum == 0.95
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_broken_averages_are_replaced_and_frozen_ones_stay(model):
    norm = model.get_layer("batch_norm_2")
    norm.moving_mean.assign([np.nan, np.inf])
    batch = np.random.default_rng(0).normal(size=(2, 6, 5, 1)).astype("float32")
    recompute_batch_norm(model, [batch])
    assert np.isfinite(norm.moving_mean).all()
    norm.trainable = False
    norm.moving_mean.assign([3.0, 4.0])
    recompute_batch_norm(model, [batch])
    np.testing.assert_array_equal(norm.moving_mean, [3.0, 4.0])


def test_no_batch_is_an_error(model):
    with pytest.raises(ValueError, match="there is no batch"):
        recompute_batch_norm(model, iter([]))
