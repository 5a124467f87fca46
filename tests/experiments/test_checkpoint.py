import h5py
import keras
import numpy as np
import pytest

from experiments.checkpoint import Checkpoint
from experiments.schema import Section
from tests.experiments.disturbances import largest_file


class Training(Section):
    steps: int = 8
    rate: float = 0.1


class Trial(Section):
    name: str = "trial"
    training: Training = Training()


SETTINGS = Trial()


def _model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    return model


def _fit(model, checkpoint, epochs, done=0):
    x = np.random.default_rng(0).normal(size=(8, 3))
    model.fit(
        x, x[:, :2], initial_epoch=done, epochs=epochs, batch_size=4, shuffle=False, verbose=0,
        callbacks=[checkpoint],
    )  # fmt: skip


def test_a_resumed_run_ends_as_the_undisturbed_one(tmp_path):
    whole = _model()
    _fit(whole, Checkpoint(tmp_path / "a", SETTINGS, 2), epochs=4)
    _fit(_model(), Checkpoint(tmp_path / "b", SETTINGS, 2), epochs=3)
    resumed, checkpoint = _model(), Checkpoint(tmp_path / "b", SETTINGS, 2)
    done = checkpoint.restore(resumed)
    assert done == 3
    _fit(resumed, checkpoint, epochs=4, done=done)
    for mine, theirs in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(resumed.optimizer.variables, whole.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_truncated_checkpoint_is_named_and_the_one_before_it_used(tmp_path, capsys):
    checkpoint = Checkpoint(tmp_path, SETTINGS, 2)
    _fit(_model(), checkpoint, epochs=3)
    file = tmp_path / "checkpoint.weights.h5"
    file.write_bytes(file.read_bytes()[:3000])
    assert checkpoint.restore(_model()) == 2
    assert "checkpoint.weights.h5: damaged" in capsys.readouterr().out


def test_a_damaged_checkpoint_never_takes_the_place_of_the_good_one(tmp_path):
    checkpoint = Checkpoint(tmp_path, SETTINGS, 2)
    _fit(_model(), checkpoint, epochs=3)
    for _ in range(2):
        (tmp_path / "checkpoint.weights.h5").write_bytes(b"")
        model, checkpoint = _model(), Checkpoint(tmp_path, SETTINGS, 2)
        assert checkpoint.restore(model) == 2
        _fit(model, checkpoint, epochs=3, done=2)


def test_killed_between_the_two_renames(tmp_path):
    checkpoint = Checkpoint(tmp_path, SETTINGS, 2)
    _fit(_model(), checkpoint, epochs=3)
    (tmp_path / "checkpoint.weights.h5").unlink()
    assert checkpoint.restore(_model()) == 2


def test_a_changed_weight_is_noticed(tmp_path, capsys):
    model, checkpoint = _model(), Checkpoint(tmp_path, SETTINGS, 2)
    _fit(model, checkpoint, epochs=3)
    file = tmp_path / "checkpoint.weights.h5"
    data = bytearray(file.read_bytes())
    data[data.index(model.layers[0].kernel.numpy().tobytes())] ^= 1
    file.write_bytes(data)
    assert checkpoint.restore(_model()) == 2
    assert "checkpoint.weights.h5: damaged" in capsys.readouterr().out


@pytest.mark.parametrize("room", [0, 0.5, 0.999])  # the last holds all but the checksum
def test_a_full_disk_is_named_and_costs_no_checkpoint(tmp_path, room):
    model, checkpoint = _model(), Checkpoint(tmp_path, SETTINGS, 2)
    _fit(model, checkpoint, epochs=2)
    file = tmp_path / "checkpoint.weights.h5"
    with largest_file(int(room * file.stat().st_size)), pytest.raises(OSError) as error:
        _fit(model, checkpoint, epochs=3, done=2)
    assert (error.value.filename, error.value.strerror) == (str(file), "File too large")
    assert not (tmp_path / "new.weights.h5").exists()
    assert checkpoint.restore(_model()) == 2


def test_a_fresh_folder_starts_at_zero(tmp_path):
    assert Checkpoint(tmp_path / "new", SETTINGS, 2).restore(_model()) == 0


def test_refuses_a_run_of_other_settings_and_names_the_key(tmp_path):
    Checkpoint(tmp_path, SETTINGS, 2)
    other = Trial(training=Training(rate=0.2))
    with pytest.raises(ValueError, match=r"another `training\.rate`"):
        Checkpoint(tmp_path, other, 2)


@pytest.mark.parametrize("content", ["", "{", "null", "[]", "[" * 10**5, "\0"])
def test_damaged_settings_are_named(tmp_path, content):
    Checkpoint(tmp_path, SETTINGS, 2)
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match=r"settings\.json: damaged|with another `name`"):
        Checkpoint(tmp_path, SETTINGS, 2)


def test_a_run_does_not_start_anew_where_no_checkpoint_can_be_read(tmp_path, capsys):
    checkpoint = Checkpoint(tmp_path, SETTINGS, 2)
    _fit(_model(), checkpoint, epochs=3)
    for name in ("checkpoint", "previous"):
        file = tmp_path / f"{name}.weights.h5"
        file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"checkpoint\.weights\.h5: damaged; delete the folder"):
        checkpoint.restore(_model())
    assert capsys.readouterr().out.count("damaged") == 2


def test_a_checkpoint_without_the_optimizer_is_damaged(tmp_path):
    checkpoint = Checkpoint(tmp_path, SETTINGS, 2)
    _fit(_model(), checkpoint, epochs=3)
    with h5py.File(tmp_path / "checkpoint.weights.h5", "r+") as file:
        del file["optimizer"]
    assert checkpoint.restore(_model()) == 2
