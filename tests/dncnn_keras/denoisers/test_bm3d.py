import sys

import numpy as np
import pytest

from dncnn_keras.denoisers.bm3d import BM3D


def test_a_missing_package_is_named_when_the_denoiser_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match=r"^BM3D: .*pip install meta-denoise\[bm3d\]$"):
        BM3D()


def test_raises_the_psnr(picture, gain):
    pytest.importorskip("bm3d")
    clean, noisy = picture
    assert gain(clean, noisy, BM3D()(noisy, 25)) > 8


def test_too_small_images_are_refused_in_one_line():
    pytest.importorskip("bm3d")
    with pytest.raises(ValueError, match="^BM3D: needs images of at least 9x9 pixels, got 8x30$"):
        BM3D()(np.zeros((1, 8, 30, 1), np.float32), 25)


def test_the_smallest_image_passes():
    pytest.importorskip("bm3d")
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 9, 9, 1))
    assert np.isfinite(BM3D()(noisy, 25)).all()
