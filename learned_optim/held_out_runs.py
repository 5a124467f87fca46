"""Selection of a rule by whole optimisation runs on tasks that meta-training does not see."""

import math

import keras
import numpy as np

from learned_optim.optimizer import LearnedOptimizer
from learned_optim.trajectory import Trajectory, mean_final_loss


class HeldOutRuns(keras.callbacks.Callback):
    """Judges a rule every few epochs of its meta-training, and ends with the best it has been.

    The meta-loss is that of windows of a few steps. It may go on falling while the rule gets
    greedy and its whole runs end higher, so the last rule is seldom the best. The rule as it is
    before meta-training is judged, too.

    The epoch's log gets `held_out`, the score of the tasks' final losses, lower is better.

    Args:
        rule: The `Rule` that is meta-trained.
        tasks: List of `Task`s; what they draw initial parameters from must be others than those
            of the meta-training.
        steps: Number of steps of a run.
        seeds: Number of runs of each task.
        every: Number of epochs between two trials; there is one after the last epoch that `fit` is
            given anyway.
        schedule: What the learning rate does over a run, see `Trajectory`.
        log_loss: Whether the score is the mean of the final losses' logarithms, so that every task
            counts alike, or of the losses themselves, which may then be negative.

    Raises:
        ValueError: If there is no task, or a number is below 1; when it judges, if a final loss
            that is not positive has no logarithm.

    Example:

    >>> held_out = HeldOutRuns(rule, [task_of_other_seeds], steps=100)
    >>> trainer.fit(trainer.updates(), epochs=10, steps_per_epoch=50, callbacks=[held_out])
    >>> save_rule(rule, "mine", "rules")
    """

    def __init__(self, rule, tasks, steps, seeds=1, every=1, schedule="constant", log_loss=True):
        super().__init__()
        if not tasks:
            raise ValueError("HeldOutRuns: there is no task to judge on")
        for key, count in {"steps": steps, "seeds": seeds, "every": every}.items():
            if count < 1:
                raise ValueError(f"HeldOutRuns: {key} must be at least 1, got {count}")
        self.rule = rule
        self._steps = steps
        self._seeds = seeds
        self._log_loss = log_loss
        self._every = every
        self._trajectories = [
            Trajectory(task, lambda: LearnedOptimizer(weights=rule), schedule) for task in tasks
        ]
        self._best = math.inf, None

    def judge(self, on_run=lambda: None):
        """Runs all tasks with the rule as it is.

        Args:
            on_run: Function without arguments that is called after each run.

        Returns:
            Tuple of a list of each task's losses, arrays of shape `(seeds, steps + 1)`, a list of
            each task's mean final loss, and the score.
        """
        curves = []
        for trajectory in self._trajectories:
            runs = []
            for seed in range(self._seeds):
                runs.append(trajectory.run(seed, self._steps, float(self.rule.learning_rate)))
                on_run()
            curves.append(np.array(runs))
        finals = [float(np.mean([mean_final_loss(run) for run in runs])) for runs in curves]
        if self._log_loss and min(finals) <= 0:
            raise ValueError(
                f"HeldOutRuns: a final loss of {min(finals):.4g} has no logarithm; set "
                "log_loss=False, here and in the MetaTrainer"
            )
        return curves, finals, float(np.mean(np.log(finals) if self._log_loss else finals))

    def is_due(self, epoch):
        """Whether the rule is judged after this epoch, the first of which is 0."""
        return epoch + 1 == self.params["epochs"] or (epoch + 1) % self._every == 0

    def on_train_begin(self, logs=None):
        """Judges the rule before its meta-training."""
        self._try()

    def on_epoch_end(self, epoch, logs=None):
        """Judges the rule, where it is time."""
        if self.is_due(epoch):
            score = self._try()
            if logs is not None:
                logs["held_out"] = score

    def on_train_end(self, logs=None):
        """Gives the rule its best weights."""
        if self._best[1] is not None:
            self.rule.set_weights(self._best[1])

    def _try(self):
        *_, score = self.judge()
        if score < self._best[0]:
            self._best = score, self.rule.get_weights()
        return score
