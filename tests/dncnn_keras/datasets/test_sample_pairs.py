import numpy as np
import pytest
import skimage.data

from dncnn_keras.datasets import load_pairs

SPLITS = ("train", "validation", "test")


def test_the_clean_pictures_are_skimages_and_the_noise_is_always_the_same():
    (first,), (again,) = load_pairs("sample", "validation"), load_pairs("sample", "validation")
    np.testing.assert_array_equal(first.clean, skimage.data.rocket())
    np.testing.assert_array_equal(first.noisy, again.noisy)
    assert first.noisy.dtype == np.uint8 and first.noisy.shape == first.clean.shape


def test_every_picture_has_noise_of_its_own_that_is_coarse():
    deviations = []
    for split in SPLITS:
        for pair in load_pairs("sample", split):
            residual = pair.noisy.astype(np.float64) - pair.clean
            neighbours = [
                (residual[:, 1:] * residual[:, :-1]).mean() / (residual**2).mean(),
                (residual[1:] * residual[:-1]).mean() / (residual**2).mean(),
            ]
            np.testing.assert_allclose(neighbours, 2 / 3, atol=0.05)
            deviations.append(residual.std())
    assert min(deviations) > 4 and max(deviations) < 25 and np.ptp(deviations) > 2


def test_no_picture_is_in_two_splits():
    names = [pair.scene for split in SPLITS for pair in load_pairs("sample", split)]
    assert len(names) == len(set(names)) == 5


def test_unknown_split():
    with pytest.raises(ValueError, match="no split 'val', choose one of train, validation, test"):
        load_pairs("sample", "val")
