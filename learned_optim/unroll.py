"""One window of truncated backpropagation through time.

A window runs the optimizer for some steps on a task and differentiates the losses on the way
with respect to the rule's weights phi. From window to window parameters, moments and recurrent
state go on; gradients do not.

With the usual first-order approximation, which holds the task's gradients g_t constant, the
meta-gradient needs no second pass through the task. In a window with losses L_1..L_T after the
updates theta_s = theta_{s-1} - rate_s u_s(phi), and a meta-loss whose derivative by L_t is w_t,

    d meta / d phi = sum_s  < d u_s / d phi ,  - rate_s  sum_{t >= s} w_t g_t > .

The right factor is a sum of gradients that the run computed anyway. So the tape records only
the small recurrent network; the task is run beside it and never differentiated a second time.
This equals a tape around the whole window with stopped gradients exactly.
"""

import math
from typing import NamedTuple

import tensorflow as tf


class Progress(NamedTuple):
    """How far the optimisation of one task instance is.

    Attributes:
        parameters: List of tensors.
        moments: List of the rule's moments.
        state: The rule's recurrent state.
        step: Scalar int64 tensor, the number of steps done.
    """

    parameters: list
    moments: list
    state: list
    step: tf.Tensor


class Window(NamedTuple):
    """What a window has given.

    Attributes:
        gradient: List of meta-gradients, one for each trainable weight of the rule.
        progress: `Progress` after the window.
        losses: Tensor of shape `(length + 1,)`: the task's loss before each step and at the end;
            NaN where it has no logarithm and one was wanted.
    """

    gradient: list
    progress: Progress
    losses: tf.Tensor


def start(task, rule, seed):
    """Starts an instance of a task.

    Args:
        task: A `Task`.
        rule: A `Rule`.
        seed: int64 tensor of shape `(2,)`.

    Returns:
        A `Progress` of no steps.
    """
    coordinates = task.coordinates()
    moments = [tf.zeros(coordinates.size) for _ in range(rule.moments)]
    state = rule.initial_state(rule.network_size(coordinates))
    return Progress(task.initial(seed), moments, state, tf.zeros((), tf.int64))


def window(task, rule, progress, seed, length, rate, log_loss=True, second_order=False):
    """Runs a window and computes the meta-gradient.

    Args:
        task: A `Task`.
        rule: A `Rule`.
        progress: `Progress` at the window's beginning.
        seed: int64 tensor of shape `(2,)`, the instance's.
        length: Number of steps.
        rate: Function from a scalar step (0 at the first) to the learning rate.
        log_loss: Whether the meta-loss is the mean of the losses' logarithms, which weighs late
            progress like early, or of the losses themselves. A loss that is not positive has no
            logarithm: it makes the meta-gradient NaN.
        second_order: Whether the task's gradients are differentiated too. Costs a pass through
            the second derivatives of the task, and its activations of the whole window.

    Returns:
        A `Window`.
    """
    run = _second_order if second_order else _first_order
    return run(task, rule, progress, seed, length, rate, log_loss)


def _first_order(task, rule, progress, seed, length, rate, log_loss):
    coordinates = task.coordinates()

    # Traced once, not once a step: a task's graph can be large.
    @tf.function
    def look(parameters, moments, step):
        batch = task.batch(seed, step)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = task.loss(parameters, batch)
        gradient = tape.gradient(loss, parameters, unconnected_gradients="zero")
        gradient = coordinates.join(gradient)
        return loss, gradient, *rule.observe(gradient, moments, step + 1, coordinates)

    parameters, moments, state, begin = progress
    losses, gradients, updates = [], [], []
    weights = _trainable(rule)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        for i in range(length):
            with tape.stop_recording():
                loss, gradient, inputs, observed, moments = look(parameters, moments, begin + i)
            outputs, state = rule.recur(inputs, state)
            update = rule.update(rule.fade(outputs, begin + i + 1), observed, coordinates)
            with tape.stop_recording():
                change = coordinates.split(rate(begin + i) * update)
                parameters = [p - c for p, c in zip(parameters, change, strict=True)]
            losses.append(loss)
            gradients.append(gradient)
            updates.append(update)
        with tape.stop_recording():
            end = begin + length
            last_loss, last_gradient, *_ = look(parameters, moments, end)
            losses = tf.stack([*losses, last_loss])
            losses = _nan_unless_positive(losses) if log_loss else losses
            weight = (1.0 / losses[1:] if log_loss else tf.ones(length)) / length
            cotangents = _sums_to_the_end(weight, [*gradients[1:], last_gradient])
            rates = [rate(begin + i) for i in range(length)]
            cotangents = [-r * each for r, each in zip(rates, cotangents, strict=True)]
    gradient = tape.gradient(
        updates, weights, output_gradients=cotangents, unconnected_gradients="zero"
    )
    return Window(gradient, Progress(parameters, moments, state, end), losses)


def _nan_unless_positive(losses):
    # The derivative of a negative loss's logarithm is finite, and points the wrong way.
    return losses * tf.where(losses > 0.0, 1.0, math.nan)


def _sums_to_the_end(weight, gradients):
    """Returns, for each step, the weighted sum of this and all later gradients."""
    sums = [0.0]
    for i in reversed(range(len(gradients))):
        sums.append(sums[-1] + weight[i] * gradients[i])
    return sums[:0:-1]


def _second_order(task, rule, progress, seed, length, rate, log_loss):
    coordinates = task.coordinates()
    parameters, moments, state, begin = progress
    losses = []
    weights = _trainable(rule)
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(weights)
        for i in range(length):
            step = begin + i
            batch = task.batch(seed, step)
            with tf.GradientTape() as inner:
                inner.watch(parameters)
                losses.append(task.loss(parameters, batch))
            gradient = inner.gradient(losses[-1], parameters, unconnected_gradients="zero")
            gradient = coordinates.join(gradient)
            update, moments, state = rule.call(gradient, moments, state, step + 1, coordinates)
            change = coordinates.split(rate(step) * update)
            parameters = [p - c for p, c in zip(parameters, change, strict=True)]
        losses.append(task.loss(parameters, task.batch(seed, begin + length)))
        losses = tf.stack(losses)
        losses = _nan_unless_positive(losses) if log_loss else losses
        meta_loss = tf.reduce_mean(tf.math.log(losses[1:]) if log_loss else losses[1:])
    gradient = outer.gradient(meta_loss, weights, unconnected_gradients="zero")
    return Window(gradient, Progress(parameters, moments, state, begin + length), losses)


def _trainable(rule):
    return [weight.value for weight in rule.trainable_weights]
