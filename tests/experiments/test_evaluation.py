import json

import numpy as np
import pytest

from dncnn_keras.datasets import NamedImage
from dncnn_keras.denoisers.denoiser import Denoiser
from experiments import evaluation
from experiments.evaluation import ResultsFile, evaluate, noisy_image
from experiments.methods import Identity

GENERATOR = np.random.default_rng(0)
IMAGES = [
    NamedImage(f"set/{n}", GENERATOR.integers(0, 256, (24, 32, 1), dtype=np.uint8)) for n in "abc"
]


class Broken(Denoiser):
    name = "broken"

    def denoise_image(self, noisy, sigma):
        return noisy * np.nan


def test_noise_of_a_test_image_is_its_own():
    (first, clean), (again, _), (other, _) = (
        noisy_image(image, 25, 0) for image in (IMAGES[0], IMAGES[0], IMAGES[1])
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose((first - clean).std() * 255, 25, rtol=0.1)
    assert not np.allclose(other - IMAGES[1].pixels / 255, first - clean)
    assert not np.allclose(noisy_image(IMAGES[0], 25, 1)[0], first)


def test_measures_clipped_output_and_unclipped_input(tmp_path):
    row = evaluate(Identity, IMAGES, 50, 0, ResultsFile(tmp_path / "noisy.json", {}), "noisy")
    assert row["psnr_unclipped"] == pytest.approx(20 * np.log10(255 / 50), abs=0.3)
    assert row["psnr"] > row["psnr_unclipped"] + 0.3
    assert 0 < row["ssim"] < row["ssim_range_2"] < 1


def test_a_stopped_evaluation_goes_on_where_it_was(tmp_path):
    file, counted = tmp_path / "noisy.json", []

    class Counting(Identity):
        def denoise_image(self, noisy, sigma):
            counted.append(sigma)
            return noisy

    evaluate(Counting, IMAGES[:2], 25, 0, ResultsFile(file, {"seed": 0}), "noisy")
    evaluate(Counting, IMAGES, 25, 0, ResultsFile(file, {"seed": 0}), "noisy")
    assert len(counted) == 3
    evaluate(Counting, IMAGES, 25, 0, ResultsFile(file, {"seed": 0}), "noisy")
    assert len(counted) == 3
    evaluate(Counting, IMAGES, 25, 0, ResultsFile(file, {"seed": 1}), "noisy")
    assert len(counted) == 6


def test_what_measured_it_is_told_for_every_sigma(tmp_path, monkeypatch):
    file, monday = tmp_path / "x.json", {**evaluation.provenance(), "date": "monday"}
    monkeypatch.setattr(evaluation, "provenance", lambda: monday)
    evaluate(Identity, IMAGES[:1], 25, 0, ResultsFile(file, {}), "noisy")
    monkeypatch.setattr(evaluation, "provenance", lambda: {**monday, "date": "tuesday"})
    evaluate(Identity, IMAGES, 25, 0, ResultsFile(file, {}), "noisy")
    evaluate(Identity, IMAGES, 50, 0, ResultsFile(file, {}), "noisy")
    results = ResultsFile(file, {})
    assert [results.made_by(sigma)["date"] for sigma in (25, 50)] == ["monday", "tuesday"]


def test_a_damaged_results_file_is_named(tmp_path):
    file = tmp_path / "x.json"
    evaluate(Identity, IMAGES[:1], 25, 0, ResultsFile(file, {}), "noisy")
    good = json.loads(file.read_text())
    for change in (
        {"made_with": None},
        {"provenance": None},
        {"provenance": {}},
        {"results": {"25": []}},
        {"results": {"25": {"set/a": {"psnr": 20.0}}}},
    ):
        file.write_text(json.dumps({**good, **change}))
        with pytest.raises(ValueError, match=r"x\.json: damaged; delete it"):
            ResultsFile(file, {})


def test_nan_is_no_result(tmp_path):
    results = ResultsFile(tmp_path / "x.json", {})
    with pytest.raises(FloatingPointError, match="broken: returned NaN or infinite values"):
        evaluate(Broken, IMAGES, 25, 0, results, "broken")
    assert not (tmp_path / "x.json").exists()
