from types import SimpleNamespace

import pytest

from experiments.fit import _alone, fit


def test_a_batch_that_the_devices_cannot_share_evenly_is_told(tmp_path):
    model = SimpleNamespace(distribute_strategy=SimpleNamespace(num_replicas_in_sync=3))
    training = SimpleNamespace(unit="steps", steps=1, batch_size=4)
    experiment = SimpleNamespace(training=training)
    with pytest.raises(ValueError, match=r"training\.batch_size is 4, which 3 devices cannot"):
        fit(model, None, experiment, tmp_path, True, [], None)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    told = pytest.raises(RuntimeError, match="another process is at work on this run")
    with _alone(tmp_path), told, _alone(tmp_path):
        pass
    with _alone(tmp_path):  # free again
        pass
