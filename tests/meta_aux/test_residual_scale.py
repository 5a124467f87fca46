import numpy as np
import pytest

from dncnn_keras import metrics
from meta_aux import MaskNetwork, MultiTask, ParallelHeads, RealDenoiser
from meta_aux.residual_scale import psnr_by_scale, scale_residual
from tests.meta_aux.conftest import FILTERS, scale_up


@pytest.mark.parametrize("network", [MultiTask, ParallelHeads])
def test_scales_the_residual_and_nothing_else(network, generator):
    model = RealDenoiser(network(FILTERS, dtype="float64"), MaskNetwork(2, dtype="float64"))
    scale_up(model, generator)
    noisy = generator.uniform(size=(1, 9, 8, 3))
    (clean, predicted), mask = model.network(noisy), model.predict_mask(noisy)
    scale_residual(model, 0.8)
    new_clean, new_predicted = model.network(noisy)
    np.testing.assert_allclose(new_clean - noisy, 0.8 * (clean - noisy), atol=1e-12)
    np.testing.assert_allclose(new_predicted, predicted, atol=1e-12)
    np.testing.assert_array_equal(model.predict_mask(noisy), mask)


def test_measures_what_the_scaled_model_gives(denoiser, generator):
    clean = generator.uniform(size=(2, 8, 8, 3))
    noisy = clean + generator.normal(0, 0.1, clean.shape)
    psnrs = psnr_by_scale(denoiser, zip(noisy, clean, strict=True), (1.0, 0.3))
    scale_residual(denoiser, 0.3)
    images = np.clip(denoiser.predict_on_batch(noisy), 0, 1)
    scaled = [metrics.psnr(*each) for each in zip(clean, images, strict=True)]
    assert list(psnrs) == [1.0, 0.3]
    assert psnrs[0.3] == pytest.approx(np.mean(scaled)) != psnrs[1.0]


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf])
def test_refuses_a_scale_that_makes_no_sense(scale, denoiser):
    before = denoiser.get_weights()
    with pytest.raises(ValueError, match="scale must be above 0"):
        scale_residual(denoiser, scale)
    for old, new in zip(before, denoiser.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
