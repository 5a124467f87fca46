import numpy as np
from skimage.restoration import denoise_nl_means

from dncnn_keras.denoisers.nlm import NLM


def test_sigma_and_strength_are_grey_levels_of_255(picture):
    noisy = picture[1]
    expected = denoise_nl_means(
        255 * noisy[0, :, :, 0].astype(np.float64),
        patch_size=5,
        patch_distance=5,
        h=0.8 * 25,
        sigma=25,
        preserve_range=True,
    )
    np.testing.assert_allclose(255 * NLM()(noisy, 25)[0, :, :, 0], expected, atol=1e-3)


def test_raises_the_psnr(picture, gain):
    clean, noisy = picture
    assert gain(clean, noisy, NLM()(noisy, 25)) > 6


def test_small_images_pass():
    for shape in ((1, 1, 3, 1), (1, 3, 1, 1), (1, 1, 1, 1)):
        flat = np.full(shape, 0.5, np.float32)
        np.testing.assert_allclose(NLM()(flat, 25), flat)
