"""Released rules: a Keras weight file and a JSON file that says what is in it.

`NAME.json` holds `rule` (name and arguments), the `learning_rate` that it is meant for, `sha256`
of the weight file, and how it was meta-trained; `NAME.weights.h5` lies beside it.
"""

from pathlib import Path

import keras

from dncnn_keras.one_line import one_line
from dncnn_keras.weight_files import (
    SUFFIX,
    description_of,
    load_model,
    read_description,
    save_model,
)
from learned_optim.rules import RULES, make_rule
from learned_optim.rules.rule import Rule

WEIGHTS = Path(__file__).parent / "weights"


def available():
    """Names of the rules that come with the package, sorted."""
    names = (path.name.removesuffix(SUFFIX) for path in WEIGHTS.glob(f"*{SUFFIX}"))
    return sorted(name for name in names if (WEIGHTS / f"{name}.json").is_file())


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
    weights = Path(name) if str(name).endswith(SUFFIX) else WEIGHTS / f"{name}{SUFFIX}"
    description = description_of(weights)
    for path in (weights, description):
        if not path.is_file():
            raise FileNotFoundError(
                f"there are no learned-optimizer weights {str(name)!r} ({path} is missing); "
                f"available: {', '.join(available()) or 'none'}, or the path of a {SUFFIX} file"
            )
    about, arguments = read_description(weights, "rule")
    numbers = {**arguments, "learning_rate": about.get("learning_rate")}
    for key, value in numbers.items():
        if key != "name" and not (isinstance(value, (int, float)) and 0 <= value < 1e30):
            raise ValueError(one_line(f"{description}: {key} must be a number, got {value!r}"))
    rule = load_model(weights, _make, arguments, ["units", "layers"]).rule
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

    Example:

    >>> path = save_rule(make_rule("adam"), "mine", "rules", provenance={"seed": 0})
    >>> optimizer = LearnedOptimizer(weights=path)
    """
    rate = rule.learning_rate if learning_rate is None else learning_rate
    about = {**(provenance or {}), "rule": describe(rule), "learning_rate": rate}
    return save_model(_Weights(rule), name, folder, about)


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


def _make(**arguments):
    return _Weights(make_rule(**arguments))


class _Weights(keras.Model):
    """A model of nothing but a rule: Keras saves and loads models."""

    def __init__(self, rule):
        # Keras counts models without a name, and would write the count into the file.
        super().__init__(name="weights")
        self.rule = rule
        self.built = True
