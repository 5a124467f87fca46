"""DnCNN image denoising on Keras, with its data, noise, metrics and classical rivals.

The public names are imported on first use, so that `import dncnn_keras` itself
is instant and does not load TensorFlow.
"""

import importlib
import os
from typing import TYPE_CHECKING

# TensorFlow reads this once, when it is first imported: hide its start-up notices, keep its errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_PUBLIC = {
    "DnCNN": "dncnn",
    "BatchNormalization": "fused_batch_norm",
    "fold_batch_norm": "folding",
    "recompute_batch_norm": "precise_batch_norm",
    "denoise": "inference",
    "load_pretrained": "pretrained",
    "load_official": "official",
}

__all__ = list(_PUBLIC)

if TYPE_CHECKING:  # what type checkers and editors see of them
    from dncnn_keras.dncnn import DnCNN as DnCNN
    from dncnn_keras.folding import fold_batch_norm as fold_batch_norm
    from dncnn_keras.fused_batch_norm import BatchNormalization as BatchNormalization
    from dncnn_keras.inference import denoise as denoise
    from dncnn_keras.official import load_official as load_official
    from dncnn_keras.precise_batch_norm import recompute_batch_norm as recompute_batch_norm
    from dncnn_keras.pretrained import load_pretrained as load_pretrained


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name != "denoise":  # which loads TensorFlow itself, where the method needs it
        from dncnn_keras.quiet import import_tensorflow

        import_tensorflow()
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
