"""What the Makefile makes of its variables."""

import re
import subprocess
from pathlib import Path

import pytest

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
