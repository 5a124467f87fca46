import numpy as np
import pytest

from dncnn_keras.patches import PatchSampler
from meta_aux.degradation import degraded_patch, degraded_patches


@pytest.fixture
def sampler():
    image = np.random.default_rng(0).integers(60, 190, (40, 50, 3), dtype=np.uint8)
    return PatchSampler([image], patch_size=16, seed=3)


def test_pairs_depend_on_their_number_alone(sampler):
    whole = list(degraded_patches(sampler, batch_size=2).take(3))
    resumed = next(iter(degraded_patches(sampler, batch_size=2, start=2)))
    for a, b in zip(whole[2], resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    noisy, clean = degraded_patch(sampler, 5)
    # Outside of a pipeline the same numbers are rounded in another order.
    np.testing.assert_allclose(noisy, whole[2][0][1], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(clean, whole[2][1][1])


def test_the_clean_patch_is_the_samplers_and_the_noisy_one_is_clipped(sampler):
    deviations = []
    for index in range(12):
        noisy, clean = (image.numpy() for image in degraded_patch(sampler, index))
        np.testing.assert_array_equal(clean, sampler(index))
        assert noisy.min() >= 0 and noisy.max() <= 1
        deviations.append((noisy - clean).std() * 255)
    # Every patch has noise of its own, at least of sigma 5 and of the two kinds at most of 71.
    assert min(deviations) > 4 and max(deviations) < 80 and np.ptp(deviations) > 10
