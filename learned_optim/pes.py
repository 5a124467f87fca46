"""Persistent evolution strategies: the meta-gradient without differentiating anything.

Truncated backpropagation is blind to what happens after its window. Evolution strategies need
no derivative, and with persistent noise no truncation bias either: N pairs of runs go on from
window to window, each window with rule weights `phi +- sigma eps` of fresh eps; with xi the sum
of all eps that a pair has had since its start,

    gradient = mean over pairs of  xi / (2 sigma) (meta_plus - meta_minus),   eps ~ N(0, 1)

is an unbiased estimate of the smoothed meta-loss's gradient over the whole run.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from learned_optim import unroll
from learned_optim.tasks.task import fold


class Window(NamedTuple):
    """What a window has given.

    Attributes:
        gradient: List of estimated meta-gradients, one for each trainable weight of the rule.
        runs: List of `unroll.Progress` after the window.
        noise: The sums of perturbations after the window.
        losses: Tensor of the mean loss of each run.
    """

    gradient: list
    runs: list
    noise: list
    losses: tf.Tensor


def window(task, rule, runs, noise, seed, length, rate, sigma):
    """Runs a window of all pairs and estimates the meta-gradient.

    Args:
        task: A `Task`.
        rule: A `Rule`.
        runs: List of an even number of `unroll.Progress`: plus and minus of each pair in turn.
        noise: For each pair, the list of the sums of its perturbations until now, in the shapes
            of the rule's trainable weights.
        seed: int64 tensor of shape `(2,)`, the instance's.
        length: Number of steps.
        rate: Function from a scalar step to the learning rate.
        sigma: Standard deviation of the perturbations.

    Returns:
        A `Window`. The meta-loss is the mean of the losses' logarithms; a loss that is not
        positive has none, and makes the meta-gradient NaN or infinite.

    Reference:
        P. Vicol, L. Metz, J. Sohl-Dickstein, "Unbiased Gradient Estimation in Unrolled
        Computation Graphs with Persistent Evolution Strategies", ICML 2021.
    """
    weights = rule.trainable_weights
    gradient = [tf.zeros(weight.shape) for weight in weights]
    new_runs, new_noise, losses = [], [], []
    for pair, total in enumerate(noise):
        draw = fold(fold(fold(seed, 1001), pair), runs[0].step)
        epsilon = [
            tf.random.stateless_normal(weight.shape, fold(draw, number))
            for number, weight in enumerate(weights)
        ]
        meta_losses = []
        for sign, progress in zip((1.0, -1.0), runs[2 * pair : 2 * pair + 2], strict=True):
            perturbed = [w + sign * sigma * e for w, e in zip(weights, epsilon, strict=True)]
            progress, run_losses = _run(task, rule, perturbed, progress, seed, length, rate)
            new_runs.append(progress)
            losses.append(tf.reduce_mean(run_losses))
            meta_losses.append(tf.reduce_mean(tf.math.log(run_losses)))
        total = [t + e for t, e in zip(total, epsilon, strict=True)]
        new_noise.append(total)
        factor = (meta_losses[0] - meta_losses[1]) / (2 * sigma * len(noise))
        gradient = [g + factor * t for g, t in zip(gradient, total, strict=True)]
    return Window(gradient, new_runs, new_noise, tf.stack(losses))


def _run(task, rule, weights, progress, seed, length, rate):
    """Runs a window with these weights; returns the progress and the losses after each step."""
    coordinates = task.coordinates()

    def step(i, parameters, moments, state, losses):
        now = progress.step + i
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = task.loss(parameters, task.batch(seed, now))
        gradient = tape.gradient(loss, parameters, unconnected_gradients="zero")
        with keras.StatelessScope(list(zip(rule.trainable_weights, weights, strict=True))):
            update, moments, state = rule.call(
                coordinates.join(gradient), moments, state, now + 1, coordinates
            )
        change = coordinates.split(rate(now) * update)
        parameters = [p - c for p, c in zip(parameters, change, strict=True)]
        losses = losses.write(tf.cast(i, tf.int32), loss)
        return i + 1, parameters, moments, state, losses

    losses = tf.TensorArray(tf.float32, length, element_shape=())
    _, parameters, moments, state, losses = tf.while_loop(
        lambda i, *_: i < length,
        step,
        (tf.zeros((), tf.int64), *progress[:3], losses),
        parallel_iterations=1,
    )
    end = progress.step + length
    last = task.loss(parameters, task.batch(seed, end))
    losses = tf.concat([losses.stack()[1:], last[None]], axis=0)
    return unroll.Progress(parameters, moments, state, end), losses
