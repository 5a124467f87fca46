import pytest
import tensorflow as tf

from dncnn_keras import precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_vnni", "float32"),
        ("fpu avx512f amx_bf16 amx_tile", "mixed_bfloat16"),
        ("fpu avx512_bf16", "mixed_bfloat16"),
    ],
)
def test_a_processor_computes_in_bfloat16_only_with_units_for_it(monkeypatch, flags, expected):
    cpuinfo = f"processor : 0\nflags\t\t: {flags}\n"
    monkeypatch.setattr(precision.Path, "read_text", lambda path: cpuinfo)
    # Whatever GPUs the machine has, they do not compute here.
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [(9, 0)])
    assert precision.fast_dtype(["/device:CPU:0"]) == expected
    with tf.device("CPU:0"):
        assert precision.fast_dtype() == expected and not precision.on_gpu()


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([(8, 0)], "mixed_bfloat16"), ([(7, 5)], "float32"), ([(9, 0), (6, 1)], "float32")],
)
def test_gpus_compute_in_bfloat16_if_all_have_units_for_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu}
    )
    assert precision.fast_dtype(["/device:GPU:0", "/device:GPU:1"]) == expected


def test_a_machine_that_does_not_tell_computes_in_float32(monkeypatch):
    def fail(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(precision.Path, "read_text", fail)
    assert precision.fast_dtype(["/device:CPU:0"]) == "float32"
