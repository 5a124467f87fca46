import hashlib
import json

import numpy as np
import pytest

from meta_aux import MTL, MaskNetwork, MultiTask, ParallelHeads, RealDenoiser, pretrained
from meta_aux.pretrained import available, load_pretrained, save_pretrained
from tests.meta_aux.conftest import FILTERS


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """The package's folder of weights, with the one model "small" in it."""
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    model = RealDenoiser(MultiTask(FILTERS), MaskNetwork(2))
    save_pretrained(model, "small", tmp_path, {"seed": 7})
    return model


def _assert_same(model, expected):
    for before, after in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_loads_what_was_saved(weights):
    assert available() == ["small"]
    model = load_pretrained("small")
    assert model.name == "small"
    assert model.network.filters == FILTERS and model.mask_network.filters == 2
    _assert_same(model, weights)


def test_describes_the_weights(weights, tmp_path):
    about = json.loads((tmp_path / "small.json").read_text())
    assert about["seed"] == 7
    assert about["model"] == {
        "network": "MultiTask",
        "filters": [2, 3, 4],
        "channels": 3,
        "mask_filters": 2,
    }
    data = (tmp_path / "small.weights.h5").read_bytes()
    assert about["sha256"] == hashlib.sha256(data).hexdigest()


def test_saves_other_models_without_their_optimizer(weights, tmp_path):
    model = RealDenoiser(ParallelHeads(FILTERS, channels=1, dtype="mixed_bfloat16"))
    MTL(model).compile("adam")
    path = save_pretrained(model, "other", tmp_path / "runs", {})
    assert path == tmp_path / "runs" / "other.weights.h5"
    again = load_pretrained(str(path))
    assert isinstance(again.network, ParallelHeads) and again.mask_network is None
    assert again.network.get_config()["dtype"] == "float32"
    _assert_same(again, model)


def test_a_failed_save_leaves_nothing_behind(weights, tmp_path):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        save_pretrained(weights, "small", tmp_path, {"seed": object()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_missing_weights(weights, tmp_path):
    with pytest.raises(FileNotFoundError, match="no real-noise weights 'huge'.*available: small"):
        load_pretrained("huge")
    (tmp_path / "small.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"small\.json is missing.*available: none"):
        load_pretrained("small")


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
    "change",
    [
        {"network": "ParallelHeads"},
        {"network": "ResNet"},
        {"filters": [2, 3, 5]},
        {"filters": [2, 3]},
        {"mask_filters": 3},
        {"width": 3},
    ],
)
def test_weights_of_another_model(weights, tmp_path, change):
    about = json.loads((tmp_path / "small.json").read_text())
    about["model"] |= change
    (tmp_path / "small.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"not the weights of the model in small\.json") as error:
        load_pretrained("small")
    assert "\n" not in str(error.value)
