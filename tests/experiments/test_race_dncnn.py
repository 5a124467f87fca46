import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments import race_dncnn
from experiments.__main__ import main
from experiments.provenance import provenance
from experiments.race_dncnn import _seconds_per_step, _steps_to
from experiments.read_experiment import read_experiment
from learned_optim import save_rule
from learned_optim.rules import make_rule

ROOT = Path(__file__).parents[2]
EXPERIMENT = """
kind: race-dncnn
name: trial
data: {{folder: {folder}, holdout: 1, patch_size: 16, sigma: 25}}
network: {{depth: 3, filters: 4}}
batch_size: 2
validation_sigmas: [25]
horizons: [10]
seeds: 2
curve: 2
contenders:
  - {{title: Learned, optimizer: {{name: learned, weights: {rule}}}}}
  - title: Adam
    optimizer: {{name: adam}}
    learning_rates: [1.0e-6, 1.0e-3, 1.0e+30]
    schedules: [constant]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(2):
        pixels = cv2.GaussianBlur(generator.integers(0, 256, (24, 24), dtype=np.uint8), (0, 0), 2)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    rule = save_rule(make_rule("adam"), "mine", tmp_path / "rules", 1e-3, {})
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT.format(folder=folder, rule=rule))
    return file


def test_rivals_are_tuned_and_an_untrained_rule_around_adam_ties_with_adam(
    file, tmp_path, monkeypatch, capsys
):
    assert main(["run", str(file), "--verbose"]) == 0
    results = tmp_path / "results"
    (section,) = json.loads((results / "trial.json").read_text())["horizons"]
    learned, adam = section["contenders"]
    assert adam["learning_rate"] == 1e-3 and adam["at_edge"] == []
    assert [row["psnr"] for row in adam["tuning"]][2] == float("-inf")  # diverged, and recorded
    assert learned["tuning"] == [] and learned["learning_rate"] is None
    assert [point[0] for point in adam["curves"][0]] == [5, 10]
    assert (results / "trial.png").stat().st_size > 1000
    assert "| Adam | 0.001 | constant |" in (results / "trial.md").read_text()

    told = capsys.readouterr().out
    assert "trial: mine-learned-default-cosine-10-seed1\n" in told
    assert "\nadam-1e+30-constant-10-seed100 diverged: the loss became" in told
    # Every run is kept: the second time nothing is trained.
    monkeypatch.setattr(race_dncnn, "train_dncnn", None)
    assert main(["run", str(file)]) == 0
    # Another race takes them as well, if they are copied to it.
    shutil.copytree(results / "trial", results / "other")
    assert main(["run", str(file), "--set", "name=other"]) == 0


def test_a_run_that_had_ended_before_is_not_credited_to_the_program_of_today(file, tmp_path):
    assert main(["run", str(file)]) == 0
    name = "mine-learned-default-cosine-10-seed0"
    kept = tmp_path / "results/trial" / f"{name}.json"
    first = json.loads(kept.read_text())
    about = tmp_path / "runs/trial" / name / "trial.json"
    about.write_text(about.read_text().replace(first["date"], "2020-01-01T00:00:00+00:00"))
    kept.unlink()  # as if it had been stopped before it was written
    assert main(["run", str(file)]) == 0
    assert json.loads(kept.read_text()) == {**first, "date": "2020-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    "table", sorted(ROOT.glob("results/meta-dncnn-*.md")), ids=lambda f: f.stem
)
def test_the_runs_that_are_kept_in_this_repository_are_not_made_again(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(table.with_suffix(""), tmp_path / "results" / table.stem)
    monkeypatch.setattr(race_dncnn, "train_dncnn", None)
    race = ROOT / "experiments" / f"{table.stem.replace('-', '_')}.yaml"
    assert main(["run", str(race)]) == 0
    assert Path("results", table.name).read_text() == table.read_text()


def test_a_kept_run_of_other_settings_is_not_taken_for_this_one(file, tmp_path, capsys):
    assert main(["run", str(file), "--set", "seeds=1"]) == 0
    assert main(["run", str(file), "--set", "seeds=1", "--set", "batch_size=3"]) == 2
    told = capsys.readouterr().err
    name = "trial/mine-learned-default-cosine-10-seed0"
    assert f"results/{name}.json: made with another `training.batch_size`; to run it" in told
    assert f"move it and runs/{name} away" in told


def test_a_kept_run_of_another_rule_is_not_taken_for_this_one(file, tmp_path, capsys):
    assert main(["run", str(file), "--set", "seeds=1"]) == 0
    save_rule(make_rule("rnnprop"), "mine", tmp_path / "rules", 1e-3, {})
    assert main(["run", str(file), "--set", "seeds=1"]) == 2
    assert "made with another `rule.beta_1`; to run it again" in capsys.readouterr().err
    (tmp_path / "rules/mine.json").unlink()
    assert main(["run", str(file), "--set", "seeds=1"]) == 2
    assert "there are no learned-optimizer weights" in capsys.readouterr().err


RULE = """{
    kind: meta-train, name: own, rule: adam, tasks: [{task: quadratics}],
    training: {updates: 2, epoch: 1, window: 5, horizons: [10]},
    held_out: {tasks: [{task: quadratics}], steps: 5, every: 1},
}"""


def test_a_rule_is_meta_trained_before_its_first_run(file, tmp_path, monkeypatch, capsys):
    made = file.read_text().replace(f", weights: {tmp_path}/rules/mine.weights.h5", "")
    file.write_text(made.replace("{name: learned}", f"{{name: learned}}, meta_train: {RULE}"))
    assert main(["run", str(file)]) == 0
    rule = tmp_path / "runs/trial/own/own.weights.h5"
    kept = tmp_path / "results/trial/own-learned-default-cosine-10-seed1.json"
    assert rule.is_file() and json.loads(kept.read_text())["psnr"] > 0
    # Where all of its runs are kept, the rule itself is not needed.
    monkeypatch.setattr(race_dncnn, "meta_train", None)
    rule.unlink()
    assert main(["run", str(file)]) == 0
    shutil.copytree(kept.parent, kept.parents[1] / "other")
    assert main(["run", str(file), "--set", "name=other"]) == 0
    damaged = json.loads(kept.read_text()) | {"experiment": {}}
    (kept.parents[1] / "other" / kept.name).write_text(json.dumps(damaged))
    assert main(["run", str(file), "--set", "name=other"]) == 2
    file.write_text(file.read_text().replace("window: 5", "window: 10"))
    capsys.readouterr()
    assert main(["run", str(file)]) == 2
    assert "made with another `meta_train.training.window`" in capsys.readouterr().err


def test_a_rule_that_is_there_is_not_meta_trained(file, capsys):
    file.write_text(file.read_text().replace("mine.weights.h5}", f"x}}, meta_train: {RULE}"))
    assert main(["run", str(file)]) == 2
    assert "meta_train is for an optimizer `learned` without weights" in capsys.readouterr().err


def test_a_share_of_no_steps_is_refused(file, capsys):
    share = "  - {title: None, optimizer: {name: sgd}, share_of_steps: 0.04}\n"
    file.write_text(file.read_text() + share)
    assert main(["run", str(file)]) == 2
    assert "None: steps (0) must be multiples of curve" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"psnr": None}, {"curve": [[5, 1.0, 20.0]]}])
def test_a_damaged_run_is_named(file, tmp_path, capsys, change):
    assert main(["run", str(file), "--set", "seeds=1"]) == 0
    kept = tmp_path / "results/trial/mine-learned-default-cosine-10-seed0.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **change}))
    capsys.readouterr()
    assert main(["run", str(file), "--set", "seeds=1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: results/trial/{kept.name}: damaged; delete it")


def test_steps_to_a_psnr_are_interpolated_on_the_mean_curve():
    curves = [[[10, 1.0, 20.0], [20, 2.0, 24.0]], [[10, 1.0, 22.0], [20, 2.0, 26.0]]]
    assert _steps_to(curves, 22.0) == pytest.approx(12.5)
    assert _steps_to(curves, 20.0) == 10
    assert _steps_to(curves, 27.0) is None
    assert _steps_to([[], curves[0]], 20.0) is None
    assert _steps_to(curves, -np.inf) is None


def test_a_run_of_a_shorter_horizon_may_be_the_quickest_way(file, tmp_path, monkeypatch):
    final = {("learned", 10): 25.0, ("learned", 20): 26.0, ("adam", 10): 22.0, ("adam", 20): 24.0}

    def run(training, *others):
        horizon = training.training.steps
        psnr = final[training.optimizer.name, horizon]
        curve = [[horizon // 2, 1.0, 10.0], [horizon, 2.0, psnr]]
        return {"psnr": psnr, "curve": curve, **provenance()}

    monkeypatch.setattr(race_dncnn, "_run", run)
    assert main(["run", str(file), "--set", "horizons=[20, 10]"]) == 0
    sections = json.loads((tmp_path / "results/trial.json").read_text())["horizons"]
    assert [section["horizon"] for section in sections] == [10, 20]
    learned, adam = sections[1]["contenders"]
    assert learned["steps_to"] == {"Adam": pytest.approx(5 + 5 * 14 / 15)}
    assert adam["steps_to"] == {"Adam": 20}
    assert "| 26.00 +- 0.00 | 10 (48%) |" in (tmp_path / "results/trial.md").read_text()


def test_a_contender_may_get_a_share_of_the_steps(file, tmp_path, capsys):
    share = "  - {title: Half, optimizer: {name: adam}, share_of_steps: 0.5}\n"
    file.write_text(file.read_text() + share)
    arguments = ["--set", "seeds=1", "--set", "horizons=[10]"]
    assert main(["run", str(file), *arguments, "--set", "curve=1"]) == 0
    (section,) = json.loads((tmp_path / "results/trial.json").read_text())["horizons"]
    assert [row["curves"][0][-1][0] for row in section["contenders"]] == [10, 10, 5]
    assert main(["run", str(file), *arguments, "--set", "curve=2"]) == 2
    assert "Half: steps (5) must be multiples of curve (2)" in capsys.readouterr().err
    # 0.55 * 100 is a little more than 55 in floating point.
    file.write_text(file.read_text().replace("share_of_steps: 0.5", "share_of_steps: 0.55"))
    file.write_text(file.read_text().replace("[10]", "[100]").replace("curve: 2", "curve: 5"))
    assert read_experiment(file).contenders[-1].steps(100) == 55


def test_no_horizon_is_refused(file, capsys):
    assert main(["run", str(file), "--set", "horizons=[]"]) == 2
    assert "horizons" in capsys.readouterr().err


def test_versions_of_a_rule_are_not_taken_for_one(file, tmp_path):
    first = file.read_text().replace("mine.weights", "mine.v1.weights")
    other = (
        f"{{title: Other, optimizer: {{name: learned, weights: {tmp_path}/mine.v2.weights.h5}}}}"
    )
    file.write_text(f"{first}  - {other}\n")
    names = [contender.rule_name for contender in read_experiment(file).contenders]
    assert names == ["mine.v1", None, "mine.v2"]


def test_a_missing_rule_is_told_before_anything_is_run(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(race_dncnn, "train_dncnn", None)
    missing = "  - {title: Last, optimizer: {name: learned, weights: missing}}\n"
    file.write_text(file.read_text() + missing)
    assert main(["run", str(file)]) == 2
    assert "there are no learned-optimizer weights 'missing'" in capsys.readouterr().err


def test_no_steps_lead_to_a_reference_that_has_diverged(file, tmp_path, monkeypatch):
    def run(training, *others):
        curve = [[5, 1.0, 10.0], [10, 2.0, 20.0]]
        if (training.optimizer.name, training.seed) == ("adam", 1):
            return {"psnr": -np.inf, "curve": [], **provenance()}
        return {"psnr": 20.0, "curve": curve, **provenance()}

    monkeypatch.setattr(race_dncnn, "_run", run)
    assert main(["run", str(file)]) == 0
    (section,) = json.loads((tmp_path / "results/trial.json").read_text())["horizons"]
    assert [row["steps_to"] for row in section["contenders"]] == [{"Adam": None}] * 2


def test_seconds_a_step_leave_out_what_ran_beside_it():
    curve = [[10, 9.0, 0.0], [20, 11.0, 0.0], [30, 13.0, 0.0], [40, 20.0, 0.0]]
    assert _seconds_per_step([curve, []]) == "0.20"
    assert _seconds_per_step([[]]) == ""


def test_a_rate_at_the_edge_of_its_grid_is_told_for_either_schedule(file, tmp_path, monkeypatch):
    def run(training, *others):
        optimizer = training.optimizer
        best = {"constant": 1e-6, "cosine": 1e-3}[optimizer.schedule]
        psnr = 20.0 + (optimizer.learning_rate == best) + (optimizer.schedule == "cosine")
        return {"psnr": psnr, "curve": [[5, 1.0, 10.0], [10, 2.0, psnr]], **provenance()}

    monkeypatch.setattr(race_dncnn, "_run", run)
    file.write_text(file.read_text().replace("[constant]", "[constant, cosine]"))
    assert main(["run", str(file)]) == 0
    table = (tmp_path / "results/trial.md").read_text()
    assert "| Adam | 0.001 (constant: edge of the grid) | cosine |" in table
