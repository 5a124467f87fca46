import csv
import json
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from experiments.__main__ import main
from experiments.checkpoint import Checkpoint
from experiments.read_experiment import ExperimentError, read_experiment
from meta_aux import MaskNetwork
from meta_aux.pretrained import NETWORKS, load_pretrained

MAXL = """
kind: train-real
name: tiny
data: {dataset: sample, noise: synthetic, patch_size: 16}
method: {name: maxl, steps_per_pass: 1}
training: {steps: 4, batch_size: 1, epoch: 2, validate_every: 9}
validation: {dataset: sample, steps: 1}
"""
MTL = MAXL.replace("noise: synthetic", "noise: real").replace(
    "{name: maxl, steps_per_pass: 1}", "{name: mtl, steps: 2, rates_learning_rate: 0.1}"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of experiment files; networks are small, so that they are quickly compiled."""
    small = {name: partial(network, (2, 3, 4)) for name, network in NETWORKS.items()}
    monkeypatch.setattr("experiments.train_real.NETWORKS", small)
    monkeypatch.setattr("experiments.train_real.MaskNetwork", partial(MaskNetwork, 2))
    tf.config.run_functions_eagerly(True)  # second derivatives take long to compile
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DENOISE_DATA", raising=False)
    (tmp_path / "maxl.yaml").write_text(MAXL)
    (tmp_path / "mtl.yaml").write_text(MTL)
    yield tmp_path
    tf.config.run_functions_eagerly(False)


def weights(name):
    return load_pretrained(f"runs/{name}/{name}.weights.h5").get_weights()


@pytest.mark.parametrize("file", ["maxl.yaml", "mtl.yaml"])
def test_a_stopped_run_ends_with_the_weights_of_an_undisturbed_one(folder, file, monkeypatch):
    assert main(["run", file]) == 0
    whole = weights("tiny")
    save = Checkpoint.on_epoch_end

    def save_and_die(self, epoch, logs=None):
        save(self, epoch, logs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", save_and_die)
        assert main(["run", file, "--set", "name=stopped"]) == 2
    assert main(["run", file, "--set", "name=stopped"]) == 0
    for one, other in zip(whole, weights("stopped"), strict=True):
        np.testing.assert_array_equal(one, other)
    with open("runs/stopped/log.csv", newline="") as log:
        assert [row["epoch"] for row in csv.DictReader(log)] == ["0", "1"]


def test_the_second_stage_goes_on_from_the_first_and_learns_rates(folder):
    assert main(["run", "maxl.yaml", "--set", "name=first"]) == 0
    first = load_pretrained("runs/first/first.weights.h5")
    start = "start=runs/first/first.weights.h5"
    rate = "optimizer.learning_rate=1.0e-12"  # so that the network stays as it was
    assert main(["run", "mtl.yaml", "--set", start, "--set", rate]) == 0
    second = load_pretrained("runs/tiny/tiny.weights.h5")
    for one, other in zip(first.network.get_weights(), second.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert np.ptp(second.log_rates.numpy()) > 0.1
    text = MTL.replace("name: tiny", "name: third\nstart: runs/tiny/tiny.weights.h5")
    text = text.replace("rates_learning_rate: 0.1", "learning_rate: null")
    (folder / "third.yaml").write_text(text)
    assert main(["run", "third.yaml"]) == 0
    third = load_pretrained("runs/third/third.weights.h5")
    np.testing.assert_array_equal(third.log_rates, second.log_rates)
    about = json.loads((folder / "runs/tiny/tiny.json").read_text())
    assert about["validation"].keys() == {"psnr_before", "psnr_after"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAXL.replace("sample, noise", "polyu, noise"), "dataset must be one of .*bsds500"),
        (MTL.replace("sample, noise", "bsds500, noise"), "dataset must be one of .*polyu"),
        (MTL.replace("steps: 2", "stps: 2"), "method.*stps: no such key"),
        (MTL.replace("mtl", "maml"), "method"),
        (MAXL.replace("steps_per_pass: 1", "steps_per_pass: 2"), "multiple of 2 . method.steps"),
    ],
)
def test_a_wrong_value_is_named(folder, text, message):
    file = folder / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ExperimentError, match=message):
        read_experiment(file)


def test_weights_of_another_network_are_refused(folder, capsys):
    assert main(["run", "maxl.yaml"]) == 0
    arguments = ["--set", "network=ParallelHeads", "--set", "name=other"]
    start = ["--set", "start=runs/tiny/tiny.weights.h5"]
    assert main(["run", "maxl.yaml", *arguments, *start]) == 2
    assert "tiny.weights.h5 holds no ParallelHeads" in capsys.readouterr().err


def test_the_table_shows_what_adaptation_gains(folder, capsys):
    assert main(["run", "maxl.yaml"]) == 0
    (folder / "table.yaml").write_text(
        "kind: real-table\nname: t\ndataset: nam-cc15\nmodels: [runs/tiny/tiny.weights.h5]\n"
        "steps: 1\n"
    )
    assert main(["run", "table.yaml"]) == 0
    assert "no figure below can be" in capsys.readouterr().err
    summary = json.loads((folder / "runs/t.json").read_text())
    assert summary["dataset"] == "sample"
    by_title = {row["title"]: row for row in summary["methods"]}
    noisy, nlm = (by_title[t]["before"] for t in ("noisy image", "NLM (OpenCV, colour)"))
    assert np.all(np.subtract(nlm, noisy) > 0)
    assert by_title["tiny"]["after"] != by_title["tiny"]["before"]
    assert (folder / "runs/t.png").stat().st_size > 10_000
    assert f"| noisy image | {np.mean(noisy, axis=0)[0]:.2f}" in (folder / "runs/t.md").read_text()
