"""Two workers that `TF_CONFIG` joins: here two processes on one machine."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import cv2
import h5py
import numpy as np
import pytest

from experiments.__main__ import main

PATIENCE = 600  # seconds; a worker that waits for another would wait for ever

# Without batch normalization, whose statistics are every worker's own.
TRAINING = """
kind: train-dncnn
name: alone
devices: cpu
precision: float32
data: {folder: images, holdout: 1, patch_size: 8, scales: [1.0]}
network: {depth: 2, filters: 2}
optimizer: {learning_rate: 0.01}
training: {steps: 6, batch_size: 4, epoch: 3, validate_every: 1}
"""
# Three tasks, of which the first worker gets two.
META_TRAINING = """
kind: meta-train
name: alone
devices: cpu
rule: rnnprop
tasks:
  - {task: quadratics, functions: 4, dimensions: 2}
  - {task: quadratics, functions: 4, dimensions: 3}
  - {task: quadratics, functions: 4, dimensions: 4}
training: {updates: 6, epoch: 3, window: 2, horizons: [8], learning_rate: 0.01}
held_out: {tasks: [{task: quadratics, functions: 4, dimensions: 2}], steps: 4}
"""
WORKER = """
import sys

from experiments.__main__ import main

sys.exit(main(["run", "trial.yaml", "--set", "name=shared"]))
"""
# Ends at its fifth step, which is in the second epoch.
KILLED_WORKER = f"""
import itertools
import os
import signal

from keras.callbacks import CallbackList

steps = itertools.count(1)


def die(*arguments):
    if next(steps) == 5:
        os.kill(os.getpid(), signal.SIGKILL)


CallbackList.on_train_batch_end = die
{WORKER}
"""


@contextlib.contextmanager
def started(*programs):
    """Starts a worker for each program; none outlives the block, whatever happens in it."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in programs]
        for each in sockets:
            each.bind(("localhost", 0))
        addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    workers = []
    for index, program in enumerate(programs):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TF_CONFIG": json.dumps(task),
        }
        command = [sys.executable, "-c", program]
        pipe = subprocess.PIPE
        workers.append(
            subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
        )
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def state(name):
    """All that a run's last checkpoint holds: weights, and the state of the optimizer."""
    values = {}
    with h5py.File(f"runs/{name}/checkpoint.weights.h5") as file:
        file.visititems(
            lambda key, item: values.update({key: item[()]} if hasattr(item, "shape") else {})
        )
    return values


@pytest.mark.parametrize("experiment", [TRAINING, META_TRAINING], ids=["dncnn", "rule"])
def test_a_job_with_a_killed_worker_goes_on_and_ends_as_a_single_process(
    tmp_path, monkeypatch, experiment
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    generator = np.random.default_rng(0)
    for number in range(2):
        pixels = cv2.GaussianBlur(generator.integers(0, 256, (24, 24), dtype=np.uint8), (0, 0), 2)
        cv2.imwrite(f"images/{number}.png", pixels)
    (tmp_path / "trial.yaml").write_text(experiment)
    assert main(["run", "trial.yaml"]) == 0

    with started(WORKER, KILLED_WORKER) as (survivor, killed):
        assert killed.wait(PATIENCE) == -signal.SIGKILL
        _, errors = survivor.communicate(timeout=PATIENCE)
        assert survivor.returncode == 2
        assert "error: another worker has stopped" in errors and "Traceback" not in errors
    with started(WORKER, WORKER) as workers:
        for worker in workers:
            output, errors = worker.communicate(timeout=PATIENCE)
            assert worker.returncode == 0, errors
            assert "going on after 3 of 6 " in output

    alone, shared = state("alone"), state("shared")
    assert alone.keys() == shared.keys() and len(alone) > 10
    for key, value in alone.items():
        # Adam hides a gradient of the wrong size from the weights, but not from its moments.
        scale = max(float(np.max(np.abs(value), initial=0)), 1e-12)  # counters may be zero
        np.testing.assert_allclose(shared[key] / scale, value / scale, atol=1e-4, err_msg=key)
