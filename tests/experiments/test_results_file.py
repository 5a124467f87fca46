import json

import numpy as np
import pytest

from dncnn_keras.datasets import NamedImage
from experiments import results_file
from experiments.evaluation import evaluate
from experiments.methods import Identity
from experiments.results_file import ResultsFile

GENERATOR = np.random.default_rng(0)
IMAGES = [
    NamedImage(f"set/{n}", GENERATOR.integers(0, 256, (24, 32, 1), dtype=np.uint8)) for n in "ab"
]


def test_what_measured_it_is_told_for_every_sigma(tmp_path, monkeypatch):
    file, monday = tmp_path / "x.json", {**results_file.provenance(), "date": "monday"}
    monkeypatch.setattr(results_file, "provenance", lambda: monday)
    evaluate(Identity, IMAGES[:1], 25, 0, ResultsFile(file, {}), "noisy")
    monkeypatch.setattr(results_file, "provenance", lambda: {**monday, "date": "tuesday"})
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
