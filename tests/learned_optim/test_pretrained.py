import errno
import hashlib
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from learned_optim import LearnedOptimizer, load_rule, pretrained, save_rule
from learned_optim.pretrained import available
from learned_optim.rules import RULES, make_rule
from learned_optim.rules.adam import AdamRule


@pytest.fixture
def released(monkeypatch, tmp_path, learned):
    """The package's folder of weights, with the one rule "small" in it."""
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    rule = learned("orthogonal", units=3, scale=2.0)
    save_rule(rule, "small", tmp_path, 0.004, {"seed": 7, "tasks": ["quadratics"]})
    return rule


def _assert_same(rule, expected):
    assert type(rule) is type(expected)
    assert {**rule.get_config(), "name": None} == {**expected.get_config(), "name": None}
    for mine, theirs in zip(rule.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_loads_what_was_saved(released):
    assert available() == ["small"]
    rule = load_rule("small")
    _assert_same(rule, released)
    assert rule.learning_rate == 0.004
    np.testing.assert_allclose(LearnedOptimizer(weights="small").learning_rate, 0.004)
    np.testing.assert_allclose(LearnedOptimizer(0.1, weights="small").learning_rate, 0.1)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_loaded_from_a_path(tmp_path, learned, name):
    rule = learned(name, units=2)
    path = save_rule(rule, "other", tmp_path / "runs" / "new", 0.1, {})
    assert path == tmp_path / "runs" / "new" / "other.weights.h5"
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "other.json",
        "other.weights.h5",
    ]
    _assert_same(load_rule(path), rule)
    _assert_same(LearnedOptimizer(weights=str(path)).rule, rule)


def test_describes_the_weights(released, tmp_path):
    about = json.loads((tmp_path / "small.json").read_text())
    assert about["rule"]["name"] == "orthogonal"
    assert (about["rule"]["units"], about["rule"]["scale"]) == (3, 2.0)
    assert (about["seed"], about["tasks"], about["learning_rate"]) == (7, ["quadratics"], 0.004)
    data = (tmp_path / "small.weights.h5").read_bytes()
    assert about["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_full_disk_is_told_and_leaves_the_earlier_release(released, tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as error:
        save_rule(released, "small", tmp_path, 0.5)
    assert error.value.filename == str(tmp_path / "small.weights.h5")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_same_weights_make_the_same_file(released, tmp_path):
    first, second = (save_rule(released, name, tmp_path) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_by_default_a_rule_is_saved_with_the_rate_that_it_has(tmp_path, learned):
    rule = learned("adam", units=2)
    rule.learning_rate = 0.03
    path = save_rule(rule, "mine", tmp_path)
    assert load_rule(path).learning_rate == 0.03
    assert set(json.loads((tmp_path / "mine.json").read_text())) == {
        "rule",
        "learning_rate",
        "sha256",
    }


@pytest.mark.parametrize("name", [None, 3])
def test_what_is_no_name_is_told(name):
    with pytest.raises(ValueError, match=rf"must be a name or a path, a str .*, got {name}"):
        load_rule(name)


def test_weights_that_are_not_there_are_told(released, tmp_path):
    with pytest.raises(FileNotFoundError, match="no learned-optimizer weights 'large'.*: small,"):
        load_rule("large")
    (tmp_path / "small.json").unlink()
    assert available() == []
    with pytest.raises(FileNotFoundError, match=r"small\.json is missing.*available: none"):
        load_rule(tmp_path / "small.weights.h5")


def test_damaged_weights_are_refused(released, tmp_path):
    file = tmp_path / "small.weights.h5"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"small\.weights\.h5: damaged, or not the file that"):
        load_rule("small")


def test_weights_of_another_rule_are_refused_by_name(released, tmp_path, learned):
    other = save_rule(learned("adam", units=3), "other", tmp_path, 0.1, {})
    about = json.loads((tmp_path / "other.json").read_text())
    about["rule"] = {"name": "rnnprop", "units": 3}
    (tmp_path / "other.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="not the weights of the rule in other.json, .*'rnnprop'"):
        load_rule(other)
    # Also where the layers are the same and their shapes are not.
    about["rule"] = {"name": "adam", "units": 4}
    (tmp_path / "other.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="not the weights of the rule in other.json, .*'adam'"):
        load_rule(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": {"name": "sgd"}}, "no rule 'sgd'; the rules are"),
        ({"rule": {"name": "adam", "width": 3}}, "width"),
        ({"rule": {"name": "adam", "units": 10**9}}, "units do not fit the weights, got 1000"),
        (
            {"rule": {"name": "adam", "beta_1": "x"}},
            "'beta_1' must be a number of at least 0",
        ),
        ({"learning_rate": "fast"}, "'learning_rate' must be a number of at least 0"),
        (
            {"learning_rate": float("nan")},
            "'learning_rate' must be a number of at least 0",
        ),
        ({"sha256": None}, "damaged, or not the file"),
    ],
)
def test_descriptions_that_describe_no_rule_are_refused(released, tmp_path, change, message):
    file = tmp_path / "small.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        load_rule("small")
    file.write_text("{}")
    with pytest.raises(ValueError, match=r"small\.json: must be JSON with 'rule' and 'sha256'"):
        load_rule("small")
    file.write_text("half a fi")
    with pytest.raises(ValueError, match=r"small\.json: must be JSON with 'rule' and 'sha256'"):
        load_rule("small")


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="AndrychowiczRule: 'k' must be a number of at least 0"):
        save_rule(make_rule("andrychowicz", k=-1.0), "mine", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_rule_of_ones_own_is_saved_once_it_has_a_name(monkeypatch, tmp_path):
    class Mine(AdamRule):
        """Adam's rule, of a user's own."""

    rule = Mine(units=2)
    rule.build()
    for save in (
        lambda: save_rule(rule, "mine", tmp_path, 0.1, {}),
        lambda: LearnedOptimizer(weights=rule).get_config(),
    ):
        with pytest.raises(ValueError, match=r"Mine cannot be saved: it is not in .*RULES"):
            save()
    monkeypatch.setitem(RULES, "mine", Mine)
    _assert_same(load_rule(save_rule(rule, "mine", tmp_path, 0.1, {})), rule)
    config = LearnedOptimizer(weights=rule).get_config()
    _assert_same(LearnedOptimizer.from_config(config).rule, rule)


@pytest.mark.parametrize("name", available())
def test_what_is_released_loads(name):
    assert all(np.all(np.isfinite(weight)) for weight in load_rule(name).get_weights())


@pytest.mark.parametrize("name", ["default", "lengths", "mnist", "quadratics"])
def test_every_released_rule_trains_a_network(name):
    assert name in available()
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
    y = np.sin(x.sum(axis=1, keepdims=True))
    model = keras.Sequential(
        [keras.layers.Dense(16, "relu"), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)]
    )
    model.compile(optimizer=LearnedOptimizer(weights=name), loss="mse", jit_compile=False)
    losses = model.fit(x, y, batch_size=64, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
