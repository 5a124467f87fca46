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


@pytest.mark.parametrize(("pairs", "message"), [([], "no image"), ([_pair(7, 30, 0)], "8x8")])
def test_refuses_pairs_that_give_no_patches(pairs, message):
    with pytest.raises(ValueError, match=message):
        pair_patches(pairs, 8, batch_size=1, seed=0)
