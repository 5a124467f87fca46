from types import SimpleNamespace

import pytest

from experiments.fit import fit


def test_a_batch_that_the_devices_cannot_share_evenly_is_told(tmp_path):
    model = SimpleNamespace(distribute_strategy=SimpleNamespace(num_replicas_in_sync=3))
    training = SimpleNamespace(unit="steps", steps=1, batch_size=4)
    experiment = SimpleNamespace(training=training)
    with pytest.raises(ValueError, match=r"training\.batch_size is 4, which 3 devices cannot"):
        fit(model, None, experiment, tmp_path, True, [], None)
