"""Denoising one grey image of 481x321 with DnCNN, depth 17, in milliseconds."""

import numpy as np

from benchmarks import torch_dncnn
from benchmarks.stopwatch import seconds_per_call
from dncnn_keras import DnCNN
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser


def measure():
    """Yields lines: our fast path, our unfolded network, and PyTorch where it is installed."""
    image = np.random.default_rng(0).random((1, 321, 481, 1), np.float32)
    model = DnCNN()
    denoiser = DnCNNDenoiser(model)
    ours = seconds_per_call(lambda: denoiser(image))
    yield f"{'ours, folded':<40}{ours * 1e3:8.0f} ms"
    rivals = {
        "ours, unfolded, model.predict": lambda: model.predict(image, verbose=0),
    }
    if torch_dncnn.torch:
        for bfloat16 in (False, True):
            kind = "bfloat16" if bfloat16 else "float32"
            rivals[f"PyTorch folded channels_last, {kind}"] = torch_dncnn.inference(image, bfloat16)
    for name, denoise in rivals.items():
        seconds = seconds_per_call(denoise)
        yield f"{name:<40}{seconds * 1e3:8.0f} ms: ours is {seconds / ours:.2f}x faster"
