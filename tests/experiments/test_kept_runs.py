import numpy as np
import pytest

from experiments import kept_runs as module
from experiments.kept_runs import KeptRuns


def test_a_run_is_found_by_what_decides_it_alone(tmp_path, monkeypatch):
    run = {"optimizer": "adam", "seed": 1}
    kept = KeptRuns(tmp_path / "runs", {"steps": 3})
    assert kept.get(run) is None
    curve = np.float32([[0.1, np.inf], [3, 4]])
    kept.put(run, curve)
    found = KeptRuns(tmp_path / "runs", {"steps": 3}).get({"seed": 1, "optimizer": "adam"})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, curve)
    assert kept.get({**run, "seed": 2}) is None
    assert KeptRuns(tmp_path / "runs", {"steps": 4}).get(run) is None
    for function, value in (
        ("hash_of_program", "another"),
        ("provenance", {**module.provenance(), "processor": "another"}),
    ):
        with monkeypatch.context() as context:
            context.setattr(module, function, lambda value=value: value)
            assert KeptRuns(tmp_path / "runs", {"steps": 3}).get(run) is None


def test_clear_leaves_nothing_of_its_own(tmp_path):
    kept = KeptRuns(tmp_path / "runs" / "kept", {})
    kept.clear()  # nor minds that there is nothing
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine.weights.h5").write_bytes(b"1")
    kept.put({}, np.zeros(2))
    (tmp_path / "runs" / "kept" / ".killed.npy.new").write_bytes(b"1")
    kept.clear()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine.weights.h5"]


def test_a_file_of_somebody_else_is_no_error(tmp_path):
    kept = KeptRuns(tmp_path, {})
    kept.put({}, np.zeros(2))
    (tmp_path / "notes.txt").write_text("mine")
    kept.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("content", [b"", b"no curve", b"\x93NUMPY\x01\x00"])
def test_a_damaged_run_is_named(tmp_path, content):
    kept = KeptRuns(tmp_path, {})
    kept.put({}, np.zeros(2))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{file.name}: damaged; delete it"):
        kept.get({})
