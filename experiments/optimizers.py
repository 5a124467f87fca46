"""Makes the optimizer that an experiment file describes."""

import keras

from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.pretrained import load_rule


def make_optimizer(settings, steps, epsilon=1e-7):
    """Makes an optimizer with its learning-rate schedule.

    Args:
        settings: A `schema.Optimizer`.
        steps: Number of updates of the whole training.
        epsilon: That of Adam and AdamW.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        FileNotFoundError: If the rule of a learned optimizer is not released.
    """
    rule = load_rule(settings.weights) if settings.name == "learned" else None
    peak = settings.learning_rate or (rule.learning_rate if rule else 1e-3)
    arguments = {"learning_rate": _schedule(peak, settings.warmup, settings.schedule, steps)}
    if settings.weight_decay is not None:  # AdamW has a default of its own
        arguments["weight_decay"] = settings.weight_decay
    match settings.name:
        case "adam":
            return keras.optimizers.Adam(epsilon=epsilon, **arguments)
        case "adamw":
            return keras.optimizers.AdamW(epsilon=epsilon, **arguments)
        case "sgd":
            return keras.optimizers.SGD(momentum=0.9, **arguments)
        case "orthogonal-momentum":
            return OrthogonalMomentum(**arguments)
        case "learned":
            return LearnedOptimizer(weights=rule, **arguments)


def _schedule(peak, warmup, schedule, steps):
    warmup = round(warmup * steps)
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else peak,
            decay_steps=steps - warmup,
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    if warmup:
        return keras.optimizers.schedules.PolynomialDecay(0.0, warmup, end_learning_rate=peak)
    return peak
