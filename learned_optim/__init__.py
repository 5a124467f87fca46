"""Learned optimizers for Keras models, and their meta-training.

The public names are imported on first use, so that `import learned_optim` itself is instant
and does not load TensorFlow.
"""

import importlib
import os

# TensorFlow reads this once, when it is first imported: hide its start-up notices, keep its errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_PUBLIC = {
    "LearnedOptimizer": "optimizer",
    "OrthogonalMomentum": "orthogonal_momentum",
    "MetaTrainer": "meta_trainer",
    "load_rule": "pretrained",
    "save_rule": "pretrained",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
