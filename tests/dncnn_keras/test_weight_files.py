import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from dncnn_keras import DnCNN
from dncnn_keras.weight_files import (
    load_model,
    load_weights,
    model_name,
    read_description,
    save_model,
    weights_as_bytes,
)

CONFIG = {"depth": 3, "filters": 2}


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "small.weights.h5"
    DnCNN(**CONFIG).save_weights(file)
    return file


def _describe(weights, text=None):
    about = {"model": CONFIG, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    weights.with_name("small.json").write_text(text or json.dumps(about))


def test_reads_a_description(weights):
    _describe(weights)
    about, config = read_description(weights, "model")
    assert config == CONFIG
    assert sorted(about) == ["model", "sha256"]


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}}', "[" * 10**5, '{"sha256": ""}'])
def test_other_descriptions_are_refused(weights, text):
    _describe(weights, text)
    with pytest.raises(ValueError, match=r"small\.json: must be JSON with 'model' and 'sha256'"):
        read_description(weights, "model")


@pytest.mark.parametrize("size", [0, -1, 10**9, 10**30, 2.0, "2", True, [2]])
def test_no_size_is_taken_that_the_file_cannot_hold(weights, size):
    def make(**config):
        pytest.fail("a model was made")

    with pytest.raises(ValueError, match=r"not the weights of the model in small\.json, ") as error:
        load_model(weights, make, {**CONFIG, "filters": [size, 1]}, ["depth", "filters"])
    assert str(error.value).endswith(f"sizes must be integers from 1 to 9, got {size!r}")


def test_a_variable_larger_than_the_file_is_not_read(weights):
    with h5py.File(weights, "r+") as file:
        name = "layers/conv2d/vars/0"
        del file[name]
        file.create_dataset(name, (10**4,) * 3, "f4", chunks=(1,) * 3)
    with pytest.raises(ValueError, match="layers/conv2d/vars/0 is larger than the file"):
        load_model(weights, DnCNN, CONFIG, ["depth", "filters"])


def test_weights_that_are_not_finite_are_refused(weights):
    model = DnCNN(**CONFIG)
    model.get_layer("conv_2").kernel.assign(np.full((3, 3, 2, 2), np.nan))
    model.save_weights(weights)
    with pytest.raises(ValueError, match=r"small\.weights\.h5: damaged, holds NaN or infinite"):
        load_model(weights, DnCNN, CONFIG, ["depth", "filters"])


def test_what_does_not_fit_is_told_in_one_line(weights):
    for file in (weights, weights.parent):
        with pytest.raises(ValueError) as error:
            load_weights(DnCNN(depth=3, filters=4), file)
        assert str(error.value) and "\n" not in str(error.value)


def test_a_pair_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    model = DnCNN(**CONFIG)
    file = save_model(model, "small", tmp_path, {"model": CONFIG})
    assert read_description(file, "model")[1] == CONFIG
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / ".small.new").mkdir()  # as a process leaves it that is killed

    def fail(self, data, **arguments):
        raise OSError(28, "No space left on device")

    for method in ("write_bytes", "write_text"):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space") as error:
            patch.setattr(Path, method, fail)
            save_model(model, "small", tmp_path, {"model": {}})
        assert error.value.filename == str(file)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_in_memory_are_those_of_a_file(tmp_path):
    model, other = DnCNN(**CONFIG), DnCNN(**CONFIG)
    file = tmp_path / "memory.weights.h5"
    file.write_bytes(weights_as_bytes(model))
    load_weights(other, file)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("dncnn-blind", "dncnn-blind"),
        ("best model", "best-model"),
        ("_a=5.1", "a-5.1"),
        ("é", "model"),
    ],
)
def test_any_files_name_gives_a_name_that_graphs_take(stem, name):
    assert model_name(stem) == name
    model = DnCNN(**CONFIG, name=name)
    assert model.predict_on_batch(np.zeros((1, 4, 4, 1))).shape == (1, 4, 4, 1)
