"""On which devices an experiment runs."""

import tensorflow as tf


def make_strategy(devices):
    """Makes the distribution strategy for an experiment's `devices`.

    Args:
        devices: `"auto"` (all GPUs, else the CPU), `"cpu"`, or a list of GPU numbers.

    Returns:
        A `tf.distribute.Strategy`: mirrored over several GPUs, else a single device's.

    Raises:
        ValueError: If a GPU is asked for that the machine lacks.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if devices == "cpu" or (devices == "auto" and not gpus):
        return tf.distribute.OneDeviceStrategy("CPU:0")
    numbers = range(len(gpus)) if devices == "auto" else devices
    for number in numbers:
        if number >= len(gpus):
            raise ValueError(f"devices: there is no GPU {number}, this machine has {len(gpus)}")
    names = [gpus[number].name for number in numbers]
    if len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    return tf.distribute.MirroredStrategy(names)
