"""On which devices an experiment runs."""

import functools
import json
import os

import tensorflow as tf


def make_strategy(devices):
    """Makes the distribution strategy for an experiment's `devices`.

    Where the environment variable `TF_CONFIG` names several workers, the devices are those of all
    of them together. TensorFlow can join workers only before it has computed anything.

    Several devices share every batch evenly and average their gradients: the weights are those
    that one device would train, to rounding. Batch normalization is the exception. Every device
    normalizes its share of the batch by that share's own statistics, and keeps moving averages of
    its own, of which the first device's are validated and saved.

    Args:
        devices: `"auto"` (all GPUs, else the CPU), `"cpu"`, or a list of GPU numbers. A CPU that
            TensorFlow was told to split into several logical devices counts as these.

    Returns:
        A `tf.distribute.Strategy`: mirrored over several devices, else a single device's.

    Raises:
        ValueError: If a GPU is asked for that the machine lacks, or `TF_CONFIG` is wrong.
    """
    if os.environ.get("TF_CONFIG"):
        return _join_workers(devices if isinstance(devices, str) else tuple(devices))
    return _mirror(*device_names(devices))


def device_names(devices):
    """Names the devices of this machine that an experiment's `devices` stands for.

    Args:
        devices: As for `make_strategy`.

    Returns:
        List of TensorFlow's names.

    Raises:
        ValueError: If a GPU is asked for that the machine lacks.
    """
    gpus = tf.config.list_logical_devices("GPU")
    names = [gpus[number].name for number in _numbers(devices, gpus)]
    return names or [cpu.name for cpu in tf.config.list_logical_devices("CPU")]


def jit_compile():
    """Whether XLA is to compile what trains within the current strategy's scope.

    It pays on a single GPU. On CPUs its convolutions are several times slower than TensorFlow's
    own, and under a strategy of several devices Keras leaves it off, too.

    Returns:
        Boolean, for `keras.Model.compile`.
    """
    strategy = tf.distribute.get_strategy()
    return strategy.num_replicas_in_sync == 1 and "GPU" in strategy.extended.worker_devices[0]


def _numbers(devices, gpus):
    if devices == "cpu":
        return []
    numbers = range(len(gpus)) if devices == "auto" else devices
    for number in numbers:
        if number >= len(gpus):
            raise ValueError(f"devices: there is no GPU {number}, this machine has {len(gpus)}")
    return numbers


# Kept: TensorFlow numbers the collective operations of every MirroredStrategy from the same start,
# and takes those of a process's second one for the first's.
@functools.cache
def _mirror(*names):
    if len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    return tf.distribute.MirroredStrategy(list(names))


@functools.cache
def _join_workers(devices):
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        worker = config["task"]["type"], config["task"]["index"]
        config["cluster"][worker[0]][worker[1]]
    except (ValueError, TypeError, LookupError):
        raise ValueError(
            'TF_CONFIG must be {"cluster": {"worker": ["HOST:PORT", ...]}, '
            '"task": {"type": "worker", "index": NUMBER OF THIS WORKER}}'
        ) from None
    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices([gpus[number] for number in _numbers(devices, gpus)], "GPU")
    return tf.distribute.MultiWorkerMirroredStrategy()
