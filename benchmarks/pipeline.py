"""The input pipeline alone: noisy patches of 40x40 a second."""

import numpy as np

from benchmarks.stopwatch import seconds_per_call
from dncnn_keras.patches import PatchSampler, noisy_patches


def measure():
    """Yields a line for the images of BSD400's size."""
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (180, 180, 1), dtype=np.uint8) for _ in range(400)]
    batches = iter(noisy_patches(PatchSampler(images, 40, seed=0), (5, 90), batch_size=128))
    rate = 128 / seconds_per_call(lambda: next(batches))
    yield f"{'patches cut, turned and made noisy':<40}{rate:8.0f} patches/s"
