"""Released rules: a Keras weight file and a JSON file that says what is in it.

`NAME.json` holds `rule` (name and arguments), the `learning_rate` that it is meant for, `sha256`
of the weight file, and how it was meta-trained; `NAME.weights.h5` lies beside it.
"""

import contextlib
import hashlib
import io
import json
import os
import random
import warnings
from pathlib import Path

import keras
import numpy as np

from learned_optim.rules import RULES, make_rule
from learned_optim.rules.rule import Rule

SUFFIX = ".weights.h5"
WEIGHTS = Path(__file__).parent / "weights"


def available():
    """Names of the rules that come with the package, sorted."""
    names = (path.name.removesuffix(SUFFIX) for path in WEIGHTS.glob(f"*{SUFFIX}"))
    return sorted(name for name in names if (WEIGHTS / f"{name}.json").is_file())


def weights_of(name):
    """Returns the path of a released rule's weights; a path to weights is returned as it is."""
    return Path(name) if str(name).endswith(SUFFIX) else WEIGHTS / f"{name}{SUFFIX}"


def load_rule(name: str | Path = "default") -> Rule:
    """Loads a meta-trained rule.

    Args:
        name: A name out of `available()`, or the path of a `.weights.h5` file that `save_rule`
            wrote, with its `.json` beside it.

    Returns:
        A built `Rule`, whose `learning_rate` is the one that it is meant for.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the name is neither a string nor a path, or the files are damaged, do not
            belong together or are not a rule's.

    Example:

    >>> optimizer = LearnedOptimizer(weights=load_rule("default"))
    """
    if not isinstance(name, (str, Path)):
        raise ValueError(
            "learned-optimizer weights must be a name or a path, a str or a pathlib.Path, "
            f"got {name!r}"
        )
    weights = weights_of(name)
    description = _description_of(weights)
    for path in (weights, description):
        if not path.is_file():
            raise FileNotFoundError(
                f"there are no learned-optimizer weights {str(name)!r} ({path} is missing); "
                f"available: {', '.join(available()) or 'none'}, or the path of a {SUFFIX} file"
            )
    try:
        about = json.loads(description.read_text(encoding="utf-8"))
        arguments, sha256 = dict(about["rule"]), about["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{description}: must be JSON with 'rule' and 'sha256', as it is written "
            "with the weights"
        ) from error
    content = weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{weights}: damaged, or not the file that {description.name} describes "
            "(its SHA-256 differs); install or copy the two again"
        )
    _check_numbers({**arguments, "learning_rate": about.get("learning_rate")}, description)
    for key in {"units", "layers"} & set(arguments):
        # A wrong size would fill the memory before the file is found not to fit it.
        if type(arguments[key]) is not int or not 1 <= arguments[key] ** 2 <= len(content):
            raise ValueError(f"{description}: {key} do not fit the weights, got {arguments[key]}")
    rule = _load(weights, arguments)
    rule.learning_rate = float(about["learning_rate"])
    return rule


def save_rule(
    rule: Rule,
    name: str,
    folder: str | Path,
    learning_rate: float | None = None,
    provenance: dict | None = None,
) -> Path:
    """Writes a rule's weights and their description, for `load_rule`.

    Args:
        rule: A `Rule`.
        name: Name of the release; the files are `name.weights.h5` and `name.json`.
        folder: Folder for the two files, made where it is missing.
        learning_rate: The rate that the rule is meant for, by default `rule.learning_rate`.
        provenance: Dict of how it was meta-trained, which JSON can hold.

    Returns:
        Path of the weight file.

    Raises:
        OSError: If the files cannot be written; those of an earlier release stay as they are.
        ValueError: If the rule's class has no name in `RULES`, or an argument of its constructor is
            something else than a number of at least 0, which `load_rule` would refuse.

    Example:

    >>> path = save_rule(make_rule("adam"), "mine", "rules", provenance={"seed": 0})
    >>> optimizer = LearnedOptimizer(weights=path)
    """
    rate = rule.learning_rate if learning_rate is None else learning_rate
    arguments = describe(rule)
    _check_numbers({**arguments, "learning_rate": rate}, type(rule).__name__)
    # HDF5 writes to memory: at a full disk its library crashes, and the process with it.
    memory = _Memory()
    _Weights(rule).save_weights(memory)
    weights = Path(folder) / f"{name}{SUFFIX}"
    about = {
        **(provenance or {}),
        "rule": arguments,
        "learning_rate": rate,
        "sha256": hashlib.sha256(memory.getvalue()).hexdigest(),
    }
    text = json.dumps(about, indent=2) + "\n"
    # Both are complete under other names before either gets its own.
    parts = {weights: memory.getvalue(), _description_of(weights): text.encode()}
    new = {path: path.with_name(f".{path.name}.new") for path in parts}
    weights.parent.mkdir(parents=True, exist_ok=True)
    try:
        for path, part in parts.items():
            new[path].write_bytes(part)
        for path in parts:
            os.replace(new[path], path)
    except OSError as error:
        error.filename = str(weights)
        raise
    finally:
        for path in new.values():
            path.unlink(missing_ok=True)
    return weights


def describe(rule):
    """Returns the arguments of `make_rule` that make a rule of this kind, as a dict.

    Raises:
        ValueError: If the rule's class is not in `RULES`.
    """
    for name, kind in RULES.items():
        if type(rule) is kind:
            return {**rule.get_config(), "name": name}
    raise ValueError(
        f"{type(rule).__name__} cannot be saved: it is not in learned_optim.rules.RULES, where a "
        "rule of your own must be entered under a name"
    )


def _check_numbers(arguments, whose):
    for key, value in arguments.items():
        if key != "name" and not (isinstance(value, (int, float)) and 0 <= value < 1e30):
            raise ValueError(
                f"{whose}: {key!r:.99} must be a number of at least 0, got {value!r:.99}"
            )


def _description_of(weights):
    return weights.with_name(weights.name.removesuffix(SUFFIX) + ".json")


def _load(weights, arguments):
    try:
        with undrawn():
            model = _Weights(make_rule(**arguments))
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers it skips
            model.load_weights(weights)
    except Exception as error:  # whatever Keras and h5py come to at a strange value
        # The values may be anything, such as a terminal's control sequences.
        reason = str(error).partition("\n")[0][:500].encode("unicode_escape").decode()
        name = _description_of(weights).name
        raise ValueError(
            f"{weights}: not the weights of the rule in {name}, {arguments!r:.300}: {reason}"
        ) from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(f"{weights}: damaged, holds NaN or infinite weights")
    return model.rule


@contextlib.contextmanager
def undrawn():
    """Gives the random numbers back that are drawn for weights which are overwritten at once.

    Else a model would start from other weights, at the same seed, than beside another optimizer.
    """
    state = random.getstate()  # what Keras makes its seeds of
    try:
        yield
    finally:
        random.setstate(state)


class _Weights(keras.Model):
    """A model of nothing but a rule: Keras saves and loads models."""

    def __init__(self, rule):
        # Keras counts models without a name, and would write the count into the file.
        super().__init__(name="weights")
        self.rule = rule
        self.built = True


class _Memory(io.BytesIO):
    """Keras writes to a file object as well, where it has the name of a weight file."""

    def __str__(self):
        return f"memory{SUFFIX}"
