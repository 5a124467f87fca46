"""Evaluations on several devices, against the same on one."""

import pytest

from dncnn_keras import datasets
from experiments import evaluation, real_table, table1
from experiments.schema_dncnn import Table1
from experiments.schema_real import RealTable
from tests.own_process import run_in_own_process

# Processors can be split into logical devices only before TensorFlow has started. On two of them a
# denoiser waits until the other is at work too.
PROGRAM = """
import functools
import tempfile
import threading
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from dncnn_keras import DnCNN, datasets
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from experiments import real_table
from experiments.evaluation import evaluate, measure_all
from experiments.results_file import ResultsFile
from experiments.strategy import device_names
from meta_aux import MaskNetwork, MultiTask, RealDenoiser, adapt

devices = device_names("auto")
assert [name[-5:] for name in devices] == ["CPU:0", "CPU:1"]
generator = np.random.default_rng(0)
images = [
    datasets.NamedImage(name, generator.integers(0, 256, (16 + number, 20, 1), np.uint8))
    for number, name in enumerate("abcd")
]
keras.utils.set_random_seed(0)
network = DnCNN(depth=2, filters=2)
real = RealDenoiser(MultiTask((1, 1, 1)), MaskNetwork(1))
folder = Path(tempfile.mkdtemp())


class Both(DnCNNDenoiser):
    def denoise_batch(self, noisy, sigma=None):
        both.wait(60)
        used.add(tf.constant(0).device[-5:])
        return super().denoise_batch(noisy, sigma)


def adapted(noisy):
    both.wait(60)
    used.add(tf.constant(0).device[-5:])
    images = adapt(real, noisy, 1, details=True).images
    return [images[0], images[-1]]


def run(devices):
    results = ResultsFile(folder / f"{len(devices)}.json", {})
    means = evaluate(lambda: Both(network), images, 25, 0, results, "both", devices)
    kept = results.content["results"]["25"]
    assert [*kept] == ["a", "b", "c", "d"]
    pairs = datasets.load_pairs("sample", "test")
    pairs = [pair.centre(16) for pair in pairs]
    photographs = [*measure_all(lambda: adapted, real_table._measure, pairs, devices)]
    for row in (means, *kept.values(), *photographs):
        del row["seconds"]
    return means, kept, photographs


used, both = set(), threading.Barrier(1)
one = run(devices[:1])
assert used == {"CPU:0"}, used
used, both = set(), threading.Barrier(2)
two = run(devices)
assert used == {"CPU:0", "CPU:1"}, used
for mine, theirs in zip(keras.tree.flatten(two), keras.tree.flatten(one), strict=True):
    np.testing.assert_allclose(mine, theirs, atol=2e-4)  # they are rounded to four digits
"""


def test_images_are_dealt_to_devices_and_the_results_are_those_of_one():
    run_in_own_process(PROGRAM)


# What `evaluate` and `real_table` keep of an image.
ROW = {
    **dict.fromkeys(("psnr", "psnr_unclipped", "ssim", "ssim_range_2", "seconds"), 1.0),
    "values": [(1.0, 1.0)],
}


class Reached(Exception):
    """Ends an experiment where it has reached its network."""


@pytest.mark.parametrize(
    ("module", "experiment"),
    [
        (table1, Table1(kind="table1", sigmas=(25,), devices=[0, 1])),
        (
            real_table,
            RealTable(
                kind="real-table",
                name="t",
                dataset="sample",
                models=["real-mtl"],
                devices=[0, 1],
            ),
        ),
    ],
)
def test_the_networks_run_on_the_experiment_s_devices(monkeypatch, tmp_path, module, experiment):
    monkeypatch.chdir(tmp_path)
    used = []

    def measure_all(make, measure, images, devices):
        used.append(devices)
        if len(devices) > 1:
            raise Reached
        return [ROW] * len(images)

    for each in (evaluation, real_table):
        monkeypatch.setattr(each, "measure_all", measure_all)
    monkeypatch.setattr(module, "device_names", lambda devices: [f"GPU:{n}" for n in devices])
    images = datasets.load_images("sample", "test")[:1]
    monkeypatch.setattr(datasets, "load_images", lambda *arguments: images)
    with pytest.raises(Reached):
        getattr(module, module.__name__.rpartition(".")[2])(experiment)
    assert used[-1] == ["GPU:0", "GPU:1"]
    assert used[:-1] and all(each == ["GPU:0"] for each in used[:-1])
