import keras
import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras.patches import PatchSampler
from experiments import photographs_task as module
from meta_aux import MultiTask
from meta_aux.degradation import degraded_patches

SEED = tf.constant([0, 1], tf.int64)


@pytest.fixture(scope="module")
def sampler():
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), dtype=np.uint8)
    return PatchSampler(list(images), patch_size=12, seed=0)


def test_the_loss_is_that_of_both_heads(sampler):
    task = module.photographs_task(sampler, batch_size=2, initial_seeds=[6])
    noisy, (clean, again), seed = task.batch(SEED, 0)
    np.testing.assert_array_equal(again, noisy)
    keras.utils.set_random_seed(6)
    restored, predicted = MultiTask()(noisy)
    expected = np.mean(np.abs(restored - clean)) + np.mean(np.abs(predicted - noisy))
    found = task.loss(task.initial(SEED), (noisy, tf.stack([clean, again]), seed))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_batches_are_pairs_of_the_pre_training(sampler, monkeypatch):
    def second_batch(make_pair, batch_size, seed):
        pairs = [make_pair(tf.constant(index, tf.int64)) for index in (2, 3)]
        return [tf.stack(patches) for patches in zip(*pairs, strict=True)]

    monkeypatch.setattr(module, "random_batch", second_batch)
    task = module.photographs_task(sampler, batch_size=2, initial_seeds=[6])
    noisy, (clean, _), _ = task.batch(SEED, 0)
    expected = next(iter(degraded_patches(sampler, batch_size=2, start=1)))
    for found, pair in zip((noisy, clean), expected, strict=True):
        np.testing.assert_allclose(found, pair, rtol=0, atol=1e-6)
