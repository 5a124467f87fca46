import itertools

import numpy as np
import pytest

from dncnn_keras.datasets import NamedPair
from meta_aux.pair_patches import pair_patches


def _pair(height, width, seed):
    noisy, clean = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    return NamedPair(f"pair{seed}", "scene", noisy, clean)


def _views(image, side):
    """Every place of an image in each of its 8 symmetries, by the bytes seen there."""
    views = {}
    rows, columns = (extent - side + 1 for extent in image.shape[:2])
    for row, column in np.ndindex(rows, columns):
        place = image[row : row + side, column : column + side]
        for turns, flip in itertools.product(range(4), (False, True)):
            view = np.rot90(place[:, ::-1] if flip else place, turns)
            views[view.tobytes()] = (row, column, (turns, flip))
    return views


def test_both_patches_are_the_same_view_of_their_pictures():
    pairs = [_pair(9, 12, 0), _pair(14, 8, 1)]
    views = [(_views(pair.noisy, 6), _views(pair.clean, 6)) for pair in pairs]
    seen_pairs, seen_symmetries = set(), set()
    for noisy, clean in pair_patches(pairs, 6, batch_size=10, seed=0).take(20):
        assert noisy.dtype == clean.dtype == np.float32
        assert noisy.shape == clean.shape == (10, 6, 6, 3)
        batch = (np.rint(part.numpy() * 255).astype(np.uint8) for part in (noisy, clean))
        for noisy_patch, clean_patch in zip(*batch, strict=True):
            (number,) = (n for n in (0, 1) if noisy_patch.tobytes() in views[n][0])
            row, column, symmetry = views[number][0][noisy_patch.tobytes()]
            assert views[number][1][clean_patch.tobytes()] == (row, column, symmetry)
            seen_pairs.add(number)
            seen_symmetries.add(symmetry)
    assert seen_pairs == {0, 1}
    assert len(seen_symmetries) == 8


def test_a_resumed_run_goes_on_with_the_same_patches():
    pairs = [_pair(40, 30, 0)]
    whole = list(pair_patches(pairs, 8, batch_size=3, seed=5).take(4))
    resumed = list(pair_patches(pairs, 8, batch_size=3, seed=5, start=2).take(2))
    for batch, expected in zip(resumed, whole[2:], strict=True):
        for part, expected_part in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(part, expected_part)
    other = next(iter(pair_patches(pairs, 8, batch_size=3, seed=6)))
    assert not np.array_equal(other[0], whole[0][0])


def test_noise_is_made_stronger_and_weaker_within_the_range():
    generator = np.random.default_rng(0)
    clean = generator.integers(100, 156, (40, 30, 3), np.uint8)
    noisy = clean + generator.choice([-10, 10], clean.shape).astype(np.int8)
    pairs = [NamedPair("pair", "scene", noisy.astype(np.uint8), clean)]
    plain = next(iter(pair_patches(pairs, 8, batch_size=50, seed=0)))
    noisy, clean = next(iter(pair_patches(pairs, 8, batch_size=50, seed=0, noise_gain=(0.5, 2))))
    np.testing.assert_array_equal(clean, plain[1])
    gains = np.abs(noisy - clean) * 255 / 10
    np.testing.assert_allclose(gains, gains[:, :1, :1, :1] * np.ones_like(gains), rtol=1e-4)
    gains = np.sort(gains[:, 0, 0, 0])
    assert 0.5 <= gains[0] < 0.6 < 1.7 < gains[-1] <= 2
    assert 0.8 < np.median(gains) < 1.25


def test_gained_noise_is_clipped_to_the_image_range():
    pairs = [
        NamedPair(
            "pair", "scene", *np.array([[[[250] * 3] * 9] * 9, [[[200] * 3] * 9] * 9], np.uint8)
        )
    ]
    noisy, _ = next(iter(pair_patches(pairs, 8, batch_size=2, seed=0, noise_gain=(3, 3))))
    np.testing.assert_array_equal(noisy, np.ones((2, 8, 8, 3)))


@pytest.mark.parametrize("noise_gain", [(2, 1), (0, 1)])
def test_refuses_gains_that_are_no_range(noise_gain):
    with pytest.raises(ValueError, match="noise_gain"):
        pair_patches([_pair(9, 9, 0)], 8, batch_size=1, seed=0, noise_gain=noise_gain)


@pytest.mark.parametrize(("pairs", "message"), [([], "no image"), ([_pair(7, 30, 0)], "8x8")])
def test_refuses_pairs_that_give_no_patches(pairs, message):
    with pytest.raises(ValueError, match=message):
        pair_patches(pairs, 8, batch_size=1, seed=0)
