"""Training a DnCNN, as a task."""

import functools

import tensorflow as tf

from dncnn_keras import DnCNN
from dncnn_keras.patches import noisy_patch, random_batch
from learned_optim.tasks.keras_model import KerasTask


def denoising_task(
    sampler,
    depth=17,
    filters=64,
    sigma=(5.0, 90.0),
    batch_size=16,
    loss="mae",
    initial_seeds=range(8),
):
    """Makes the task of training a DnCNN.

    Args:
        sampler: A `dncnn_keras.patches.PatchSampler`.
        depth, filters: See `DnCNN`.
        sigma: Noise level in grey levels of 255, or the range of a blind denoiser.
        batch_size: Patches in a batch.
        loss: Keras loss.
        initial_seeds: See `KerasTask`.

    Returns:
        A `KerasTask`.

    Example:

    >>> task = denoising_task(PatchSampler(images, patch_size=40, seed=0), depth=5, filters=16)
    """

    shape = (batch_size, sampler.patch_size, sampler.patch_size, sampler.channels)

    def sample(seed):
        make_pair = functools.partial(noisy_patch, sampler, sigma)
        return tuple(
            tf.ensure_shape(each, shape) for each in random_batch(make_pair, batch_size, seed)
        )

    def make_model():
        return DnCNN(depth=depth, filters=filters, channels=sampler.channels)

    name = f"dncnn-{depth}x{filters}"
    return KerasTask(make_model, loss, sample, name, initial_seeds)
