import json

import pytest

from experiments.__main__ import main
from learned_optim import save_rule
from learned_optim.rules import make_rule

EXPERIMENT = """
kind: compare-optimizers
name: trial
rules: [{rule}]
panels:
  - {{title: Small, task: {{task: quadratics, functions: 6, dimensions: 3}}, steps: 20}}
  - {{title: Digits, task: {{task: mnist, units: 4, batch_size: 8}}, steps: 5}}
digits: {digits}
baselines: {{sgd: [-5, -3], adam: [-2, 0.5]}}
tuning_seeds: 2
seeds: 3
"""


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rule = save_rule(make_rule("adam"), "mine", tmp_path / "rules", 0.1, {})
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT.format(rule=rule, digits="digits"))
    assert main(["run", str(file)]) == 0
    return tmp_path / "results"


def test_every_optimizer_is_tuned_on_other_seeds_and_reported(results):
    quadratics, digits = json.loads((results / "trial.json").read_text())["panels"]
    learned, sgd, adam = quadratics["optimizers"]
    assert "learning_rate" not in learned  # the learned rule is not tuned
    assert learned["runs"] == sgd["runs"] == 3 * 6
    assert list(adam["grid"]) == ["0.01", "0.0316", "0.1", "0.316", "1", "3.16"]
    best = min(adam["grid"], key=adam["grid"].get)
    assert adam["learning_rate"] == pytest.approx(float(best), rel=1e-2)
    assert adam["final"] < adam["mean"][0] and adam["interior"]
    # So small a step gains the more, the larger it is: the optimum lies outside the grid.
    assert sgd["learning_rate"] == pytest.approx(1e-3) and not sgd["interior"]
    assert len(digits["optimizers"][0]["mean"]) == 6


def test_the_table_says_which_grids_end_at_the_optimum_and_which_digits_were_used(results):
    text = (results / "trial.md").read_text()
    (row,) = [line for line in text.splitlines() if "| SGD |" in line and "18 runs" in line]
    assert "edge of the grid" in row
    assert "not on MNIST" in text
    assert (results / "trial.png").stat().st_size > 1000
