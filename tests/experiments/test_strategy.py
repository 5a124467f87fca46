import pytest
import tensorflow as tf

from experiments.strategy import make_strategy


def test_without_gpus_the_cpu_is_used():
    for devices in ("auto", "cpu"):
        strategy = make_strategy(devices)
        assert strategy.num_replicas_in_sync == 1
        assert "CPU:0" in strategy.extended.worker_devices[0]


def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="there is no GPU 1, this machine has 0"):
        make_strategy([1])


def test_several_gpus_are_mirrored(monkeypatch):
    cpus = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: cpus * 2)
    made = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", made.append)
    make_strategy("auto")
    assert made == [[cpus[0].name] * 2]
