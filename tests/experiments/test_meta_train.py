import csv
import json

import numpy as np
import pytest

from experiments import meta_train as module
from experiments.__main__ import main
from experiments.meta_train import KeptHeldOutRuns
from experiments.read_experiment import ExperimentError, read_experiment
from experiments.tasks import TaskMaker, draw_tasks
from learned_optim import load_rule
from learned_optim.rules import make_rule
from tests.experiments.disturbances import killed_after_an_epoch

EXPERIMENT = """
kind: meta-train
name: trial
rule: rnnprop
tasks: [{task: quadratics, functions: 8, dimensions: 3}]
training: {updates: 30, epoch: 10, window: 5, horizons: [20], learning_rate: 0.01}
held_out:
  tasks: [{task: quadratics, functions: 16, dimensions: 3}]
  steps: 20
  every: 1
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT)
    return file


def _held_out(run):
    with (run / "held_out.csv").open(newline="") as rows:
        return [(int(row["epoch"]), float(row["score"])) for row in csv.DictReader(rows)]


def test_releases_the_rule_that_did_best_in_held_out_runs(file, tmp_path):
    assert main(["run", str(file)]) == 0
    run = tmp_path / "runs" / "trial"
    scores = _held_out(run)
    assert [epoch for epoch, _ in scores] == [-1, 0, 1, 2]
    assert scores[-1][1] < scores[0][1]
    about = json.loads((run / "trial.json").read_text())
    best_epoch, best = min(scores, key=lambda score: score[1])
    assert about["held_out_score"] == pytest.approx(best, abs=1e-5)
    assert about["meta_updates"] == 10 * (best_epoch + 1)
    assert about["experiment"]["rule"] == "rnnprop" and about["processor"]
    assert load_rule(run / "trial.weights.h5").learning_rate == 0.1
    assert (run / "curves.png").stat().st_size > 1000
    before, after = (
        json.loads((run / f"trajectories_{which}.json").read_text())["quadratics_0"]
        for which in ("before", "best")
    )
    assert len(before) == len(after) == 21
    assert before[0] == after[0] and after[-1] < before[-1]


def test_stopped_and_started_again_it_ends_with_the_same_rule(file, tmp_path, capsys):
    with killed_after_an_epoch(KeyboardInterrupt):
        assert main(["run", str(file), "--set", "name=stopped"]) == 130
    assert "stopped; the same command goes on" in capsys.readouterr().err
    for name in ("stopped", "whole"):
        assert main(["run", str(file), "--set", f"name={name}"]) == 0
    runs = [tmp_path / "runs" / name for name in ("stopped", "whole")]
    rules = [load_rule(run / f"{run.name}.weights.h5") for run in runs]
    for stopped, whole in zip(*(rule.get_weights() for rule in rules), strict=True):
        np.testing.assert_array_equal(stopped, whole)
    assert _held_out(runs[0]) == _held_out(runs[1])


def test_stopped_before_the_first_rule_is_kept_it_keeps_it_when_started_again(
    file, tmp_path, monkeypatch
):
    def stop(*arguments, **keywords):
        raise KeyboardInterrupt

    def begin():
        experiment, rule = read_experiment(file), make_rule("rnnprop")
        maker = TaskMaker(None, experiment.digits, experiment.seed)
        KeptHeldOutRuns(experiment, rule, maker, tmp_path).on_train_begin()

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("experiments.meta_train.save_rule", stop)
        begin()
    (tmp_path / "held_out.csv").touch()
    begin()
    assert [epoch for epoch, _ in _held_out(tmp_path)] == [-1]
    assert load_rule(tmp_path / "trial.weights.h5").learning_rate == 0.1


@pytest.mark.parametrize(
    ("settings", "unrolled", "evolution"),
    [
        (
            "second_order: true, log_loss: false",
            {"second_order": True, "log_loss": False},
            None,
        ),
        (
            "estimator: pes, pes_sigma: 0.2, pes_pairs: 3",
            {"second_order": False, "log_loss": True},
            (0.2, 3),
        ),
    ],
)
def test_the_settings_reach_the_trainer(file, tmp_path, monkeypatch, settings, unrolled, evolution):
    made, make = [], module.MetaTrainer

    def make_and_keep(*arguments, **settings):
        made.append(make(*arguments, **settings))
        return made[0]

    def stop(*arguments):
        judges.append(arguments[-2])
        raise KeyboardInterrupt

    judges = []
    monkeypatch.setattr(module, "MetaTrainer", make_and_keep)
    monkeypatch.setattr(module, "fit", stop)
    common = "updates: 50, window: 2, horizons: [4], live: 1, patience: 7, clipnorm: 0.3"
    common += ", schedule: cosine, trained: head, rate: 0.03"
    tasks = "{task: quadratics, functions: 1}"
    held_out = "{tasks: [{task: quadratics}], steps: 6, seeds: 2, every: 3}"
    overrides = [f"training={{{common}, {settings}}}", f"tasks=[{tasks}, {tasks}]"]
    overrides.append(f"held_out={held_out}")
    experiment = read_experiment(file, overrides)
    with pytest.raises(KeyboardInterrupt):
        module.meta_train(experiment, tmp_path)
    (trainer,) = made
    assert (trainer._unrolled, trainer._pes) == (unrolled, evolution)
    assert (trainer.patience, trainer.window, trainer._horizons) == (7, 2, (4,))
    assert trainer.optimizer.global_clipnorm == 0.3
    assert trainer._live.numpy().tolist() == [True, False]
    assert trainer.rule.learning_rate == 0.03 and trainer._cosine
    trained, head = trainer.rule.trainable_weights, trainer.rule.head.weights
    assert [weight.path for weight in trained] == [weight.path for weight in head]
    (judge,) = judges
    judge.set_params({"epochs": 9})
    assert [judge.is_due(epoch) for epoch in range(4)] == [False, False, True, False]
    assert (judge._steps, judge._seeds, judge._trajectories[0]._cosine) == (6, 2, True)


def test_tasks_are_drawn_from_the_choices(file):
    description = (
        "{task: dncnn, draw: 9, depth: [3, 5, 8], filters: 6, patch_size: [16, 20, 16], "
        "batch_size: [2, 4], sigma: 25, scaling: 2}"
    )
    fixed = "{task: dncnn, depth: 4}"
    experiment = read_experiment(file, [f"tasks=[{fixed}, {description}, {description}]"])
    first, *drawn = draw_tasks(experiment.tasks, 0)
    assert (first.depth, first.filters, first.batch_size, len(drawn)) == (4, 16, 16, 18)
    kinds = [(task.depth, task.patch_size, task.batch_size) for task in drawn]
    assert len(set(kinds[:9])) == len(set(kinds[9:])) == 9 and kinds[:9] != kinds[9:]
    assert [set(values) for values in zip(*kinds, strict=True)] == [{3, 5, 8}, {16, 20}, {2, 4}]
    assert {(task.filters, task.sigma, task.scaling) for task in drawn} == {(6, 25, 2)}
    assert draw_tasks(experiment.tasks, 0) == [first, *drawn] != draw_tasks(experiment.tasks, 1)


def test_a_drawn_task_is_made_as_it_is_described(file):
    description = "{task: dncnn, draw: 2, depth: [2, 3], filters: 2, patch_size: 8, batch_size: 3}"
    experiment = read_experiment(file, [f"tasks=[{description}]"])
    maker = TaskMaker([np.zeros((12, 12, 1), np.uint8)], initial_seeds=[0])
    for description in draw_tasks(experiment.tasks, 0):
        task = maker.make(description)
        assert task.name == f"dncnn-{description.depth}x2"
        assert task.batch(np.array([0, 1]), 0)[0].shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("held_out.step=3", "held_out.step: no such key; allowed here: tasks, steps"),
        (
            "tasks=[{task: quadratics, function: 3}]",
            "tasks.quadratics.function: no such key; allowed here: task, functions, dimensions",
        ),
        ("tasks=[]", "tasks: "),
        ("tasks=[{task: cubics}]", "tasks: "),
        ("training.horizons=[7]", "horizons must be multiples of window"),
        ("training.updates=7", "must be a multiple of epoch"),
        ("training.horizons=[]", "training.horizons: "),
        ("training.pes_pairs=0", "training.pes_pairs: "),
        ("training.pes_sigma=0", "training.pes_sigma: "),
        ("training.patience=0", "training.patience: "),
        ("training.live=0", "training.live: "),
        ("training.live=2", "training.live (2) must be at most 1, all tasks"),
        (
            "tasks=[{task: dncnn, depth: [3, 5]}]",
            "tasks.dncnn: lists need draw: how many of their 2 combinations",
        ),
        (
            "tasks=[{task: dncnn, depth: [3, 5, 3], draw: 3}]",
            "tasks.dncnn: draw (3) must be at most 2, all combinations",
        ),
        ("tasks=[{task: dncnn, draw: 2}]", "draw (2) must be at most 1, all combinations"),
        ("tasks=[{task: dncnn, depth: [3, 1], draw: 2}]", "tasks.dncnn.depth: "),
        ("tasks=[{task: dncnn, filters: []}]", "tasks.dncnn.filters: "),
        ("held_out.tasks=[{task: dncnn, depth: [3, 5]}]", "held_out.tasks.dncnn.depth: "),
        ("held_out.tasks=[{task: dncnn, draw: 1}]", "held_out.tasks.dncnn.draw: no such key"),
        ("training={updates: 50, estimator: pes, second_order: true}", "estimator tbptt alone"),
        ("training={updates: 50, estimator: pes, log_loss: false}", "estimator tbptt alone"),
        ("data.sigma=25", "data: sigma: a meta-training does not look at it"),
        ("rule=sgd", "rule: "),
    ],
)
def test_a_wrong_value_is_named(file, override, message):
    with pytest.raises(ExperimentError, match=r"^[^\n]*$") as error:
        read_experiment(file, [override])
    assert message in str(error.value)


def test_a_run_without_its_logs_is_not_judged_anew(file, tmp_path, capsys):
    assert main(["run", str(file)]) == 0
    run = tmp_path / "runs" / "trial"
    rule = (run / "trial.json").read_bytes()
    for log in ("held_out.csv", "log.csv"):
        content = (run / log).read_bytes()
        (run / log).unlink()
        capsys.readouterr()
        assert main(["run", str(file)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{log}: damaged; delete the folder that it lies in" in line
        assert (run / "trial.json").read_bytes() == rule
        (run / log).write_bytes(content)
