"""Real-noise denoising by meta-auxiliary learning, with adaptation to each image.

The public names are imported on first use, so that `import meta_aux` itself is instant and does
not load TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:  # what type checkers and editors see of them
    from meta_aux.adaptation import adapt as adapt
    from meta_aux.adaptive_denoiser import AdaptiveDenoiser as AdaptiveDenoiser
    from meta_aux.mask import MaskNetwork as MaskNetwork
    from meta_aux.maxl import MAXL as MAXL
    from meta_aux.mirnet import MIRNet as MIRNet
    from meta_aux.mtl import MTL as MTL
    from meta_aux.multi_task import MultiTask as MultiTask
    from meta_aux.parallel_heads import ParallelHeads as ParallelHeads
    from meta_aux.pretrained import load_pretrained as load_pretrained
    from meta_aux.real_denoiser import RealDenoiser as RealDenoiser
    from meta_aux.ridnet import RIDNet as RIDNet


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dncnn_keras.quiet import import_tensorflow

    import_tensorflow()
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
