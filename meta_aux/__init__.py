"""Real-noise denoising by meta-auxiliary learning, with adaptation to each image.

The public names are imported on first use, so that `import meta_aux` itself is instant and does
not load TensorFlow.
"""

import importlib

import dncnn_keras  # noqa: F401 - sets what TensorFlow reads once, when it is first imported

_PUBLIC = {
    "MultiTask": "multi_task",
    "ParallelHeads": "parallel_heads",
    "MaskNetwork": "mask",
    "RealDenoiser": "real_denoiser",
    "AdaptiveDenoiser": "adaptive_denoiser",
    "RIDNet": "ridnet",
    "MIRNet": "mirnet",
    "MAXL": "maxl",
    "MTL": "mtl",
    "adapt": "adaptation",
    "load_pretrained": "pretrained",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dncnn_keras.quiet import import_tensorflow

    import_tensorflow()
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
