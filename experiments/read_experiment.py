"""How an experiment file is read.

An experiment file is YAML. Its `kind` decides which class describes it; every key is checked for
its name, type and range before anything runs.
"""

import reprlib
from pathlib import Path
from typing import get_args

import pydantic
import yaml

from dncnn_keras.one_line import one_line
from experiments.schema_dncnn import CheckHarness, RaceDnCNN, Table1, TrainDnCNN
from experiments.schema_real import RealTable, ScaleResidual, TrainReal
from experiments.schema_tasks import CompareOptimizers, MetaTrain


class ExperimentError(ValueError):
    """An experiment file, or a `--set`, that cannot be run; the message is one line."""

    def __init__(self, message):
        super().__init__(one_line(message))


KINDS = {
    "train-dncnn": TrainDnCNN,
    "meta-train": MetaTrain,
    "table1": Table1,
    "check-harness": CheckHarness,
    "compare-optimizers": CompareOptimizers,
    "race-dncnn": RaceDnCNN,
    "train-real": TrainReal,
    "scale-residual": ScaleResidual,
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

    >>> read_experiment("experiments/dncnn_blind_first.yaml", ["training.steps=100"])
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExperimentError(f"{path}: cannot be read: {reason}") from None
    try:
        values = _parse(text)
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
    if not isinstance(kind, str) or kind not in KINDS:
        got = reprlib.repr(kind)
        raise ExperimentError(f"{path}: kind: must be one of {', '.join(KINDS)}; got {got}")
    try:
        experiment = KINDS[kind].model_validate(values)
    except pydantic.ValidationError as error:
        raise ExperimentError(f"{path}: {_explain(error, KINDS[kind])}") from None
    if keys := _truth_for_a_number(values, experiment):
        raise ExperimentError(
            f"{path}: {'.'.join(keys)}: must be a number, not true or false, as which YAML reads "
            "yes, no, on and off, too"
        )
    return experiment


class _Loader(yaml.SafeLoader):
    """YAML of plain values: it runs nothing, and holds no more than what is written out.

    That is why there are no aliases: a few lines of them can stand for more values than a machine
    can hold.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_object(self, node, deep=False):
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and value.bit_length() > 64:
                raise ValueError("too large for all that an experiment counts")
        except (ValueError, LookupError, AttributeError):
            # What PyYAML raises at a value like 2020-99-99 depends on its type, and names no line.
            problem = f"{reprlib.repr(node.value)} is not a valid {node.tag.rpartition(':')[2]}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None
        return value


def _parse(text):
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise yaml.MarkedYAMLError(problem="nested too deeply") from None


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
        values[last] = _parse(value)
    except yaml.YAMLError:
        raise ExperimentError(f"--set {override}: {value!r} is not a YAML value") from None


def _truth_for_a_number(given, checked):
    """The keys that lead to a true or false which pydantic took for 1 or 0, if there is one."""
    if isinstance(given, dict):
        pairs = [([key], value, _at(checked, key)) for key, value in given.items()]
    elif isinstance(given, list) and isinstance(checked, list | tuple):
        pairs = [([], *pair) for pair in zip(given, checked, strict=True)]
    else:
        return None
    for keys, value, taken in pairs:
        if isinstance(value, bool) and not isinstance(taken, bool):
            return keys
        found = _truth_for_a_number(value, taken)
        if found is not None:
            return [*keys, *found]
    return None


def _at(section, key):
    return section[key] if isinstance(section, dict) else getattr(section, key)


def _explain(error, kind):
    """The first complaint of pydantic's in one line; a misspelt key also leaves one missing."""
    complaint = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    path = [part for part in complaint["loc"] if isinstance(part, str) and "[" not in part]
    if complaint["type"] != "extra_forbidden":
        message = complaint["msg"].removeprefix("Value error, ")
        got = reprlib.repr(complaint["input"])
        return f"{'.'.join(path) or 'experiment'}: {message}; got {got}"
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
