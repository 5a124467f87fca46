import csv
import json
import shutil

import cv2
import h5py
import keras
import numpy as np
import pytest

from experiments import train_real
from experiments.__main__ import main
from experiments.read_experiment import ExperimentError, read_experiment
from experiments.real_networks import load_network
from experiments.schema_real import RealData
from meta_aux.pretrained import load_pretrained
from tests.experiments.disturbances import killed_after_an_epoch

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
PLAIN = MAXL.replace("noise: synthetic", "noise: real").replace(
    "{name: maxl, steps_per_pass: 1}", "{name: plain}\nnetwork: RIDNet"
)


@pytest.fixture
def folder(small_real_networks):
    """A folder of experiment files."""
    (small_real_networks / "maxl.yaml").write_text(MAXL)
    (small_real_networks / "mtl.yaml").write_text(MTL)
    (small_real_networks / "plain.yaml").write_text(PLAIN)
    return small_real_networks


def weights(name):
    return load_network(f"runs/{name}/{name}.weights.h5").get_weights()


def test_the_validation_scene_of_the_sample_is_not_trained_on():
    data = RealData(dataset="sample", noise="synthetic")
    names = [image.name for image in train_real.load_training(data)]
    assert names == ["astronaut", "motorcycle_left"]
    assert not {*names} & {pair.name for pair in train_real.validation_pairs("sample")}


@pytest.mark.parametrize("file", ["maxl.yaml", "mtl.yaml", "plain.yaml"])
def test_a_stopped_run_ends_with_the_weights_of_an_undisturbed_one(folder, file):
    assert main(["run", file]) == 0
    whole = weights("tiny")
    with killed_after_an_epoch():
        assert main(["run", file, "--set", "name=stopped"]) == 2
    assert main(["run", file, "--set", "name=stopped"]) == 0
    for one, other in zip(whole, weights("stopped"), strict=True):
        np.testing.assert_array_equal(one, other)
    with open("runs/stopped/log.csv", newline="") as log:
        assert [row["epoch"] for row in csv.DictReader(log)] == ["0", "1"]
    # Started again when it has ended, it leaves what it has written, unless that is damaged.
    description = folder / "runs/stopped/stopped.json"
    about = description.read_text()
    description.write_text(about.replace('"date": "', '"date": "long ago '))
    assert main(["run", file, "--set", "name=stopped"]) == 0
    assert "long ago" in description.read_text()
    description.unlink()
    assert main(["run", file, "--set", "name=stopped"]) == 0
    assert json.loads(description.read_text()).keys() == json.loads(about).keys()


@pytest.mark.parametrize(
    ("file", "setting", "dtype"),
    [
        ("maxl.yaml", "seed=0", "float32"),
        ("maxl.yaml", "method.mask=false", "mixed_bfloat16"),
        ("mtl.yaml", "seed=0", "float32"),
        ("plain.yaml", "seed=0", "mixed_bfloat16"),
        ("plain.yaml", "precision=float32", "float32"),
    ],
)
def test_second_derivatives_are_taken_in_float32(file, setting, dtype, folder, monkeypatch):
    monkeypatch.setattr(train_real, "fast_dtype", lambda devices: "mixed_bfloat16")
    assert main(["run", file, "--set", "training.steps=2", "--set", setting]) == 0
    assert json.loads((folder / "runs/tiny/tiny.json").read_text())["dtype"] == dtype
    assert {weight.dtype for weight in weights("tiny")} == {np.dtype("float32")}


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
    assert about["validation"].keys() == {"psnr_before", "psnr_auxiliary", "psnr_restored"}


def test_a_mask_that_is_not_trained_stays_as_it_was_and_the_network_learns_on_all_steps(
    folder, capsys
):
    first, start = "runs/first/first.weights.h5", "start=runs/first/first.weights.h5"
    keeps = ["run", "maxl.yaml", "--set", start, "--set", "method.train_mask=false"]
    for mask in ("true", "false"):
        shutil.rmtree(folder / "runs/first", ignore_errors=True)
        begin = ["run", "maxl.yaml", "--set", "name=first", "--set", f"method.mask={mask}"]
        assert main(begin) == 0
        assert main(keeps) == (0 if mask == "true" else 2)
        if mask == "true":
            before, after = load_pretrained(first), load_pretrained("runs/tiny/tiny.weights.h5")
            masks = before.mask_network.get_weights(), after.mask_network.get_weights()
            for one, other in zip(*masks, strict=True):
                np.testing.assert_array_equal(one, other)
            networks = before.network.get_weights(), after.network.get_weights()
            for one, other in zip(*networks, strict=True):
                assert np.any(one != other)
            with h5py.File("runs/tiny/checkpoint.weights.h5") as checkpoint:
                assert checkpoint["optimizer/vars/0"][()] == 4
            shutil.rmtree(folder / "runs/tiny")
    assert "start: runs/first/first.weights.h5 has no mask network" in capsys.readouterr().err


def test_a_stage_does_not_go_on_from_weights_that_were_trained_again(folder, capsys):
    start = ["--set", "start=runs/first/first.weights.h5"]
    for seed in (0, 1):
        shutil.rmtree(folder / "runs/first", ignore_errors=True)
        assert main(["run", "maxl.yaml", "--set", "name=first", "--set", f"seed={seed}"]) == 0
        assert main(["run", "mtl.yaml", *start]) == (2 if seed else 0)
    assert "runs/tiny: holds a run with another `start_sha256`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAXL.replace("sample, noise", "polyu, noise"), "dataset must be one of .*bsds500"),
        (MTL.replace("sample, noise", "bsds500, noise"), "dataset must be one of .*polyu"),
        (MTL.replace("steps: 2", "stps: 2"), "method.*stps: no such key"),
        (MTL.replace("mtl", "maml"), "method"),
        (MAXL.replace("steps_per_pass: 1", "steps_per_pass: 2"), "multiple of 2 . method.steps"),
        (PLAIN.replace("RIDNet", "MultiTask"), "MultiTask is not trained by method plain"),
        (PLAIN + "start: real-mtl\n", "start: RIDNet cannot start from other weights"),
        (MAXL.replace("sample, noise", "bsds500, split: train+val, noise"), "split: .*BSD68"),
        (MAXL.replace("sample, noise", "bsds500, split: all, noise"), "split: .*BSD68"),
        (MTL.replace("steps: 2", "adapt_body: true"), "adapt_body needs a learning_rate, and no"),
    ],
)
def test_a_wrong_value_is_named(folder, text, message):
    file = folder / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ExperimentError, match=message):
        read_experiment(file)


def test_a_damaged_file_or_a_grey_one_is_named_before_training(folder, capsys):
    pictures = folder / "pictures"
    pictures.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    cv2.imwrite(str(pictures / "a.png"), pixels)
    (pictures / "b.png").write_bytes(b"no image")
    run = ["run", "maxl.yaml", "--set", "data.folder=pictures"]
    assert main(run) == 2
    assert "b.png: damaged" in capsys.readouterr().err
    assert main([*run, "--set", "data.unreadable=skip"]) == 0
    assert "note: b.png is left out" in capsys.readouterr().err
    cv2.imwrite(str(pictures / "b.png"), pixels[..., 0])
    assert main([*run, "--set", "name=other"]) == 2
    assert "pictures: b.png has 1 channels, needed are 3" in capsys.readouterr().err


def test_both_sets_of_pairs_are_trained_on(monkeypatch):
    def load_pairs(name, split, data_dir, unreadable):
        return [(name, split, unreadable)]

    monkeypatch.setattr(train_real.datasets, "load_pairs", load_pairs)
    data = RealData(dataset="polyu+sidd-small", noise="real", unreadable="skip")
    expected = [("polyu", "train", "skip"), ("sidd-small", "train", "skip")]
    assert train_real.load_training(data) == expected


def test_weights_of_another_network_are_refused(folder, capsys):
    assert main(["run", "maxl.yaml"]) == 0
    arguments = ["--set", "network=ParallelHeads", "--set", "name=other"]
    start = ["--set", "start=runs/tiny/tiny.weights.h5"]
    assert main(["run", "maxl.yaml", *arguments, *start]) == 2
    assert "tiny.weights.h5 holds no ParallelHeads" in capsys.readouterr().err


def test_the_body_may_take_part_in_the_inner_steps(folder):
    whole = MTL.replace("rates_learning_rate: 0.1", "learning_rate: 0.1, adapt_body: true")
    (folder / "body.yaml").write_text(whole.replace("tiny", "body"))
    (folder / "heads.yaml").write_text(whole.replace("adapt_body: true", "adapt_body: false"))
    assert main(["run", "body.yaml"]) == main(["run", "heads.yaml"]) == 0
    pairs = zip(weights("body"), weights("tiny"), strict=True)
    assert max(np.abs(one - other).max() for one, other in pairs) > 1e-6


def test_a_rival_has_no_adaptation_to_validate(folder):
    assert main(["run", "plain.yaml"]) == 0
    about = json.loads((folder / "runs/tiny/tiny.json").read_text())
    assert about["validation"].keys() == {"psnr"} and about["model"]["network"] == "RIDNet"


def test_updates_within_a_time_are_counted_by_the_second_epoch(folder, monkeypatch):
    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["seconds"] = 100.0 if epoch == 0 else 4.0  # the first epoch is compiled

    monkeypatch.setattr(train_real, "Stopwatch", Clock)
    experiment = read_experiment("plain.yaml")
    assert train_real.updates_within(experiment, 22) == 6 * experiment.training.epoch
    assert train_real.updates_within(experiment, 1) == experiment.training.epoch
    assert not (folder / "runs").exists()
