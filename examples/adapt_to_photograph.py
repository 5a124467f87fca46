"""Denoising a photograph by a network that adapts to it, without knowing the truth.

The photograph ships inside scikit-image, with made-up noise that is correlated as a camera's is.
The released network denoises it as it is, and then after five steps of adaptation to this one
picture. Takes a few seconds on two cores:

    .venv/bin/python examples/adapt_to_photograph.py
"""

import sys
from pathlib import Path

import dncnn_keras
from dncnn_keras.datasets import load_pairs
from dncnn_keras.images import write_image
from dncnn_keras.metrics import psnr


def main(size=384, folder="runs/adapt_to_photograph"):
    """Denoises the central square of `size` pixels; returns the PSNR of each picture."""
    pair = load_pairs("sample", "test")[1].centre(size)
    pictures = {
        "noisy": pair.noisy,
        "denoised": dncnn_keras.denoise(pair.noisy, "real-mtl"),
        "adapted": dncnn_keras.denoise(pair.noisy, "real-mtl-adapted"),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    values = []
    for name, pixels in pictures.items():
        write_image(folder / f"{name}.png", pixels / 255)
        values.append(psnr(pair.clean / 255, pixels / 255))
        print(f"{folder / name}.png: PSNR {values[-1]:.2f} dB")
    return values


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
