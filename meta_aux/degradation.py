"""Training pairs with the synthetic noise of the first stage of training."""

from dncnn_keras import noise, seeds
from dncnn_keras.patches import endless_batches


def degraded_patches(sampler, batch_size, start=0):
    """Endless `tf.data` pipeline of batches of (noisy, clean) patches, for `MAXL.fit`.

    Each patch gets Gaussian, speckle and salt-and-pepper noise in an order of its own, by
    `dncnn_keras.noise.degrade`.

    Args:
        sampler: A `dncnn_keras.patches.PatchSampler`.
        batch_size: Patches in a batch.
        start: Number of batches to skip, for a run that is resumed.

    Returns:
        A `tf.data.Dataset` of pairs of float32 tensors of shape
        `(batch_size, patch_size, patch_size, channels)` in [0, 1].

    Example:

    >>> sampler = PatchSampler([np.zeros((64, 48, 3), "uint8")], patch_size=40, seed=0)
    >>> noisy, clean = next(iter(degraded_patches(sampler, batch_size=16)))
    """
    return endless_batches(lambda index: degraded_patch(sampler, index), batch_size, start)


def degraded_patch(sampler, index):
    """Makes the `index`-th pair of the sequence that `degraded_patches` runs through.

    Args:
        sampler: A `dncnn_keras.patches.PatchSampler`.
        index: Scalar int64 tensor.

    Returns:
        The noisy and the clean patch.
    """
    clean = sampler(index)
    return noise.degrade(clean, seeds.derive(sampler.seed, "degradation", index)), clean
