"""A small picture that every denoiser should be able to clean."""

import numpy as np
import pytest


@pytest.fixture
def picture():
    """A disc and a bar on a gentle slope, `(1, 64, 64, 1)`, and the same with noise of sigma 25."""
    y, x = np.mgrid[:64, :64] / 64
    clean = 0.3 + 0.2 * x
    clean[(x - 0.35) ** 2 + (y - 0.4) ** 2 < 0.06] = 0.8
    clean[(np.abs(x + y - 1.4) < 0.08) & (x > 0.4)] = 0.1
    clean = clean[None, :, :, None].astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 25 / 255, clean.shape)
    return clean, (clean + noise).astype(np.float32)


@pytest.fixture
def gain():
    """Function `(clean, noisy, denoised) -> rise of the PSNR in dB`."""

    def decibels(clean, noisy, denoised):
        return 10 * np.log10(np.mean((noisy - clean) ** 2) / np.mean((denoised - clean) ** 2))

    return decibels
