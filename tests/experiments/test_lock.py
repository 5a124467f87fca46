import pytest

from experiments.lock import alone


def test_two_processes_are_not_at_work_in_one_folder(tmp_path):
    folder = tmp_path / "runs/mine"
    told = pytest.raises(RuntimeError, match="mine: another process is at work on this run")
    with alone(folder), told, alone(folder):
        pass
    with alone(folder):  # free again
        pass
