import numpy as np
import pytest

from experiments import kept_curves as module
from experiments.kept_curves import KeptCurves


def test_a_curve_is_found_by_what_decides_it_alone(tmp_path, monkeypatch):
    run = {"optimizer": "adam", "seed": 1}
    kept = KeptCurves(tmp_path / "runs", {"steps": 3})
    assert kept.get(run) is None
    curve = np.float32([[0.1, np.inf], [3, 4]])
    kept.put(run, curve)
    found = KeptCurves(tmp_path / "runs", {"steps": 3}).get({"seed": 1, "optimizer": "adam"})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, curve)
    assert kept.get({**run, "seed": 2}) is None
    assert KeptCurves(tmp_path / "runs", {"steps": 4}).get(run) is None
    made_by = {**module.provenance(), "revision": "another"}
    monkeypatch.setattr(module, "provenance", lambda: made_by)
    assert KeptCurves(tmp_path / "runs", {"steps": 3}).get(run) is None


def test_clear_leaves_nothing(tmp_path):
    kept = KeptCurves(tmp_path / "runs", {})
    kept.clear()  # nor minds that there is nothing
    kept.put({}, np.zeros(2))
    kept.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no curve", b"\x93NUMPY\x01\x00"])
def test_a_damaged_curve_is_named(tmp_path, content):
    kept = KeptCurves(tmp_path, {})
    kept.put({}, np.zeros(2))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{file.name}: damaged; delete it"):
        kept.get({})
