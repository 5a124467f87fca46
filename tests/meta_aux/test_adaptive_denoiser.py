import importlib
from configparser import ConfigParser
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import cli, inference
from dncnn_keras.images import read_image, to_float, write_image
from meta_aux import (
    AdaptiveDenoiser,
    MaskNetwork,
    MultiTask,
    RealDenoiser,
    adapt,
    adaptive_denoiser,
    pretrained,
)
from tests.meta_aux.conftest import FILTERS, scale_up


@pytest.fixture
def model(generator):
    model = RealDenoiser(MultiTask(FILTERS), MaskNetwork(2))
    scale_up(model, generator)
    return model


@pytest.fixture
def noisy(generator):
    return generator.uniform(0, 1, (1, 12, 10, 3)).astype(np.float32)


def test_adapts_to_each_image(model, noisy):
    adapted = AdaptiveDenoiser(model)(noisy)
    expected = adapt(model, noisy, steps=5)
    np.testing.assert_allclose(adapted, expected, atol=1e-6)
    plain = AdaptiveDenoiser(model, steps=0)(noisy)
    np.testing.assert_array_equal(plain, np.clip(model(noisy), 0, 1))
    assert abs(adapted - plain).max() > 1e-3


def test_grey_images_are_refused_in_one_line(model):
    with pytest.raises(ValueError, match=r"needs images of 3 channel\(s\), got 1; dncnn-blind"):
        AdaptiveDenoiser(model)(np.zeros((1, 8, 8, 1)))


def test_too_little_memory_on_a_gpu_is_told_as_elsewhere(model, noisy, monkeypatch):
    def run_out(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(adaptive_denoiser, "adapt", run_out)
    with pytest.raises(MemoryError, match="too little memory for .* pixels; leave out the adapt"):
        AdaptiveDenoiser(model)(noisy)


@pytest.mark.parametrize(("name", "steps"), [("real-mtl", 0), ("real-mtl-adapted", 5)])
def test_the_package_registers_its_denoisers(name, steps, model, monkeypatch):
    parser = ConfigParser()
    parser.read(Path(__file__).parents[2] / "setup.cfg")
    registered = parser["options.entry_points"]["dncnn_keras.denoisers"].split("\n")
    (target,) = [line.split(" = ")[1] for line in registered if line.split(" = ")[0] == name]
    module, function = target.split(":")
    monkeypatch.setattr(adaptive_denoiser, "load_pretrained", {"real-mtl": model}.get)
    made = getattr(importlib.import_module(module), function)()
    assert (made.model, made.steps) == (model, steps)


@pytest.fixture
def nothing_loaded():
    """No denoisers that were made before, nor afterwards those of this test."""
    inference._named.cache_clear()
    yield
    inference._named.cache_clear()


@pytest.mark.usefixtures("nothing_loaded")
def test_the_command_line_adapts(model, noisy, tmp_path, monkeypatch, capsys):
    steps = {"real-mtl": 0, "real-mtl-adapted": 5}

    def entry_points(group, name):
        assert group == "dncnn_keras.denoisers"
        made = SimpleNamespace(load=lambda: lambda: AdaptiveDenoiser(model, steps=0))
        return [made] if name == "real-mtl" else []

    monkeypatch.setattr(inference, "entry_points", entry_points)
    source, target = tmp_path / "noisy.png", tmp_path / "clean.png"
    write_image(source, noisy[0])
    written = {}
    for name, arguments in (("real-mtl-adapted", ["--adapt"]), ("real-mtl", ["--model=real-mtl"])):
        assert cli.main(["denoise", str(source), str(target), *arguments]) == 0
        written[name] = to_float(read_image(target)[0])
        expected = AdaptiveDenoiser(model, steps[name])(to_float(read_image(source)[0][None]))[0]
        np.testing.assert_allclose(written[name], expected, atol=0.51 / 255)
    assert abs(written["real-mtl"] - written["real-mtl-adapted"]).max() > 1 / 255
    assert cli.main(["denoise", str(source), str(target), "--adapt", "--model", "nlm"]) == 2
    assert "--adapt: nlm cannot adapt; leave out --model" in capsys.readouterr().err


def test_a_weight_file_is_denoised_with_by_its_path(model, noisy, tmp_path, monkeypatch, capsys):
    parser = ConfigParser()
    parser.optionxform = str
    parser.read(Path(__file__).parents[2] / "setup.cfg")
    registered = parser["options.entry_points"]["dncnn_keras.networks"].strip().split("\n")
    targets = dict(line.split(" = ") for line in registered)
    assert targets.keys() == pretrained.NETWORKS.keys()

    def entry_points(group, name):
        assert group == "dncnn_keras.networks"
        points = (EntryPoint(name, targets[name], group) for name in {name} & targets.keys())
        return list(points)

    monkeypatch.setattr(inference, "entry_points", entry_points)
    weights = pretrained.save_pretrained(model, "mine", tmp_path, {})
    plain = AdaptiveDenoiser(model, steps=0)(noisy)
    np.testing.assert_allclose(inference.denoise(noisy, weights), plain, atol=1e-6)
    source, target = tmp_path / "noisy.png", tmp_path / "clean.png"
    write_image(source, noisy[0])
    read = to_float(read_image(source)[0][None])
    plain, adapted = (AdaptiveDenoiser(model, steps)(read)[0] for steps in (0, 5))
    assert abs(adapted - plain).max() > 2 / 255
    arguments = ["denoise", str(source), str(target), "--model", str(weights), "--adapt"]
    assert cli.main(arguments) == 0
    np.testing.assert_allclose(to_float(read_image(target)[0]), adapted, atol=0.51 / 255)
    weights.write_bytes(b"damaged")
    assert cli.main(arguments) == 2
    assert "mine.weights.h5: damaged" in capsys.readouterr().err
