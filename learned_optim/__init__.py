"""Learned optimizers for Keras models, and their meta-training.

The public names are imported on first use, so that `import learned_optim` itself is instant
and does not load TensorFlow.
"""

import importlib
import os
from typing import TYPE_CHECKING

# TensorFlow reads this once, when it is first imported: hide its start-up notices, keep its errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_PUBLIC = {
    "LearnedOptimizer": "optimizer",
    "OrthogonalMomentum": "orthogonal_momentum",
    "MetaTrainer": "meta_trainer",
    "HeldOutRuns": "held_out_runs",
    "load_rule": "pretrained",
    "save_rule": "pretrained",
}

__all__ = list(_PUBLIC)

if TYPE_CHECKING:  # what type checkers and editors see of them
    from learned_optim.held_out_runs import HeldOutRuns as HeldOutRuns
    from learned_optim.meta_trainer import MetaTrainer as MetaTrainer
    from learned_optim.optimizer import LearnedOptimizer as LearnedOptimizer
    from learned_optim.orthogonal_momentum import OrthogonalMomentum as OrthogonalMomentum
    from learned_optim.pretrained import load_rule as load_rule
    from learned_optim.pretrained import save_rule as save_rule


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
