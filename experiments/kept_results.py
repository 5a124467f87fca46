"""What an earlier run kept, checked before it is used again."""

import contextlib
import json

import pydantic

DAMAGED_RUN = "damaged; delete the folder that it lies in, or give this run another name"


class Provenance(pydantic.BaseModel):
    """What `provenance.provenance` returns."""

    date: str
    revision: str | None
    python: str
    versions: dict[str, str]
    processor: str
    cores: int | None
    gpus: list[str]


def read_kept(path, kind):
    """Reads a JSON file of results.

    Args:
        path: `Path` of the file.
        kind: Subclass of `pydantic.BaseModel`, which says what the file must hold at least.

    Returns:
        Its content as `json.loads` returns it.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is damaged; the message names it.

    Example:

    >>> read_kept(Path("results/table1/bsd80/nlm_seed0.json"), Kept[Measurement])
    """
    try:
        text = path.read_text(encoding="utf-8")
        kind.model_validate_json(text, strict=True)
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{path}: damaged; delete it, and it is computed again") from None


def changed_setting(kept, experiment):
    """Finds a setting by which a run was made that an experiment wants otherwise.

    A key that the run does not know, since it is older than the key, counts as its default:
    without the key the program did what the default says.

    Args:
        kept: The run's settings, a JSON-like dict.
        experiment: Instance of a subclass of `pydantic.BaseModel`.

    Returns:
        The first such key, as in `"training.steps"`, or `None`.
    """
    with contextlib.suppress(pydantic.ValidationError):  # of settings that are none today
        kept = type(experiment).model_validate(kept).model_dump(mode="json")
    return _first_difference(kept, experiment.model_dump(mode="json"))


def _first_difference(old, new, path=""):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            found = _first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if old == new else path
