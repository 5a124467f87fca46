import numpy as np

from dncnn_keras.denoisers.nlm import NLM


def _nlm(image, sigma, patch_size, patch_distance, h):
    """Non-local means of one pixel after the other, with scikit-image's noise correction."""
    radius = patch_size // 2
    padded = np.pad(image.astype(np.float64), radius + patch_distance, mode="reflect")
    result = np.empty(image.shape)
    offsets = range(-patch_distance, patch_distance + 1)

    def patch(i, j):
        return padded[i - radius : i + radius + 1, j - radius : j + radius + 1]

    for i, j in np.ndindex(image.shape):
        row, column = i + radius + patch_distance, j + radius + patch_distance
        weights, total = 0, 0
        for di in offsets:
            for dj in offsets:
                other = patch(row + di, column + dj)
                distance = np.mean((patch(row, column) - other) ** 2) - 2 * sigma**2
                weight = np.exp(-max(distance, 0) / h**2)
                weights += weight
                total += weight * padded[row + di, column + dj]
        result[i, j] = total / weights
    return result


def test_sigma_and_strength_are_grey_levels_of_255():
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (24, 24)).astype(np.float32)
    denoised = NLM()(noisy[None, :, :, None], sigma=20)[0, :, :, 0]
    expected = _nlm(noisy, 20 / 255, patch_size=5, patch_distance=5, h=0.8 * 20 / 255)
    # scikit-image takes the borders of the search window otherwise.
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(denoised[inner], expected[inner], atol=2e-3)


def test_raises_the_psnr(picture, gain):
    clean, noisy = picture
    assert gain(clean, noisy, NLM()(noisy, 25)) > 6


def test_small_images_pass():
    assert np.isfinite(NLM()(np.full((1, 1, 3, 1), 0.5, np.float32), 25)).all()
