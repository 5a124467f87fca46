import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dncnn_keras import metrics

GENERATOR = np.random.default_rng(0)


def test_psnr_of_unclipped_noise_is_that_of_its_sigma():
    clean = GENERATOR.random((512, 512, 1))
    noisy = clean + GENERATOR.normal(0, 25 / 255, clean.shape)
    assert metrics.psnr(clean, noisy) == pytest.approx(20 * np.log10(255 / 25), abs=0.05)
    assert metrics.psnr(clean, clean) == float("inf")
    assert np.isnan(metrics.psnr(clean, np.full_like(clean, np.nan)))


def test_ssim_is_the_formula_of_wang_et_al():
    clean = GENERATOR.random((40, 50))
    other = np.clip(clean + GENERATOR.normal(0, 0.2, clean.shape), 0, 1)

    def blur(x):
        return gaussian_filter(x, 1.5, truncate=3.5)

    mean_a, mean_b = blur(clean), blur(other)
    variance_a, variance_b = blur(clean**2) - mean_a**2, blur(other**2) - mean_b**2
    covariance = blur(clean * other) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    values = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    expected = values[5:-5, 5:-5].mean()
    assert metrics.ssim(clean[..., None], other[..., None]) == pytest.approx(expected, abs=1e-9)


def test_a_wrong_data_range_overstates_ssim():
    clean = gaussian_filter(GENERATOR.random((40, 50, 1)), 2)
    other = clean + GENERATOR.normal(0, 0.05, clean.shape)
    assert metrics.ssim(clean, other, data_range=2.0) > metrics.ssim(clean, other) + 0.01


def test_keras_metric_is_the_mean_over_clipped_images():
    clean = GENERATOR.random((3, 16, 16, 1)).astype(np.float32)
    output = clean + GENERATOR.normal(0, [[[[0.1]]], [[[0.2]]], [[[0.4]]]], clean.shape)
    metric = metrics.PSNR()
    metric.update_state(clean[:1], output[:1])
    metric.update_state(clean[1:], output[1:])
    expected = [metrics.psnr(c, np.clip(o, 0, 1)) for c, o in zip(clean, output, strict=True)]
    assert float(metric.result()) == pytest.approx(np.mean(expected), abs=1e-4)


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim])
def test_refuses_images_of_different_shapes(measure):
    with pytest.raises(ValueError, match="differ in shape"):
        measure(np.zeros((16, 16, 1)), np.zeros((16, 15, 1)))
