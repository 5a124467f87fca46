import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from dncnn_keras import DnCNN, load_pretrained
from dncnn_keras.pretrained import save_pretrained
from experiments.__main__ import main
from experiments.read_experiment import read_experiment
from experiments.train_dncnn import train_dncnn
from tests.experiments.disturbances import killed_after_an_epoch

EXPERIMENT = """
kind: train-dncnn
name: trial
devices: cpu
data: {{folder: {folder}, holdout: 1, patch_size: 16, sigma: [5, 50]}}
network: {{depth: 3, filters: 4}}
optimizer: {{learning_rate: 0.01, warmup: 0.1}}
training: {{steps: 60, batch_size: 4, epoch: 10, validate_every: 3, loss: mae}}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        pixels = cv2.GaussianBlur(generator.integers(0, 256, (40, 50), dtype=np.uint8), (0, 0), 2)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT.format(folder=folder))
    return file


def _losses(folder):
    rows = (folder / "log.csv").read_text().splitlines()
    return [float(row.split(",")[rows[0].split(",").index("loss")]) for row in rows[1:]]


def test_trains_releases_and_records_how(file, tmp_path):
    assert main(["run", str(file)]) == 0
    run = tmp_path / "runs" / "trial"
    losses = _losses(run)
    assert len(losses) == 6 and losses[-1] < 0.5 * losses[0]
    assert load_pretrained(str(run / "trial.weights.h5")).depth == 3
    made_by = json.loads((run / "trial.json").read_text())
    assert made_by["experiment"]["training"]["steps"] == 60
    assert made_by["validation_images"] == ["0.png"]
    assert set(made_by["validation_psnr"]) == {"15", "25", "50"}
    curve = made_by["validation_curve"]  # one of three epochs is validated
    assert [steps for steps, *_ in curve] == [30, 60]
    assert 0 < curve[0][1] < curve[1][1]
    assert curve[-1][2] == pytest.approx(
        np.mean(list(made_by["validation_psnr"].values())), abs=1e-3
    )
    assert made_by["versions"]["keras"] and made_by["processor"]


def test_a_training_that_has_ended_leaves_its_weights_unless_they_are_damaged(file, tmp_path):
    trained = train_dncnn(read_experiment(file), tmp_path / "run")
    weights = tmp_path / "run/trial.weights.h5"
    description, content = tmp_path / "run/trial.json", weights.read_bytes()
    description.write_text(description.read_text().replace('"date": "', '"date": "long ago '))
    again = train_dncnn(read_experiment(file), tmp_path / "run")
    assert "long ago" in description.read_text()
    for one, other in zip(trained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    weights.write_bytes(content[:-100])
    train_dncnn(read_experiment(file), tmp_path / "run")
    assert "long ago" not in description.read_text()
    load_pretrained(str(weights))


def test_a_training_that_starts_from_weights_goes_on_from_them(file, tmp_path, capsys):
    assert main(["run", str(file)]) == 0
    first = tmp_path / "runs/trial/trial.weights.h5"
    second = ["run", str(file), "--set", "name=second", "--set", "training.steps=30"]
    start = ["--set", f"start={first}"]
    still = ["--set", "optimizer.learning_rate=1.0e-12"]
    with killed_after_an_epoch(KeyboardInterrupt):
        assert main([*second, *start, *still]) == 130
    assert main([*second, *start, *still]) == 0
    assert "going on after 10 of 30 steps" in capsys.readouterr().out
    models = [
        load_pretrained(str(tmp_path / f"runs/{n}/{n}.weights.h5")) for n in ("trial", "second")
    ]
    for before, after in zip(*(model.trainable_variables for model in models), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)
    # The release says how its start was made, too.
    made_by = json.loads((tmp_path / "runs/second/second.json").read_text())
    assert made_by["start"] == json.loads(first.with_name("trial.json").read_text())
    assert made_by["experiment"]["start_sha256"] == made_by["start"]["sha256"]
    # A stopped run does not go on from weights that were trained again.
    (tmp_path / "runs/trial").rename(tmp_path / "runs/before")
    assert main(["run", str(file), "--set", "seed=1"]) == 0
    capsys.readouterr()
    assert main([*second, *start, *still]) == 2
    assert "holds a run with another `start_sha256`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("dncnn-blind", "start: dncnn-blind holds a network of {'depth': 17, "),
        ("nothing", "start: there are no weights named 'nothing'"),
        ("gone.weights.h5", "start: gone.weights.h5: there is no such file; train them first"),
    ],
)
def test_other_weights_or_none_to_start_from_are_told_in_one_line(file, capsys, start, message):
    assert main(["run", str(file), "--set", f"start={start}"]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error


def test_weights_without_batch_normalization_are_no_start(file, tmp_path, capsys):
    model = DnCNN(depth=3, filters=4, batch_norm=False)
    start = save_pretrained(model, "plain", tmp_path, {})
    assert main(["run", str(file), "--set", f"start={start}"]) == 2
    assert "without batch normalization, not of" in capsys.readouterr().err


def test_killed_and_started_again_it_ends_with_the_same_weights(file, tmp_path):
    command = [sys.executable, "-m", "experiments", "run", str(file), "--set"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    log = tmp_path / "runs" / "killed" / "log.csv"
    process = subprocess.Popen([*command, "name=killed"], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 300
    try:
        while process.poll() is None and not (
            log.exists() and len(log.read_text().splitlines()) > 2  # two epochs
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL  # it had not ended by itself
    for name in ("killed", "whole"):
        again = subprocess.run(
            [*command, f"name={name}"],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert ("going on after " in again.stdout) is (name == "killed")
    models = [
        load_pretrained(str(tmp_path / "runs" / name / f"{name}.weights.h5"))
        for name in ("killed", "whole")
    ]
    for killed, whole in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_array_equal(killed, whole)
    epochs = [row.split(",")[0] for row in log.read_text().splitlines()[1:]]
    assert epochs == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("network.channels=3", "has 1 channels, needed are 3 (of a DnCNN: network.channels"),
        ("data.holdout=3", "data.holdout: 3 of only 3 images"),
        ("data.patch_size=64", "64x64"),
        ("data.folder=nowhere", "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_a_failed_exit(file, capsys, change, message):
    assert main(["run", str(file), "--set", change]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and message in error and "\n" not in error


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(file, tmp_path, capsys):
    rate = "optimizer.learning_rate=1.0e30"
    assert main(["run", str(file), "--set", rate, "--set", "optimizer.warmup=0.9"]) == 2
    assert "lower optimizer.learning_rate" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "trial" / "trial.weights.h5").exists()
