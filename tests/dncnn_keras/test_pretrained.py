import hashlib
import json

import h5py
import numpy as np
import pytest

from dncnn_keras import DnCNN, load_pretrained, pretrained
from dncnn_keras.pretrained import available, save_pretrained


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """The package's folder of weights, with the one model "small" in it."""
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    model = DnCNN(depth=4, filters=3)
    generator = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(generator.uniform(0.1, 0.9, variable.shape))
    save_pretrained(model, "small", tmp_path, {"seed": 7, "psnr": {"25": 29.2}})
    return model


def _assert_same(model, expected):
    for before, after in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_loads_what_was_saved(weights):
    assert available() == ["small"]
    model = load_pretrained("small")
    assert (model.depth, model.filters, model.channels, model.batch_norm) == (4, 3, 1, True)
    assert model.name == "small"
    _assert_same(model, weights)


def test_loads_from_a_path(weights, tmp_path):
    path = save_pretrained(weights, "other", tmp_path / "runs" / "new", {})
    assert path == tmp_path / "runs" / "new" / "other.weights.h5"
    _assert_same(load_pretrained(path), weights)
    _assert_same(load_pretrained(str(path)), weights)


def test_describes_the_weights(weights, tmp_path):
    about = json.loads((tmp_path / "small.json").read_text())
    assert about["model"] == {"depth": 4, "filters": 3, "channels": 1, "batch_norm": True}
    assert (about["seed"], about["psnr"]) == (7, {"25": 29.2})
    data = (tmp_path / "small.weights.h5").read_bytes()
    assert about["sha256"] == hashlib.sha256(data).hexdigest()


def test_saves_a_trained_mixed_precision_model_without_its_optimizer(tmp_path):
    model = DnCNN(depth=3, filters=2, dtype="mixed_bfloat16")
    model.compile(optimizer="adam", loss="mse")
    batch = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    model.fit(batch, batch, verbose=0)
    compiled = save_pretrained(model, "compiled", tmp_path, {})
    _assert_same(load_pretrained(compiled), model)

    with h5py.File(compiled) as file:
        assert "optimizer" not in file


def test_replaces_an_older_release(weights, tmp_path):
    newer = DnCNN(depth=3, filters=2)
    save_pretrained(newer, "small", tmp_path, {})
    _assert_same(load_pretrained("small"), newer)


def test_a_failed_save_leaves_nothing_behind(weights, tmp_path):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        save_pretrained(weights, "small", tmp_path, {"seed": object()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_unknown_name_lists_the_names(weights):
    with pytest.raises(FileNotFoundError, match="no weights named 'huge'; available: small"):
        load_pretrained("huge")


def test_missing_file(weights, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.weights\.h5: there is no such file"):
        load_pretrained(tmp_path / "x.weights.h5")
    (tmp_path / "small.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"small\.json: there is no such file"):
        load_pretrained(tmp_path / "small.weights.h5")


def test_damaged_weights(weights, tmp_path):
    path = tmp_path / "small.weights.h5"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"small\.weights\.h5: damaged"):
        load_pretrained("small")


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}}', '{"model": 3, "sha256": ""}'])
def test_damaged_description(weights, tmp_path, text):
    (tmp_path / "small.json").write_text(text)
    with pytest.raises(ValueError, match=r"small\.json: must be JSON with 'model' and 'sha256'"):
        load_pretrained("small")


@pytest.mark.parametrize(
    "change", [{"depth": 3}, {"depth": 6}, {"filters": 4}, {"batch_norm": False}, {"depth": "17"}]
)
def test_weights_of_another_model(weights, tmp_path, change):
    about = json.loads((tmp_path / "small.json").read_text())
    about["model"] |= change
    (tmp_path / "small.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"not the weights of the model in small\.json") as error:
        load_pretrained("small")
    assert "\n" not in str(error.value)
