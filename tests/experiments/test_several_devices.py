"""Trainings on several devices, against the same on one. The networks have no batch
normalization, which is not the same: each device normalizes by its own share's statistics.
"""

import os
import subprocess
import sys

import cv2
import h5py
import numpy as np

# Processors can be split into logical devices only before TensorFlow has started. The runs on
# several devices are stopped after their first epoch and started again.
PROGRAM = """
import sys
from functools import partial

import tensorflow as tf

devices, *names = sys.argv[1:]
cpu = tf.config.list_physical_devices("CPU")[0]
logical = [tf.config.LogicalDeviceConfiguration()] * int(devices)
tf.config.set_logical_device_configuration(cpu, logical)

from experiments import train_real
from experiments.__main__ import main
from meta_aux import MaskNetwork
from tests.experiments.disturbances import killed_after_an_epoch

networks = train_real.NETWORKS.items()
train_real.NETWORKS = {name: partial(network, (2, 3, 4)) for name, network in networks}
train_real.MaskNetwork = partial(MaskNetwork, 2)
names_measured = ("psnr_before", "psnr_auxiliary", "psnr_restored")
train_real.validate = lambda *arguments: dict.fromkeys(names_measured, 0.0)  # it takes long

for name in names:
    command = ["run", f"{name}.yaml", "--set", f"name={name}-{devices}"]
    if devices != "1":
        with killed_after_an_epoch():
            assert main(command) == 2
    assert main(command) == 0
"""
DNCNN = """
kind: train-dncnn
name: trial
devices: cpu
precision: float32
data: {folder: images, holdout: 1, patch_size: 8, scales: [1.0]}
network: {depth: 2, filters: 2}
optimizer: {name: adam, learning_rate: 0.01}
training: {steps: 6, batch_size: 8, epoch: 3, validate_every: 1}
"""
REAL = """
kind: train-real
name: trial
devices: cpu
data: {dataset: sample, noise: synthetic, patch_size: 8}
method: {name: maxl, steps_per_pass: 1, learning_rate: 0.1}
training: {steps: 4, batch_size: 4, epoch: 2}
validation: {dataset: sample}
"""
EXPERIMENTS = {
    "adam": DNCNN,
    "learned": DNCNN.replace("{name: adam, learning_rate: 0.01}", "{name: learned}"),
    "maxl": REAL,
    "first-order": REAL.replace("name: maxl,", "name: maxl, second_order: false,"),
    "mtl": REAL.replace("synthetic", "real").replace(
        "{name: maxl, steps_per_pass: 1, learning_rate: 0.1}",
        "{name: mtl, steps: 2, learning_rate: 0.01, rates_learning_rate: 0.1}",
    ),
}


# What is run on how many devices.
RUNS = {1: [*EXPERIMENTS], 2: [*EXPERIMENTS], 4: ["adam", "learned"]}


def state(folder, name):
    """All that a run's last checkpoint holds: weights, and the state of the optimizers."""
    values = {}
    with h5py.File(folder / "runs" / name / "checkpoint.weights.h5") as file:
        file.visititems(
            lambda key, item: values.update({key: item[()]} if hasattr(item, "shape") else {})
        )
    return values


def test_stopped_and_resumed_they_end_as_one_device_undisturbed(tmp_path):
    (tmp_path / "images").mkdir()
    generator = np.random.default_rng(0)
    for number in range(2):
        pixels = cv2.GaussianBlur(generator.integers(0, 256, (24, 24), dtype=np.uint8), (0, 0), 2)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), pixels)
    for name, text in EXPERIMENTS.items():
        (tmp_path / f"{name}.yaml").write_text(text)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(devices), *names],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for devices, names in RUNS.items()
    ]
    try:
        errors = [process.communicate(timeout=600)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0, 0], errors

    compared = [(number, name) for number, names in RUNS.items() for name in names if number > 1]
    for devices, name in compared:
        one, several = (state(tmp_path, f"{name}-{number}") for number in (1, devices))
        assert one.keys() == several.keys() and len(one) > 10
        for key, value in one.items():
            # Adam hides a gradient of the wrong size from the weights, but not from its moments.
            scale = max(float(np.max(np.abs(value))), 1e-12)
            np.testing.assert_allclose(several[key] / scale, value / scale, atol=1e-4, err_msg=key)
        logs = [
            np.genfromtxt(tmp_path / f"runs/{name}-{number}/log.csv", delimiter=",", names=True)
            for number in (1, devices)
        ]
        for column in {*logs[0].dtype.names} - {"seconds"}:
            np.testing.assert_allclose(logs[1][column], logs[0][column], rtol=1e-4)
