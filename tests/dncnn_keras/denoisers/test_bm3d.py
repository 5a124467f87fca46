import sys
import types

import numpy as np
import pytest

from dncnn_keras.denoisers.bm3d import BM3D


@pytest.fixture
def calls(monkeypatch):
    """Arguments of the calls of a package `bm3d` that returns the image plus 1."""
    calls = []

    def bm3d(*args, **kwargs):
        calls.append((*args, kwargs))
        return args[0] + 1

    package = types.ModuleType("bm3d")
    package.bm3d = bm3d
    monkeypatch.setitem(sys.modules, "bm3d", package)
    return calls


def test_a_missing_package_is_named_when_the_denoiser_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match=r"^BM3D: .*pip install bm3d$"):
        BM3D()


def test_the_package_gets_the_unclipped_channel_and_sigma_in_its_units(calls):
    noisy = np.random.default_rng(0).normal(0.5, 1, (1, 9, 12, 2)).astype(np.float32)
    np.testing.assert_array_equal(BM3D()(noisy, 51), noisy + 1)
    assert [call[1:] for call in calls] == [(0.2, {"profile": "np"})] * 2
    np.testing.assert_array_equal(np.stack([call[0] for call in calls], axis=-1), noisy[0])


def test_without_noise_the_image_comes_back(calls):
    image = np.full((1, 9, 9, 1), 0.5, np.float32)
    np.testing.assert_array_equal(BM3D()(image, 0), image)
    assert not calls


def test_sigma_is_needed(calls):
    with pytest.raises(ValueError, match="^BM3D: needs the noise level sigma"):
        BM3D()(np.zeros((1, 9, 9, 1), np.float32))


def test_images_that_would_crash_the_package_are_refused_in_one_line(calls):
    message = r"^BM3D: needs images of at least 9x9 pixels, got 8x30$"
    with pytest.raises(ValueError, match=message):
        BM3D()(np.zeros((1, 8, 30, 1), np.float32), 25)


def test_raises_the_psnr(picture, gain):
    pytest.importorskip("bm3d")
    clean, noisy = picture
    assert gain(clean, noisy, BM3D()(noisy, 25)) > 8


def test_the_smallest_image_passes():
    pytest.importorskip("bm3d")
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 9, 9, 1))
    assert np.isfinite(BM3D()(noisy, 25)).all()
