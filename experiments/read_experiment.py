"""How an experiment file is read.

An experiment file is YAML. Its `kind` decides which class describes it; every key is checked for
its name, type and range before anything runs.
"""

from pathlib import Path
from typing import get_args

import pydantic
import yaml

from experiments import schema
from experiments.schema_real import RealTable, TrainReal


class ExperimentError(ValueError):
    """An experiment file, or a `--set`, that cannot be run; the message is one line."""


KINDS = {
    "train-dncnn": schema.TrainDnCNN,
    "meta-train": schema.MetaTrain,
    "table1": schema.Table1,
    "check-harness": schema.CheckHarness,
    "compare-optimizers": schema.CompareOptimizers,
    "race-dncnn": schema.RaceDnCNN,
    "train-real": TrainReal,
    "real-table": RealTable,
}


def read_experiment(path, overrides=()):
    """Reads and checks an experiment file.

    Args:
        path: Path of the YAML file.
        overrides: Strings `"key.key=value"` that replace or add a value, as given by `--set`.

    Returns:
        An object of the class that the file's `kind` names.

    Raises:
        ExperimentError: With one line naming the file, the key and what is allowed.

    Example:

    >>> read_experiment("experiments/dncnn_blind.yaml", ["training.steps=100"])
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise ExperimentError(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(values, dict):
        raise ExperimentError(f"{path}: must hold `key: value` lines, the first `kind: ...`")
    for override in overrides:
        _override(values, override)
    kind = values.get("kind")
    if kind not in KINDS:
        raise ExperimentError(f"{path}: kind: must be one of {', '.join(KINDS)}; got {kind!r}")
    try:
        return KINDS[kind].model_validate(values)
    except pydantic.ValidationError as error:
        raise ExperimentError(f"{path}: {_explain(error, KINDS[kind])}") from None


def _override(values, override):
    keys, equals, value = override.partition("=")
    if not equals or not keys:
        raise ExperimentError(f"--set {override}: must have the form key.key=value")
    *sections, last = keys.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ExperimentError(f"--set {override}: {section} is a value, not a section")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ExperimentError(f"--set {override}: {value!r} is not a YAML value") from None


def _explain(error, kind):
    """The first complaint of pydantic's in one line; a misspelt key also leaves one missing."""
    complaint = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    path = [part for part in complaint["loc"] if isinstance(part, str) and "[" not in part]
    if complaint["type"] != "extra_forbidden":
        message = complaint["msg"].removeprefix("Value error, ")
        return f"{'.'.join(path) or 'experiment'}: {message}; got {complaint['input']!r}"
    sections = [kind]
    for part in path[:-1]:
        (section, *others) = sections
        if others:  # one of several kinds, which pydantic names in the path
            sections = [each for each in sections if _is_called(each, part)]
        else:
            sections = _sections_in(section.model_fields[part].annotation)
    allowed = ", ".join(sections[0].model_fields)
    return f"{'.'.join(path)}: no such key; allowed here: {allowed}"


def _sections_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _sections_in(part)]


def _is_called(section, name):
    return any(name in get_args(field.annotation) for field in section.model_fields.values())
