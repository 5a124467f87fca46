"""What an earlier run kept, checked before it is used again."""

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

    >>> read_kept(Path("results/table1/bsd80/nlm.json"), Kept[Measurement])
    """
    try:
        text = path.read_text(encoding="utf-8")
        kind.model_validate_json(text, strict=True)
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{path}: damaged; delete it, and it is computed again") from None


def first_difference(old, new, path=""):
    """Returns the key of the first value that differs in two JSON-like dicts, or `None`.

    >>> first_difference({"training": {"steps": 1}}, {"training": {"steps": 2}})
    'training.steps'
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            found = first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if old == new else path
