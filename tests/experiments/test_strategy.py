from types import SimpleNamespace

import pytest
import tensorflow as tf

from experiments import strategy
from experiments.strategy import jit_compile, make_strategy


def test_without_gpus_the_cpu_is_used():
    for devices in ("auto", "cpu"):
        made = make_strategy(devices)
        assert made.num_replicas_in_sync == 1
        assert "CPU:0" in made.extended.worker_devices[0]


def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="there is no GPU 1, this machine has 0"):
        make_strategy([1])


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_a_wrong_tf_config_is_told(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match="TF_CONFIG must be"):
        make_strategy("cpu")


def test_a_process_has_one_strategy_for_the_same_devices():
    assert make_strategy("cpu") is make_strategy("auto")


def test_several_gpus_are_mirrored(monkeypatch):
    # Without its memory, which would outlive this test.
    monkeypatch.setattr(strategy, "_mirror", strategy._mirror.__wrapped__)
    cpus = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: cpus * 2)
    made = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", made.append)
    make_strategy("auto")
    assert made == [[cpus[0].name] * 2]


@pytest.mark.parametrize(
    ("device", "replicas", "pays"),
    [("/device:GPU:1", 1, True), ("/device:GPU:0", 2, False), ("/device:CPU:0", 1, False)],
)
def test_xla_is_for_a_single_gpu(monkeypatch, device, replicas, pays):
    extended = SimpleNamespace(worker_devices=(device,) * replicas)
    current = SimpleNamespace(num_replicas_in_sync=replicas, extended=extended)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: current)
    assert jit_compile() is pays


def test_xla_is_not_for_the_cpu_of_this_machine():
    with make_strategy("cpu").scope():
        assert jit_compile() is False
