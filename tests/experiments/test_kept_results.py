import json

import pydantic
import pytest

from experiments.kept_results import Provenance, changed_setting, read_kept
from experiments.provenance import provenance
from experiments.schema import Section


class Numbers(pydantic.BaseModel):
    numbers: dict[str, float]


def test_what_was_kept_comes_back_whole(tmp_path):
    file = tmp_path / "x.json"
    content = {"numbers": {"a": 1, "b": float("-inf")}, "more": [None]}
    file.write_text(json.dumps(content))
    assert read_kept(file, Numbers) == content


def test_provenance_is_what_is_written(tmp_path):
    file = tmp_path / "x.json"
    file.write_text(json.dumps(provenance()))
    assert read_kept(file, Provenance) == provenance() | {
        "date": read_kept(file, Provenance)["date"]
    }


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[" * 10**5, "{}", '{"numbers": {"a": "1"}}', '{"numbers": {"a": null}}',
     '{"numbers": {"\\ud800": 1}}'],
)  # fmt: skip
def test_damage_is_told_with_the_file(tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"x\.json: damaged; delete it"):
        read_kept(file, Numbers)


@pytest.mark.parametrize(
    ("kept", "key"),
    [
        ({"a": {"b": 1, "c": [2]}, "d": 0}, None),
        ({"a": {"b": 1, "c": [2]}}, None),  # older than `d`
        ({"a": {"b": 1, "c": [2]}, "d": 1}, "d"),
        ({"a": {"b": 1, "c": [3]}}, "a.c"),
        ({"a": {"c": [2]}}, "a.b"),
        ({"a": 1}, "a"),
        ({"a": {"b": 1, "c": [2]}, "e": 0}, "d"),  # not valid today: nothing is filled in
    ],
)
def test_a_setting_that_changed_is_named(kept, key):
    class Inner(Section):
        b: int
        c: tuple[int, ...]

    class Outer(Section):
        a: Inner
        d: int = 0

    assert changed_setting(kept, Outer(a=Inner(b=1, c=(2,)))) == key
