from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras.datasets import NamedImage
from experiments import check_harness as module
from experiments import images
from experiments.check_harness import check_harness
from experiments.methods import Identity, Method
from experiments.schema_dncnn import CheckHarness


@pytest.fixture
def noise_at_25(monkeypatch, tmp_path):
    """Two flat images whose "authors' network" returns the noise: 20.17 dB at sigma 25."""
    images = [NamedImage(f"{name}/01", np.full((90, 80, 1), 128, np.uint8)) for name in ("a", "b")]
    method = Method("official-dncnn-s", "", lambda sigma: Identity(), {}, sigmas=(25.0,))
    monkeypatch.setattr(module, "official_methods", lambda: [method])
    monkeypatch.setattr(module.datasets, "load_images", lambda name: images)
    monkeypatch.setattr(module.paths, "RUNS", tmp_path)

    def publish(a, b):
        published = {"a": {25.0: a}, "b": {25.0: b}}
        monkeypatch.setattr(module, "DNCNN_S_PSNR", published)

    return publish


def _check():
    return check_harness(CheckHarness(kind="check-harness", tolerance=0.2))


def test_passes_where_every_set_has_its_published_psnr(noise_at_25, capsys):
    noise_at_25(20.17, 20.17)
    assert _check()
    assert "the harness is right" in capsys.readouterr().out


def test_measures_anew_what_was_right_before(noise_at_25, monkeypatch):
    noise_at_25(20.17, 20.17)
    assert _check()
    monkeypatch.setattr(images.noise, "add_gaussian", lambda clean, *_: tf.constant(clean))
    assert not _check()


def test_what_a_changed_program_has_measured_is_not_used(noise_at_25, monkeypatch, tmp_path):
    noise_at_25(20.17, 20.17)
    # As if it had been killed at its end.
    monkeypatch.setattr(Path, "unlink", lambda path, **_: None)
    assert _check()
    monkeypatch.setattr(images.noise, "add_gaussian", lambda clean, *_: tf.constant(clean))
    assert _check()  # of the same program
    monkeypatch.setattr(module, "hash_of_program", lambda: "another")
    assert not _check()


@pytest.mark.parametrize("wrong", [19.7, 20.7])
def test_fails_where_one_set_has_another(noise_at_25, capsys, wrong):
    noise_at_25(20.17, wrong)
    assert not _check()
    lines = capsys.readouterr().out.splitlines()
    assert ["FAILS" in line for line in lines] == [False, False, True, False]


def test_does_not_pass_by_a_part_of_the_weights(noise_at_25, monkeypatch):
    monkeypatch.setattr(module, "DNCNN_S_PSNR", {"a": {25.0: 20.17}, "b": {15.0: 24.6}})
    with pytest.raises(FileNotFoundError, match=r"put sigma=15\.mat out of"):
        _check()


def test_says_what_is_needed_where_the_weights_are_missing(monkeypatch):
    monkeypatch.setattr(module, "official_methods", list)
    with pytest.raises(FileNotFoundError, match=r"put sigma=15\.mat, .* official_dncnn/"):
        _check()
