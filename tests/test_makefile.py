"""What the Makefile makes of its variables."""

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ([], "table1"),
        (["SIGMAS=all", "CLASSICAL=no"], "table1"),
        (["SIGMAS=all"], "table1-sigma-all"),
        (["SIGMAS=12.5"], "table1-sigma-12p5"),
        (["SIGMAS=12,5"], "table1-sigma-12-5"),
        (["TRAIN=1", "PROFILE=small"], "table1-dncnn-blind-small"),
    ],
)
def test_no_other_table_takes_the_name_of_the_published_one(variables, name):
    command = ["make", "--dry-run", "reproduce-table1", *variables]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"--set 'name={name}'" in told


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ([], ["dncnn_blind_first", "dncnn_blind_second", "dncnn_blind"]),
        (
            ["PROFILE=meta"],
            ["dncnn_blind_meta_first", "dncnn_blind_meta_second", "dncnn_blind_meta"],
        ),
        (["PROFILE=small"], ["dncnn_blind_small"]),
    ],
)
@pytest.mark.parametrize("target", [["train"], ["reproduce-table1", "TRAIN=1"]])
def test_the_released_networks_are_trained_in_three_stages(target, variables, files):
    command = ["make", "--dry-run", *target, *variables]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"experiments/(dncnn_\w+)\.yaml", told) == files


def test_the_help_names_every_target_and_every_option():
    command = ["make", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets, _, options = told.partition("\nOptions")
    makefile = re.sub("^#.*\n", "", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, re.MULTILINE)
    listed = re.findall(r"^  (\S+) ", targets, re.MULTILINE)
    assert sorted(listed) == sorted(phony.replace("\\", "").split())
    defaults = dict(re.findall(r"^([A-Z]+) \?= (\S+)", makefile, re.MULTILINE))
    switches = dict.fromkeys(re.findall(r"\$\(call on,([A-Z]+)\)", makefile), "0")
    explained = dict(re.findall(r"^  ([A-Z]+)=(\S*)", options, re.MULTILINE))
    assert explained == {**defaults, **switches, "PART": ""}
    values = re.findall(r"\$\(call one_of,[A-Z]+,([a-z0-9 ]+)\)", makefile)
    (profiles,) = re.findall(r"^PROFILES := (.*)", makefile, re.MULTILINE)
    for value in " ".join([*values, profiles, *PARTS]).split():
        assert re.search(rf"\b{value}\b", options), value
