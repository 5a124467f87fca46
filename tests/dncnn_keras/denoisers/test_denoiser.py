import numpy as np
import pytest

from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.denoisers.ksvd import KSVD
from dncnn_keras.denoisers.nlm import NLM


class Halve(Denoiser):
    name = "halve"

    def denoise_image(self, noisy, sigma):
        assert noisy.ndim == 2
        return noisy / 2


@pytest.fixture(params=[NLM, KSVD])
def denoiser(request):
    return request.param()


@pytest.fixture
def noisy():
    return np.random.default_rng(0).normal(0.5, 0.1, (2, 20, 24, 3)).astype(np.float32)


def test_images_are_denoised_one_channel_at_a_time(noisy):
    clean = Halve()(noisy)
    assert clean.dtype == np.float32
    np.testing.assert_array_equal(clean, noisy / 2)


@pytest.mark.parametrize(
    ("image", "sigma", "message"),
    [
        (np.zeros((8, 8)), 25, r"halve: expected images of shape .* got \(8, 8\)"),
        (np.zeros((1, 0, 8, 1)), 25, r"halve: .* got nothing, of shape \(1, 0, 8, 1\)"),
        (np.full((1, 8, 8, 1), np.nan), 25, "halve: the image holds NaN or infinite values"),
        (np.full((1, 8, 8, 1), np.inf), 25, "halve: the image holds NaN or infinite values"),
        (np.full((1, 8, 8, 1), 1e300), 25, "halve: the image holds NaN or infinite values"),
        (np.full((1, 8, 8, 1), -200.0), 25, "halve: the image holds values up to 200, .* by 255"),
        (np.zeros((1, 8, 8, 1), np.uint8), 25, "halve: expected images of floats, got uint8"),
        (np.zeros((1, 8, 8, 1)), -1, "halve: sigma must be a number from 0 to 255, got -1"),
        (np.zeros((1, 8, 8, 1)), np.nan, "halve: sigma must be a number from 0 to 255, got nan"),
        (np.zeros((1, 8, 8, 1)), "25", "halve: sigma must be a number from 0 to 255, got '25'"),
    ],
)
def test_bad_input_is_refused_in_one_line(image, sigma, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Halve()(image, sigma)


def test_classical_denoisers_need_sigma(denoiser, noisy):
    with pytest.raises(ValueError, match=f"^{denoiser.name}: needs the noise level sigma"):
        denoiser(noisy)


def test_classical_denoisers_treat_images_and_channels_apart(denoiser, noisy):
    clean = denoiser(noisy, 25)
    assert clean.dtype == np.float32
    assert clean.shape == noisy.shape
    alone = denoiser(noisy[1:, :, :, 2:], 25)
    np.testing.assert_allclose(clean[1:, :, :, 2:], alone, atol=1e-5)


def test_classical_denoisers_leave_their_input_alone(denoiser, noisy):
    before = noisy.copy()
    denoiser(noisy, 25)
    np.testing.assert_array_equal(noisy, before)


def test_without_noise_the_image_comes_back(denoiser, noisy):
    np.testing.assert_array_equal(denoiser(noisy, 0), noisy)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_images_stay_flat(denoiser, value):
    flat = np.full((1, 20, 24, 1), value, np.float32)
    np.testing.assert_allclose(denoiser(flat, 25), flat, atol=1e-3)


def test_noise_beyond_black_and_white_is_not_clipped(denoiser, noisy):
    """Clipping black noise would leave a grey image: the mean must stay at black."""
    black = noisy[:1, :, :, :1] - noisy[:1, :, :, :1].mean()
    assert abs(denoiser(black, 25.5).mean()) < 0.01 < np.clip(black, 0, 1).mean()


def test_nan_is_no_result(noisy):
    class Broken(Denoiser):
        name = "broken"

        def denoise_image(self, noisy, sigma):
            return noisy * np.nan

    with pytest.raises(FloatingPointError, match="^broken: returned NaN or infinite values$"):
        Broken()(noisy)
