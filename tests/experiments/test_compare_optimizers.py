import json
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras.datasets import DataUnavailableError
from experiments import compare_optimizers as module
from experiments.__main__ import main
from experiments.read_experiment import ExperimentError, read_experiment
from experiments.tasks import TaskMaker
from learned_optim import save_rule
from learned_optim.rules import make_rule
from learned_optim.trajectory import Trajectory

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
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rule = save_rule(make_rule("adam"), "mine", tmp_path / "rules", 0.1)
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT.format(rule=rule, digits="digits"))
    return file


@pytest.fixture
def results(file, tmp_path):
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


def test_without_mnist_it_falls_back_loudly_and_leaves_the_results_alone(
    file, tmp_path, monkeypatch, capsys
):
    load = module.load_digits

    def fail(name, split):
        if name == "mnist":
            raise DataUnavailableError("no network\nno folder")
        return load(name, split)

    monkeypatch.setattr(module, "load_digits", fail)
    panels = "panels=[{title: Digits, task: {task: mnist, units: 2}, steps: 1}]"
    overrides = ("digits=auto", "baselines={}", "seeds=1", "tuning_seeds=1", panels)
    assert main(["run", str(file), *(part for each in overrides for part in ("--set", each))]) == 0
    captured = capsys.readouterr()
    assert "!!  no folder" in captured.err and "NOT those of MNIST" in captured.err
    assert "not on MNIST" in (tmp_path / "runs" / "trial.md").read_text()
    assert sorted(each.name for each in (tmp_path / "runs").iterdir()) == [
        "trial.json",
        "trial.md",
        "trial.png",
    ]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_every_run_has_initial_weights_of_its_own_that_meta_training_has_not(
    schedule, file, tmp_path, monkeypatch
):
    starts, schedules = {"tuning": [], "reported": []}, set()

    class Recorder:
        def __init__(self, task, make_optimizer, schedule, measure):
            schedules.add(schedule)
            self.task = task

        def run(self, seed, steps, rate=None):
            start = self.task.initial(tf.constant([seed, 1], tf.int64))[0]
            starts["tuning" if rate else "reported"].append(start.numpy().tobytes())
            return np.zeros((steps + 1, 1))

    monkeypatch.setattr(module, "Trajectory", Recorder)
    panels = "panels=[{title: Digits, task: {task: mnist, units: 1}, steps: 1}]"
    changes = ["baselines={sgd: [-3, -3]}", "seeds=10", panels, f"schedule={schedule}"]
    experiment = read_experiment(file, changes)
    bar = mock.Mock()
    kept = module.KeptRuns(tmp_path / "kept", {})
    rules = {name: {} for name in experiment.rules}
    module._run_panel(experiment, experiment.panels[0], None, rules, kept, bar)
    assert bar.update.call_count == module._runs_of_a_panel(experiment) == 2 + 10 + 10
    assert schedules == {schedule}
    reported, tuned = set(starts["reported"]), set(starts["tuning"][:2])
    assert (len(reported), len(tuned)) == (10, 2)
    # The baseline's reported runs, too, start where the learned rule's do.
    assert starts["tuning"][2:] == starts["reported"]
    task = TaskMaker(digits="digits").make(experiment.panels[0].task)
    trained = {
        task.initial(tf.constant([number, 1], tf.int64))[0].numpy().tobytes()
        for number in range(64)
    }
    assert len(trained) == 8
    assert len(reported | tuned | trained) == 20


def test_a_comparison_that_was_stopped_goes_on_and_ends_alike(file, results, monkeypatch):
    undisturbed = json.loads((results / "trial.json").read_text())
    kept = results.parent / "runs/trial/kept"
    assert not kept.exists()  # of what is complete
    run, ran = Trajectory.run, []

    def stop_after(count):
        def stopping(self, *arguments):
            if len(ran) == count:
                raise KeyboardInterrupt
            ran.append(arguments)
            return run(self, *arguments)

        monkeypatch.setattr(Trajectory, "run", stopping)

    runs = 2 * (3 + (5 + 6) * 2 + 2 * 3)  # of the rule, of the grids, at their best rates
    stop_after(10)
    assert main(["run", str(file)]) == 130
    assert len(list(kept.iterdir())) == 10
    stop_after(40)
    assert main(["run", str(file)]) == 130
    stop_after(runs)
    assert main(["run", str(file)]) == 0
    assert len(ran) == runs
    resumed = json.loads((results / "trial.json").read_text())
    assert resumed["panels"] == undisturbed["panels"]


def test_other_networks_take_the_mean_of_the_last_tenth_of_fresh_patches(file, results):
    panels = (
        "[{title: Photographs, task: {task: photographs, patch_size: 8, batch_size: 1}, steps: 20},"
        " {title: CNN, task: {task: mnist-cnn, batch_size: 8}, steps: 2}]"
    )
    overrides = ["rules=[default]", "seeds=1", "tuning_seeds=1", "schedule=cosine"]
    overrides += ["data.dataset=sample"]
    overrides += ["baselines={orthogonal-momentum: [-2, -2]}", f"panels={panels}"]
    assert main(["run", str(file), *(part for each in overrides for part in ("--set", each))]) == 0
    photographs, cnn = json.loads((results / "trial.json").read_text())["panels"]
    for row in photographs["optimizers"]:
        assert len(row["mean"]) == 21
        assert row["final"] == pytest.approx(np.mean(row["mean"][-2:]), rel=1e-4)
    for row in cnn["optimizers"]:
        assert row["final"] == pytest.approx(row["mean"][-1], rel=1e-4)
    text = (results / "trial.md").read_text()
    assert "half a cosine" in text and "over the last tenth" in text
    assert "| orthogonalised momentum | 0.01 (edge of the grid) |" in text


@pytest.mark.parametrize("missing", ["images", "digits", "rule"])
def test_missing_data_are_told_before_anything_is_computed(missing, file, capsys, monkeypatch):
    panels = "{title: Q, task: {task: quadratics}}, {title: P, task: {task: %s}}"
    overrides = ["data.folder=nowhere"]
    if missing == "rule":
        overrides = ["rules=[nowhere]"]
    elif missing == "images":
        overrides.append(f"panels=[{panels % 'photographs'}]")
    else:
        overrides += [f"panels=[{panels % 'mnist-cnn'}]", "digits=mnist"]
        error = DataUnavailableError("digits are nowhere")
        monkeypatch.setattr(module, "load_digits", mock.Mock(side_effect=error))
    monkeypatch.setattr(module, "_run_panel", mock.Mock(side_effect=AssertionError))
    assert main(["run", str(file), *(part for each in overrides for part in ("--set", each))]) == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("{task: quadratics, scaling: 2}", "the scaling of a figure's task must be 1, got 2"),
        ("{task: dncnn}", "'dncnn'.*'quadratics', 'mnist'"),
    ],
)
def test_a_task_that_no_figure_can_show_is_refused(file, task, message):
    with pytest.raises(ExperimentError, match=rf"panels.*{message}") as error:
        read_experiment(file, [f"panels=[{{title: Odd, task: {task}}}]"])
    assert "\n" not in str(error.value)
