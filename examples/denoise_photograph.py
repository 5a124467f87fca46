"""Denoising a photograph by the released network, in one call.

White noise of sigma 25 is added to a photograph that ships inside scikit-image, as a camera would
deliver it: 8 bit, clipped. The network is blind: it is not told how strong the noise is. Takes a
few seconds on two cores:

    .venv/bin/python examples/denoise_photograph.py
"""

from pathlib import Path

import numpy as np

import dncnn_keras
from dncnn_keras.datasets import load_images
from dncnn_keras.images import write_image
from dncnn_keras.metrics import psnr


def main(size=512, folder="runs/denoise_photograph"):
    """Denoises the central square of `size` pixels; returns the PSNR before and after."""
    image = load_images("sample", "test")[0].pixels
    top, left = ((length - size) // 2 for length in image.shape[:2])
    clean = image[top : top + size, left : left + size]
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    noisy = np.round(np.clip(clean + noise, 0, 255)).astype(np.uint8)

    denoised = dncnn_keras.denoise(noisy)

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    values = []
    for name, pixels in {"noisy": noisy, "denoised": denoised}.items():
        write_image(folder / f"{name}.png", pixels / 255)
        values.append(psnr(clean / 255, pixels / 255))
        print(f"{folder / name}.png: PSNR {values[-1]:.2f} dB")
    return values


if __name__ == "__main__":
    main()
