"""Training the network for photographs on synthetic noise, as a task of learned optimizers."""

import functools

import tensorflow as tf

from dncnn_keras.patches import random_batch
from learned_optim.tasks.keras_model import KerasTask
from meta_aux import MultiTask
from meta_aux.degradation import degraded_patch
from meta_aux.losses import reconstruction


def photographs_task(sampler, batch_size, initial_seeds):
    """Makes the task of training a `MultiTask` by the losses of both of its heads.

    It stands here because `learned_optim` and `meta_aux` do not know each other.

    Args:
        sampler: A `dncnn_keras.patches.PatchSampler` of colour images.
        batch_size: Patches in a batch.
        initial_seeds: See `KerasTask`.

    Returns:
        A `KerasTask`.

    Example:

    >>> task = photographs_task(PatchSampler(images, 64, seed=0), 4, initial_seeds=range(8))
    """

    def sample(seed):
        make_pair = functools.partial(degraded_patch, sampler)
        noisy, clean = random_batch(make_pair, batch_size, seed)
        noisy = tf.ensure_shape(noisy, (batch_size, sampler.patch_size, sampler.patch_size, 3))
        return noisy, tf.stack([clean, noisy])

    def loss(targets, images):
        return sum(reconstruction(*each) for each in zip(images, tf.unstack(targets), strict=True))

    return KerasTask(MultiTask, loss, sample, "photographs", initial_seeds)
