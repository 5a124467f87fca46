"""Makes the optimizer that an experiment file describes."""

import keras

from dncnn_keras.weight_files import sha256_of
from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.pretrained import describe, load_rule, weights_of


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


def describe_rule(weights):
    """Describes a meta-trained rule, so that runs with another one can be told from its own.

    Args:
        weights: Name of a released rule, or path of its weights.

    Returns:
        JSON-like dict.

    Raises:
        FileNotFoundError, ValueError: See `learned_optim.pretrained.load_rule`.
    """
    rule = load_rule(weights)
    about = {"sha256": sha256_of(weights_of(weights)), "learning_rate": rule.learning_rate}
    return {**about, **describe(rule)}


def _schedule(peak, warmup, schedule, steps):
    warmup = min(round(warmup * steps), steps - 1)
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
