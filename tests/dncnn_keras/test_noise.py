import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import noise, seeds

GREY = tf.fill((256, 256, 1), 0.5)


@pytest.mark.parametrize("sigma", [5, 25, 90])
def test_gaussian_noise_has_its_sigma_and_is_neither_clipped_nor_truncated(sigma):
    residual = (noise.add_gaussian(GREY, sigma, seeds.derive(0, sigma)) - GREY).numpy() * 255
    # Six standard errors of the mean and of the deviation of 65,536 samples.
    assert abs(residual.mean()) < 6 * sigma / 256
    assert abs(residual.std() / sigma - 1) < 6 / np.sqrt(2 * 65_536)
    # A normal law truncated at two deviations would have none beyond them; this one has 4.55 %.
    assert abs(np.mean(np.abs(residual) > 2 * sigma) - 0.0455) < 0.005


def test_noise_depends_on_its_seed_alone():
    first, again, other = (
        noise.add_gaussian(GREY, 25, seeds.derive(0, "a", n)).numpy() for n in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first.ravel() - 0.5, other.ravel() - 0.5)[0, 1]) < 0.03


def test_one_sigma_for_each_image():
    sigmas = tf.constant([5.0, 50.0])[:, None, None, None]
    noisy = noise.add_gaussian(tf.zeros((2, 128, 128, 1)), sigmas, seeds.derive(0))
    np.testing.assert_allclose(noisy.numpy().std(axis=(1, 2, 3)) * 255, [5, 50], rtol=0.03)


def test_speckle_grows_with_the_signal():
    clean = tf.concat([GREY * 0.4, GREY * 2], axis=1)
    residual = (noise.add_speckle(clean, 25, seeds.derive(0)) - clean).numpy() * 255
    np.testing.assert_allclose(residual[:, :256].std(), 25 * 0.2, rtol=0.03)
    np.testing.assert_allclose(residual[:, 256:].std(), 25, rtol=0.03)


def test_salt_and_pepper_hits_whole_pixels_in_the_right_shares():
    clean = tf.fill((256, 256, 3), 0.5)
    noisy = noise.add_salt_and_pepper(clean, 0.2, 0.75, seeds.derive(0)).numpy()
    assert set(np.unique(noisy)) == {0.0, 0.5, 1.0}
    assert (noisy == noisy[..., :1]).all()
    hit = noisy[..., 0] != 0.5
    assert abs(hit.mean() - 0.2) < 0.01
    assert abs((noisy[..., 0] == 1).sum() / hit.sum() - 0.75) < 0.02


def test_camera_noise_is_coarse_clipped_and_differs_by_signal_and_channel():
    clean = tf.concat([tf.fill((256, 256, 3), 0.2), tf.fill((256, 256, 3), 0.7)], axis=1)
    residual = (noise.add_camera(clean, 10, seeds.derive(0)) - clean).numpy() * 255
    for part, level in ((residual[:, :256], 0.2), (residual[:, 256:], 0.7)):
        expected = 10 * np.sqrt(0.2 + 1.6 * level) * np.array([1.0, 0.9, 1.2])
        np.testing.assert_allclose(part.std(axis=(0, 1)), expected, rtol=0.05)
        for a, b in ((part[1:], part[:-1]), (part[:, 1:], part[:, :-1])):
            np.testing.assert_allclose((a * b).mean() / (part**2).mean(), 2 / 3, atol=0.02)
    black = noise.add_camera(tf.zeros((64, 64, 3)), 50, seeds.derive(0)).numpy()
    assert black.min() == 0 and 0.4 < np.mean(black == 0) < 0.6


def test_degrade_adds_three_kinds_in_any_order(monkeypatch):
    made = []

    def recorded(kind, ranges):
        def add(image, *arguments):
            for value, (low, high) in zip(arguments[:-1], ranges, strict=True):
                assert low <= value <= high
            assert np.min(image) >= 0 and np.max(image) <= 1  # what came before was clipped
            made[-1].append(kind)
            return image + 2 if kind != "salt" else image

        return add

    for name, kind, ranges in (
        ("add_gaussian", "gaussian", [(5, 50)]),
        ("add_speckle", "speckle", [(5, 50)]),
        ("add_salt_and_pepper", "salt", [(0, 0.01), (0.3, 0.8)]),
    ):
        monkeypatch.setattr(noise, name, recorded(kind, ranges))
    for number in range(40):
        made.append([])
        noise.degrade(tf.fill((2, 2, 3), 0.5), seeds.derive(0, number))
    assert all(sorted(kinds) == ["gaussian", "salt", "speckle"] for kinds in made)
    assert len({tuple(kinds) for kinds in made}) == 6


def test_degrade_stays_in_range_and_is_repeatable():
    clean = tf.fill((64, 64, 3), 0.5)
    results = [noise.degrade(clean, seeds.derive(0, n)).numpy() for n in range(12)]
    assert all(r.shape == clean.shape and r.min() >= 0 and r.max() <= 1 for r in results)
    deviations = [(r - 0.5).std() * 255 for r in results]
    assert 8 < min(deviations) < max(deviations) < 80
    np.testing.assert_array_equal(results[3], noise.degrade(clean, seeds.derive(0, 3)).numpy())
