"""Whole optimisation runs: how rules are judged, and compared with other optimizers."""

import math

import keras
import numpy as np
import tensorflow as tf


class Trajectory:
    """Runs a Keras optimizer on instances of a task.

    Args:
        task: A `Task`.
        make_optimizer: Function without arguments that makes a `keras.optimizers.Optimizer`
            whose learning rate is a number.
        schedule: `"constant"`, or `"cosine"` for a learning rate that falls to zero along half a
            cosine over the run.
        measure: Function of parameters and batch whose value is recorded at each step, by
            default the task's loss.

    Raises:
        ValueError: If there is no such schedule.

    Example: the mean loss of 100 random functions at each of 100 steps of Adam.

    >>> task = Quadratics(functions=100)
    >>> Trajectory(task, lambda: keras.optimizers.Adam(0.1)).run(seed=0, steps=100) / 100
    """

    def __init__(self, task, make_optimizer, schedule="constant", measure=None):
        if schedule not in ("constant", "cosine"):
            raise ValueError(
                f"Trajectory: schedule must be 'constant' or 'cosine', got {schedule!r}"
            )
        self._task = task
        self._cosine = schedule == "cosine"
        self._measure = measure or task.loss
        initial = task.initial(tf.zeros(2, tf.int64))
        names = task.names or ["parameter"] * len(initial)
        self._variables = [
            keras.Variable(tensor, name=f"{name}_{number}")
            for number, (tensor, name) in enumerate(zip(initial, names, strict=True))
        ]
        self._optimizer = make_optimizer()
        self._optimizer.build(self._variables)
        # A learned rule stays what it is, also where it is trained on between two runs.
        rule = getattr(self._optimizer, "rule", None)
        rule_weights = {id(weight) for weight in rule.weights} if rule else set()
        state = [each for each in self._optimizer.variables if id(each) not in rule_weights]
        self._initial_state = [(variable, variable.numpy()) for variable in state]
        self._rate = float(self._optimizer.learning_rate)

    def run(self, seed, steps, learning_rate=None):
        """Runs the optimizer from the beginning.

        Args:
            seed: Integer, the instance's.
            steps: Number of steps.
            learning_rate: Learning rate; by default the one that the optimizer was made with.

        Returns:
            Array of what was measured before each step and at the end, the first axis of length
            `steps + 1`.
        """
        seed = tf.constant([seed, 1], tf.int64)
        for variable, value in self._initial_state:
            variable.assign(value)
        for variable, value in zip(self._variables, self._task.initial(seed), strict=True):
            variable.assign(value)
        rate = self._rate if learning_rate is None else learning_rate
        return self._run(seed, tf.constant(steps, tf.int64), tf.constant(rate)).numpy()

    @tf.function
    def _run(self, seed, steps, rate):
        values = tf.TensorArray(tf.float32, 0, dynamic_size=True)
        for step in tf.range(steps):
            if self._cosine:
                progress = tf.cast(step / steps, tf.float32)
                self._optimizer.learning_rate.assign(rate * 0.5 * (1 + tf.cos(math.pi * progress)))
            else:
                self._optimizer.learning_rate.assign(rate)
            batch = self._task.batch(seed, step)
            parameters = [tf.convert_to_tensor(variable) for variable in self._variables]
            with tf.GradientTape() as tape:
                tape.watch(parameters)
                loss = self._task.loss(parameters, batch)
            values = values.write(tf.cast(step, tf.int32), self._measure(parameters, batch))
            gradients = tape.gradient(loss, parameters, unconnected_gradients="zero")
            self._optimizer.apply(gradients, self._variables)
        parameters = [tf.convert_to_tensor(variable) for variable in self._variables]
        last = self._measure(parameters, self._task.batch(seed, steps))
        return values.write(tf.cast(steps, tf.int32), last).stack()


def mean_final_loss(losses, share=0.1):
    """Mean loss over the last steps of a run; infinite where the run diverged.

    Args:
        losses: Array whose first axis is steps.
        share: Share of the steps that count.

    Returns:
        Float.
    """
    last = np.asarray(losses)[-max(1, round(share * len(losses))) :]
    mean = float(np.mean(last))
    return mean if math.isfinite(mean) else math.inf
