import json
import os
import re
import subprocess

from experiments import provenance as module
from experiments.provenance import git_revision, hardware, hash_of_program, provenance


def test_says_with_what_and_where_a_result_was_made():
    made_by = provenance()
    assert made_by["cores"] == os.cpu_count()
    assert {"tensorflow", "keras", "numpy"} <= set(made_by["versions"])
    assert made_by["date"].endswith("+00:00")
    assert json.loads(json.dumps(made_by)) == made_by


def test_the_revision_is_that_of_the_program(tmp_path, monkeypatch):
    # A user's own settings may sign commits, or run hooks.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    def revision_at(*folders):
        monkeypatch.setattr(module, "__file__", str(tmp_path.joinpath(*folders, "provenance.py")))
        return git_revision.__wrapped__()

    assert revision_at("experiments") is None  # no checkout
    for folder in ("experiments", "results", "venv/experiments"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_text("1")
    git("init")
    git("add", "experiments", "results")
    git("commit", "--message", "first")
    clean = revision_at("experiments")
    assert re.fullmatch("[0-9a-f]{12}", clean)
    assert revision_at("venv", "experiments") is None  # the checkout is another project's
    (tmp_path / "results/file").write_text("2")
    assert revision_at("experiments") == clean
    (tmp_path / "experiments/file").write_text("2")
    assert revision_at("experiments") == f"{clean}+"


def test_the_revision_of_a_run_is_that_of_its_start(monkeypatch):
    first = git_revision()
    monkeypatch.setattr(module.subprocess, "run", None)
    assert git_revision() == first


def test_a_change_of_the_program_changes_its_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__file__", str(tmp_path / "experiments/provenance.py"))
    (tmp_path / "meta_aux").mkdir()
    sums = []
    for text in ("a = 1", "a = 2", "a = 1"):
        (tmp_path / "meta_aux/a.py").write_text(text)
        sums.append(hash_of_program.__wrapped__())
    assert sums[0] == sums[2] != sums[1]


def test_hardware_names_gpus_alone():
    assert hardware({"gpus": []}) == ""
    assert hardware({"gpus": ["A", "B"]}) == ", A, B"
