import re
from pathlib import Path

import pytest
import tensorflow as tf

from experiments import __main__ as module
from experiments.read_experiment import KINDS

FULL = "{{node WriteSummary}} runs/a/events.v2; No space left on device\n\tFailed to flush"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (tf.errors.ResourceExhaustedError(None, None, FULL), "error: runs/a/events.v2: No space"),
        (OSError(28, "No space left on device", "runs/a/log.csv"), "error: runs/a/log.csv: No"),
        (OSError("results: cannot be read"), "error: results: cannot be read\n"),
    ],
)
def test_a_full_disk_is_one_line_that_names_the_file(monkeypatch, capsys, error, told):
    def fail():
        raise error

    monkeypatch.setattr(module, "_report", fail)
    assert module.main(["report"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(told) and message.count("\n") == 1


def test_lack_of_memory_is_not_taken_for_a_full_disk(monkeypatch, capsys):
    def fail():
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(module, "_report", fail)
    assert module.main(["report"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: too little memory: OOM when allocating tensor; make batches")
    assert message.count("\n") == 1


def test_the_help_of_run_has_examples_exit_codes_and_where_keys_are_explained(capsys):
    with pytest.raises(SystemExit):
        module.main(["run", "--help"])
    told = capsys.readouterr().out
    assert module.EPILOG.strip() in told
    (pattern,) = map(Path, re.findall(r"^  (.+\*\.py)$", told, re.MULTILINE))
    explained = "".join(file.read_text() for file in pattern.parent.glob(pattern.name))
    assert all(f"`kind: {kind}`" in explained for kind in KINDS)


def test_ctrl_c_is_one_line_that_says_how_to_go_on(monkeypatch, capsys):
    def stop(experiment):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_run", stop)
    path = Path(module.__file__).with_name("figure3.yaml")
    assert module.main(["run", str(path)]) == 130
    told = "\nstopped; the same command goes on from what is kept\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(("agrees", "code"), [(True, 0), (False, 1)])
def test_a_harness_that_does_not_agree_is_told_by_the_exit_code(monkeypatch, agrees, code):
    monkeypatch.setattr("experiments.check_harness.check_harness", lambda experiment: agrees)
    file = Path(module.__file__).with_name("check_harness.yaml")
    assert module.main(["run", str(file)]) == code
