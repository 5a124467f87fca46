"""Which number format this machine computes convolutions fastest in."""

from pathlib import Path

import tensorflow as tf

# A GPU has bfloat16 tensor cores from this CUDA compute capability on (Ampere).
_AMPERE = (8, 0)


def fast_dtype(devices=None):
    """Dtype policy in which this machine trains and denoises fastest at little cost in quality.

    bfloat16 pays on GPUs since Ampere and on processors with AMX or AVX512-BF16 units;
    elsewhere it is emulated and slower than float32. Denoising in bfloat16 costs up to 0.03 dB
    at sigma 5 (results/bench.md).

    Args:
        devices: TensorFlow's names of those that compute, by default of the one that does so here.

    Returns:
        `"mixed_bfloat16"` or `"float32"`.
    """
    if on_gpu(devices):
        gpus = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        fast = all(d.get("compute_capability", (0, 0)) >= _AMPERE for d in details)
    else:
        fast = bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())
    return "mixed_bfloat16" if fast else "float32"


def on_gpu(devices=None):
    """Whether GPUs compute; `devices` as for `fast_dtype`."""
    return "GPU" in (devices or [tf.zeros(()).device])[0]


def _cpu_flags():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
