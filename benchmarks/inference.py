"""Denoising one grey image of 481x321 with DnCNN, depth 17, in milliseconds."""

import numpy as np

from benchmarks import torch_dncnn
from benchmarks.stopwatch import seconds_in_turns
from dncnn_keras import DnCNN, load_pretrained, metrics, noise
from dncnn_keras.datasets import load_images
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from dncnn_keras.images import to_float
from dncnn_keras.precision import fast_dtype, on_gpu

SIGMAS = (5, 15, 25, 50, 75, 90)


def measure():
    """Yields lines: ours, what its number format costs, and PyTorch where it is installed."""
    image = np.random.default_rng(0).random((1, 321, 481, 1), np.float32)
    model = DnCNN(dtype="float32")
    fast, exact = DnCNNDenoiser(model), DnCNNDenoiser(model, "float32")
    rivals = {
        "ours, folded, float32": lambda: exact(image),
        "ours, unfolded, float32, model.predict": lambda: model.predict(image, verbose=0),
    }
    if torch_dncnn.torch:
        for bfloat16 in (False, True):
            kind = "bfloat16" if bfloat16 else "float32"
            rivals[f"PyTorch folded channels_last, {kind}"] = torch_dncnn.inference(image, bfloat16)
    ours, *others = seconds_in_turns({"ours": lambda: fast(image), **rivals}).values()
    kind = {"mixed_bfloat16": "float16" if on_gpu() else "bfloat16"}.get(fast_dtype(), "float32")
    yield f"{f'ours, folded, {kind}':<40}{ours * 1e3:8.0f} ms"
    for name, seconds in zip(rivals, others, strict=True):
        yield f"{name:<40}{seconds * 1e3:8.0f} ms: ours is {seconds / ours:.2f}x faster"
    for name in ("dncnn-blind", "dncnn-blind-meta"):
        model = load_pretrained(name)
        exact, fast = DnCNNDenoiser(model, "float32"), DnCNNDenoiser(model)
        gains = [f"{_gain(exact, fast, sigma):+.3f}" for sigma in SIGMAS]
        yield f"{f'the format gains {name}':<40}{' '.join(gains)} dB"
    yield f"{'  at sigma':<40}{' '.join(f'{sigma:6}' for sigma in SIGMAS)}"


def _gain(exact, fast, sigma):
    """PSNR that the second denoiser is above the first one, mean of sample photographs in dB."""
    gains = []
    for image in load_images("sample", "test"):
        clean = to_float(image.pixels)[None]
        noisy = noise.add_gaussian(clean, sigma, seed=(0, sigma)).numpy()
        first, second = (
            metrics.psnr(clean, np.clip(denoiser(noisy), 0, 1)) for denoiser in (exact, fast)
        )
        gains.append(second - first)
    return np.mean(gains)
