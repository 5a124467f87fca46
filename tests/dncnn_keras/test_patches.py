import gc
import itertools

import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import patches
from dncnn_keras.patches import SCALES, PatchSampler, noisy_patch, noisy_patches
from dncnn_keras.paths import cache_dir


def _ramp(height, width, channels=1):
    pixels = np.arange(height * width * channels) % 251
    return pixels.reshape(height, width, channels).astype(np.uint8)


def _symmetries(patch):
    for turns, flip in itertools.product(range(4), (False, True)):
        turned = np.rot90(patch, turns)
        yield (turns, flip), turned[:, ::-1] if flip else turned


@pytest.mark.parametrize("channels", [1, 3])
def test_patches_are_symmetries_of_places_of_the_images(channels):
    images = [_ramp(17, 23, channels), _ramp(12, 9, channels)[::-1]]
    sampler = PatchSampler(images, patch_size=8, seed=0, scales=(1.0,))
    places = {}
    for number, image in enumerate(images):
        for row, column in np.ndindex(image.shape[0] - 7, image.shape[1] - 7):
            place = image[row : row + 8, column : column + 8]
            places[place.tobytes()] = (number, row, column)
    seen_places, seen_symmetries = set(), set()
    patches = tf.data.Dataset.range(400).map(sampler)
    for index, patch in enumerate(patches.as_numpy_iterator()):
        patch = np.round(patch * 255).astype(np.uint8)
        found = {
            symmetry: places[turned.tobytes()]
            for symmetry, turned in _symmetries(patch)
            if turned.tobytes() in places
        }
        assert found, f"patch {index} is no part of the images"
        seen_symmetries.update(found)
        seen_places.update(found.values())
    assert len(seen_symmetries) == 8
    assert {number for number, _, _ in seen_places} == {0, 1}
    assert len(seen_places) > 0.7 * len(places)


def _files():
    gc.collect()
    return [file for file in cache_dir().glob("scratch/*/*") if file.name != "lock"]


def test_the_images_stay_in_files_as_long_as_they_are_needed():
    sampler = PatchSampler((_ramp(60, 50) for _ in range(2)), patch_size=8, seed=0)
    batches = noisy_patches(sampler, 25, batch_size=4)
    assert len(_files()) == 2 * len(SCALES)
    del sampler
    iterator = iter(batches)
    del batches
    assert _files() and next(iterator)[1].shape == (4, 8, 8, 1)
    del iterator
    assert not _files()


def test_large_images_lie_in_several_files_and_every_place_is_in_one(monkeypatch):
    images = [_ramp(61, 20), _ramp(40, 30)]
    whole = PatchSampler(images, patch_size=8, seed=0)
    monkeypatch.setattr(patches, "_FILE_BYTES", 1)
    cut = PatchSampler(images, patch_size=8, seed=0)
    assert max(file.stat().st_size for file in cut._folder.path.iterdir()) == 4 * 8 * 30
    assert cut._count == whole._count
    for index in range(50):
        np.testing.assert_array_equal(cut(index), whole(index))


def test_scales_shrink_the_images():
    flat = [np.full((20, 20, 1), 40, np.uint8)]
    sampler = PatchSampler(flat, patch_size=14, seed=0, scales=(1.0, 0.7, 0.5))
    # The image itself has 7x7 positions, the one at 0.7 a single one, the one at 0.5 none.
    assert sampler._count == 49 + 1
    np.testing.assert_allclose(sampler(0), 40 / 255, atol=1e-6)


def test_a_sequence_is_the_same_whatever_the_batch_size_and_the_start():
    sampler = PatchSampler([_ramp(60, 50)], patch_size=8, seed=3)
    one = list(noisy_patches(sampler, (5, 90), batch_size=4).take(4))
    other = next(iter(noisy_patches(sampler, (5, 90), batch_size=8, start=1)))
    for position in (0, 1):
        expected = np.concatenate([one[2][position], one[3][position]])
        np.testing.assert_array_equal(other[position], expected)
    assert not np.array_equal(one[0][1], one[1][1])


def test_a_single_pair_is_that_of_the_sequence():
    sampler = PatchSampler([_ramp(60, 50)], patch_size=8, seed=3)
    batches = list(noisy_patches(sampler, (5, 90), batch_size=4).take(2))
    for index in (0, 3, 5):
        pair = noisy_patch(sampler, (5, 90), tf.constant(index, tf.int64))
        for mine, batch in zip(pair, batches[index // 4], strict=True):
            np.testing.assert_array_equal(mine, batch[index % 4])


def test_a_random_batch_is_neighbours_from_anywhere():
    def places(index):
        return tf.cast(index % 1000, tf.float32), tf.cast(index // 1000, tf.float32)

    batches = [
        patches.random_batch(places, 3, tf.constant([0, number], tf.int64)) for number in (1, 1, 2)
    ]
    indices = np.array([np.int64(high) * 1000 + np.int64(low) for low, high in batches])
    np.testing.assert_array_equal(np.diff(indices), np.ones((3, 2)))
    assert indices[0, 0] == indices[1, 0] != indices[2, 0]


def test_blind_levels_fill_the_range_evenly_in_every_batch():
    sampler = PatchSampler([_ramp(60, 60)], patch_size=40, seed=0)
    for noisy, clean in noisy_patches(sampler, (5, 90), batch_size=16).take(3):
        levels = np.sort((noisy - clean).numpy().std(axis=(1, 2, 3)) * 255)
        assert 3 < levels[0] < 15 and 80 < levels[-1] < 95
        assert np.diff(levels).max() < 12


def test_a_single_level_is_the_same_for_all():
    sampler = PatchSampler([_ramp(60, 60)], patch_size=40, seed=0)
    noisy, clean = next(iter(noisy_patches(sampler, 25, batch_size=8)))
    np.testing.assert_allclose((noisy - clean).numpy().std(axis=(1, 2, 3)) * 255, 25, rtol=0.1)
    assert noisy.numpy().max() > 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "no image"),
        ([_ramp(20, 20), _ramp(20, 20, 3)], "differ in channels"),
        ([_ramp(7, 30)], "8x8"),
    ],
)
def test_refuses_images_that_give_no_patches(images, message):
    with pytest.raises(ValueError, match=message):
        PatchSampler(images, patch_size=8, seed=0)


def test_refuses_an_impossible_noise_level():
    sampler = PatchSampler([_ramp(20, 20)], patch_size=8, seed=0)
    with pytest.raises(ValueError, match="sigma must be"):
        noisy_patches(sampler, (90, 5), batch_size=2)
