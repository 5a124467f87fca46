import keras
import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import DnCNN
from dncnn_keras.patches import PatchSampler
from learned_optim.tasks.denoising import denoising_task

SEED = tf.constant([0, 1], tf.int64)


@pytest.fixture(scope="module")
def sampler():
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 1), dtype=np.uint8)
    return PatchSampler(list(images), patch_size=20, seed=0)


def test_the_loss_is_that_of_a_dncnn_in_training(sampler):
    task = denoising_task(sampler, depth=3, filters=4, batch_size=2, initial_seeds=[6])
    assert task.name == "dncnn-3x4"
    noisy, clean, seed = task.batch(SEED, 0)
    keras.utils.set_random_seed(6)
    model = DnCNN(depth=3, filters=4)
    assert [tuple(shape) for shape in task.shapes] == [w.shape for w in model.trainable_weights]
    expected = np.mean(np.abs(model(noisy, training=True) - clean))
    np.testing.assert_allclose(
        task.loss(task.initial(SEED), (noisy, clean, seed)), expected, rtol=1e-5
    )


def test_batches_are_patches_with_noise_of_all_levels(sampler):
    task = denoising_task(sampler, 2, 1, sigma=(10, 60), batch_size=16, initial_seeds=[0])
    batch = tf.function(task.batch)
    noisy, clean, _ = batch(SEED, tf.constant(0))
    assert noisy.shape == clean.shape == (16, 20, 20, 1)
    levels = np.sort((noisy - clean).numpy().std(axis=(1, 2, 3)) * 255)
    assert 8 < levels[0] < 20 and 50 < levels[-1] < 66
    again, other = batch(SEED, tf.constant(0)), batch(SEED, tf.constant(1))
    np.testing.assert_array_equal(again[0], noisy)
    assert np.all(np.any(other[1] != clean, axis=(1, 2, 3)))
