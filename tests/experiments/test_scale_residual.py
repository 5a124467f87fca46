import json

import numpy as np
import pytest

from experiments.__main__ import main
from meta_aux.pretrained import load_pretrained, save_pretrained
from meta_aux.residual_scale import scale_residual

SCALE = """
kind: scale-residual
name: scaled
start: runs/strong/strong.weights.h5
validation: {dataset: sample, steps: 1}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """An experiment file beside the released weights, whose residual was made too strong."""
    monkeypatch.chdir(tmp_path)
    denoiser = load_pretrained("real-mtl")
    scale_residual(denoiser, 1.25)
    save_pretrained(denoiser, "strong", "runs/strong", {"seed": 3})
    file = tmp_path / "scale.yaml"
    file.write_text(SCALE)
    return str(file)


def test_a_residual_that_is_too_strong_is_made_weaker(file, capsys):
    assert main(["run", file]) == 0
    assert "done: runs/scaled/scaled.weights.h5" in capsys.readouterr().out
    with open("runs/scaled/scaled.json") as description:
        about = json.load(description)
    psnrs = {float(scale): psnr for scale, psnr in about["validation_by_scale"].items()}
    assert about["scale"] == max(psnrs, key=psnrs.get) < 1
    assert about["validation"]["psnr_before"] == pytest.approx(psnrs[about["scale"]], abs=2e-3)
    assert psnrs[about["scale"]] > psnrs[1]
    assert about["start"]["seed"] == 3
    noisy = np.random.default_rng(0).uniform(size=(1, 16, 16, 3)).astype("float32")
    before, after = (
        load_pretrained(f"runs/{name}/{name}.weights.h5")(noisy) - noisy
        for name in ("strong", "scaled")
    )
    np.testing.assert_allclose(after, about["scale"] * before, atol=1e-6)


def test_weights_to_start_from_must_be_there(file, capsys):
    assert main(["run", file, "--set", "start=missing"]) == 2
    assert "there are no real-noise weights 'missing'" in capsys.readouterr().err
