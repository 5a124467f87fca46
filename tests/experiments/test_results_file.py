import json

import pytest

from experiments import results_file
from experiments.results_file import ResultsFile

RESULT = {
    "psnr": 20.5,
    "psnr_unclipped": 20.0,
    "ssim": 0.5,
    "ssim_range_2": 0.6,
    "seconds": 0.1,
}


def _psnr(value):
    return {**RESULT, "psnr": value}


def _filled(file, made_with, **values):
    """A file with a PSNR for each of some sigmas and images: `_filled(f, {}, s15={"a": 20.0})`."""
    results = ResultsFile(file, made_with)
    for sigma, images in values.items():
        for image, psnr in images.items():
            results.put(float(sigma[1:]), image, _psnr(psnr))
    return results


def test_what_was_measured_is_found_again_if_it_was_made_with_the_same(tmp_path):
    file = tmp_path / "deeper/x.json"
    _filled(file, {"seed": 0}, s25={"a": 20.5})
    assert ResultsFile(file, {"seed": 0}).get(25.0, "a") == RESULT
    assert ResultsFile(file, {"seed": 0}).get(25.0, "b") is None
    assert ResultsFile(file, {"seed": 0}).get(15.0, "a") is None
    assert ResultsFile(file, {"seed": 1}).get(25.0, "a") is None


def test_what_measured_it_is_told_for_every_sigma(tmp_path, monkeypatch):
    file, monday = tmp_path / "x.json", {**results_file.provenance(), "date": "monday"}
    monkeypatch.setattr(results_file, "provenance", lambda: monday)
    _filled(file, {}, s25={"a": 20.0})
    monkeypatch.setattr(results_file, "provenance", lambda: {**monday, "date": "tuesday"})
    results = _filled(file, {}, s25={"b": 20.0}, s50={"a": 20.0})
    assert [results.made_by(sigma)["date"] for sigma in (25, 50)] == ["monday", "tuesday"]


def test_measured_anew_it_replaces_complete_sigmas_alone(tmp_path):
    old = _filled(tmp_path / "x.json", {}, s15={"a": 1.0, "b": 1.0}, s25={"a": 1.0, "b": 1.0})
    # It was stopped in the middle of sigma 25.
    new = _filled(tmp_path / "x.new.json", {"program": 1}, s15={"a": 2.0, "b": 2.0}, s25={"a": 2.0})
    new.take_the_place_of(old, [15.0])
    assert not (tmp_path / "x.new.json").exists()
    found = ResultsFile(tmp_path / "x.json", {})
    psnr = [found.get(sigma, image)["psnr"] for sigma in (15, 25) for image in "ab"]
    assert psnr == [2.0, 2.0, 1.0, 1.0]


def test_a_damaged_results_file_is_named(tmp_path):
    file = tmp_path / "x.json"
    _filled(file, {}, s25={"a": 20.0})
    good = json.loads(file.read_text())
    for change in (
        {"made_with": None},
        {"provenance": None},
        {"provenance": {}},
        {"results": {"25": []}},
        {"results": {"25": {"a": {"psnr": 20.0}}}},
    ):
        file.write_text(json.dumps({**good, **change}))
        with pytest.raises(ValueError, match=r"x\.json: damaged; delete it"):
            ResultsFile(file, {})
