"""Training pairs with real noise: patches cut from the same place of both pictures."""

import math

import numpy as np
import tensorflow as tf

from dncnn_keras import noise, seeds
from dncnn_keras.patches import PatchSampler, endless_batches


def pair_patches(pairs, patch_size, batch_size, seed, start=0, noise_gain=(1.0, 1.0)):
    """Endless `tf.data` pipeline of batches of (noisy, clean) patches, for `MTL.fit`.

    Each patch is drawn uniformly from every position of every pair, then turned into one of its
    8 symmetries, the same for both pictures. Pairs of different sizes mix; those smaller than a
    patch are passed over. Patch i depends on the seed and on i alone, so that a resumed run goes
    on with the very patches it would have had.

    Args:
        pairs: List of `dncnn_keras.datasets.NamedPair`.
        patch_size: Side of a patch in pixels.
        batch_size: Patches in a batch.
        seed: Integer, the run's seed.
        start: Number of batches to skip, for a run that is resumed.
        noise_gain: Range of the factor by which each patch's noise is made stronger or weaker:
            a set of pairs has the noise levels of its own cameras and settings, photographs
            have others. The factor's logarithm is uniform; the noisy patch is clipped.

    Returns:
        A `tf.data.Dataset` of pairs of float32 tensors of shape
        `(batch_size, patch_size, patch_size, 3)` in [0, 1].

    Raises:
        ValueError: If there is no pair, none is large enough for a patch, or the range of gains
            is none.

    Example:

    >>> pairs = load_pairs("sample", "train")
    >>> noisy, clean = next(iter(pair_patches(pairs, patch_size=64, batch_size=4, seed=0)))
    """
    # One picture of six channels, so that both parts get the same place and the same symmetry.
    # At scale 1 only: resized noise is no longer the camera's.
    stacked = (np.concatenate([pair.noisy, pair.clean], axis=-1) for pair in pairs)
    sampler = PatchSampler(stacked, patch_size, seed, scales=(1.0,))
    low, high = noise_gain
    if not 0 < low <= high:
        raise ValueError(f"pair_patches: noise_gain must be a range (low, high), got {noise_gain}")

    def pair(index):
        noisy, clean = tf.split(sampler(index), 2, axis=-1)
        if low == high == 1:
            return noisy, clean
        gain_seed = seeds.derive(seed, "noise_gain", index)
        gain = tf.exp(noise.uniform(math.log(low), math.log(high), gain_seed))
        return tf.clip_by_value(clean + gain * (noisy - clean), 0.0, 1.0), clean

    return endless_batches(pair, batch_size, start)
