import numpy as np
import pytest

from dncnn_keras.datasets import NamedImage
from dncnn_keras.denoisers.denoiser import Denoiser
from experiments.evaluation import evaluate
from experiments.methods import Identity
from experiments.results_file import ResultsFile

GENERATOR = np.random.default_rng(0)
IMAGES = [
    NamedImage(f"set/{n}", GENERATOR.integers(0, 256, (24, 32, 1), dtype=np.uint8)) for n in "abc"
]


class Broken(Denoiser):
    name = "broken"

    def denoise_image(self, noisy, sigma):
        return noisy * np.nan


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


def test_nan_is_no_result(tmp_path):
    results = ResultsFile(tmp_path / "x.json", {})
    with pytest.raises(FloatingPointError, match="broken: returned NaN or infinite values"):
        evaluate(Broken, IMAGES, 25, 0, results, "broken")
    assert not (tmp_path / "x.json").exists()
