"""Meta-training: inner steps of the rule RNNprop a second, in windows of 20 with meta-gradient."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks import torch_meta_training
from benchmarks.stopwatch import seconds_in_turns
from dncnn_keras.patches import PatchSampler
from learned_optim import unroll
from learned_optim.rules import make_rule
from learned_optim.tasks.denoising import denoising_task
from learned_optim.tasks.mnist import mnist_task
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.tasks.task import Task

WINDOW = 20


class _Case(NamedTuple):
    """A task, and in PyTorch its loss and what makes its function from step to batch.

    Both draw the batches of every step themselves; that of the quadratics is always the same.
    """

    name: str
    task: Task
    torch_loss: callable
    torch_batches: callable


def measure():
    """Yields lines: each task, and PyTorch where it is installed."""
    rule = make_rule("rnnprop")
    seed = tf.constant([0, 0], tf.int64)
    for case in _cases(seed):
        windows = {"ours": _ours(case.task, rule, seed)}
        if torch_meta_training.torch:
            windows["PyTorch"] = _in_torch(case, rule, seed, windows["ours"]())
        rates = {name: WINDOW / each for name, each in seconds_in_turns(windows).items()}
        for name, rate in rates.items():
            ratio = f": ours is {rates['ours'] / rate:.2f}x" if name != "ours" else ""
            yield f"{case.name + ', ' + name:<40}{rate:8.1f} steps/s{ratio}"


def _cases(seed):
    generator = np.random.default_rng(0)
    quadratics = Quadratics(128)
    yield _Case(
        "128 quadratics",
        quadratics,
        torch_meta_training.quadratic_loss,
        lambda: _batches_of(quadratics, seed),
    )
    digits = generator.random((60000, 784), np.float32), generator.integers(0, 10, 60000)
    yield _Case(
        "MNIST, 2 layers of 20",
        mnist_task(*digits, batch_size=128),
        torch_meta_training.mnist_loss,
        lambda: torch_meta_training.mnist_batches(*digits, batch_size=128),
    )
    images = [generator.integers(0, 256, (180, 180, 1), dtype=np.uint8) for _ in range(40)]
    sampler = PatchSampler(images, patch_size=40, seed=0, scales=(1.0,))
    yield _Case(
        "DnCNN, depth 5, 16 filters",
        denoising_task(sampler, depth=5, filters=16, sigma=(5.0, 90.0), batch_size=16),
        torch_meta_training.denoising_loss,
        lambda: torch_meta_training.noisy_patches(images, 40, (5.0, 90.0), batch_size=16),
    )


def _ours(task, rule, seed):
    """Returns a function that runs the first window and gives its losses."""

    @tf.function
    def run(progress, seed):
        done = unroll.window(task, rule, progress, seed, WINDOW, lambda step: rule.learning_rate)
        return done.losses, done.gradient

    progress = unroll.start(task, rule, seed)

    def window():
        losses, gradient = run(progress, seed)
        assert all(np.isfinite(each.numpy()).all() for each in gradient)
        return losses.numpy()

    return window


def _in_torch(case, rule, seed, losses):
    """Returns a function that runs the same in PyTorch, after it gave the same losses as ours."""
    theirs = torch_meta_training.RNNprop(rule)
    start = torch_meta_training.kernels_first([each.numpy() for each in case.task.initial(seed)])

    def run(batch):
        return torch_meta_training.window(theirs, case.torch_loss, batch, start, WINDOW)

    np.testing.assert_allclose(run(_batches_of(case.task, seed)), losses, rtol=0.01)
    batch = case.torch_batches()
    return lambda: run(batch)


def _batches_of(task, seed):
    """Our task's first batches for PyTorch, as a function of the step."""
    draw = tf.function(task.batch)
    batches = [
        torch_meta_training.images_first([each.numpy() for each in draw(seed, step)[:2]])
        for step in tf.range(WINDOW + 1, dtype=tf.int64)
    ]
    return lambda step: batches[step]
