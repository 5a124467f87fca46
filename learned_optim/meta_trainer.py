"""Meta-training: a Keras model whose weights are a rule's, and whose `fit` trains it."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf

from learned_optim import pes, unroll
from learned_optim.rules.rule import Rule
from learned_optim.tasks.task import Task, fold
from learned_optim.workers import Workers

# The squares of larger norms are infinite.
_LARGEST = 1e19


class MetaTrainer(keras.Model):
    """Trains a rule on tasks by truncated backpropagation through time.

    All tasks, or `live` of them at a time, are optimised by the rule. A meta-update runs the next
    window of each live task, and follows the mean of their meta-gradients: one task alone, a
    shallow network say, would pull the rule to what is best for itself. A task that has run to its
    horizon starts again as another instance. Where some tasks rest, it rests as well, and one that
    is chosen at random among those with the fewest turns takes its place. The first time the live
    tasks end staggered, so that the rule always sees some at their beginning and some late.

    `fit` logs the live tasks' mean `log_loss`, or without `log_loss` their mean `loss`, of an
    epoch's last meta-update: it also says how late in their runs the tasks are. An instance
    whose meta-gradient is not finite, or of a norm above 1e19, is dropped and counted; under
    `log_loss` so is one with a loss that is not positive.

    Args:
        rule: The `Rule` to train, at its `learning_rate`. One that fades gets the longest of the
            horizons as its own, where it has none yet.
        tasks: List of `Task`s. Each is traced once, however often its turn comes.
        seed: Integer, the run's seed.
        window: Steps between truncations.
        horizons: Numbers of steps that a task runs before it starts again; a curriculum: each is
            used for an equal share of the meta-updates.
        meta_updates: Number of meta-updates of the whole meta-training, for the curriculum.
        live: Number of tasks that are live at a time, by default all. The first ones begin; those
            that rest cost memory, and no time.
        schedule: What the rule's `learning_rate` does over a horizon: `"constant"`, or `"cosine"`
            to zero.
        trained: `"all"`, or `"head"` for the rule's last layer alone, over an LSTM that stays as it
            was drawn. Evolution strategies need the fewer runs the fewer weights they perturb.
        estimator: `"tbptt"`, or `"pes"` for persistent evolution strategies.
        log_loss, second_order: See `unroll.window`; of `"tbptt"` alone.
        pes_sigma, pes_pairs: See `pes.window`; of `"pes"` alone.
        patience: Meta-updates in a row without any usable meta-gradient after which the last
            good weights are restored. Where a moment of the meta-optimizer is not finite, all of
            them start anew.
        strategy: A `tf.distribute.Strategy`, to whose workers and devices the tasks are dealt
            like cards: each is run on its own, and only meta-gradients travel. The weights do not
            depend on it, nor does which tasks are live: where some rest, one device may have more
            to run than another. The trainer itself is made outside of the strategy's scope.

    Attributes:
        update: `keras.Variable`, the number of meta-updates done.
        dropped: `keras.Variable`, the number of meta-gradients dropped.

    Raises:
        ValueError: If there is no task, or an argument is out of its range or of the other
            estimator, or the rule has a horizon that is shorter than the tasks'.

    Example:

    >>> trainer = MetaTrainer(make_rule("rnnprop"), [Quadratics()], seed=0, meta_updates=1000)
    >>> trainer.compile(optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
    >>> trainer.fit(trainer.updates(), epochs=10, steps_per_epoch=100)
    """

    def __init__(
        self,
        rule: Rule,
        tasks: Sequence[Task],
        seed: int,
        meta_updates: int,
        window: int = 20,
        horizons: Sequence[int] = (100,),
        live: int | None = None,
        schedule: Literal["constant", "cosine"] = "constant",
        trained: Literal["all", "head"] = "all",
        estimator: Literal["tbptt", "pes"] = "tbptt",
        log_loss: bool = True,
        second_order: bool = False,
        pes_sigma: float = 0.01,
        pes_pairs: int = 1,
        patience: int = 10,
        strategy: tf.distribute.Strategy | None = None,
        name: str = "meta_trainer",
    ):
        # Under a policy of mixed precision Keras would scale a loss that there is none of.
        super().__init__(name=name, dtype="float32")
        # XLA would compile for minutes, and its convolutions are slow on CPUs.
        self.supports_jit = False
        if not tasks:
            raise ValueError("MetaTrainer: there is no task to train on")
        counts = {
            "meta_updates": meta_updates,
            "window": window,
            "pes_pairs": pes_pairs,
            "patience": patience,
        }
        for key, count in counts.items():
            if count < 1:
                raise ValueError(f"MetaTrainer: {key} must be at least 1, got {count}")
        live = len(tasks) if live is None else live
        if not 1 <= live <= len(tasks):
            raise ValueError(
                f"MetaTrainer: live must be from 1 to {len(tasks)}, the number of tasks, got {live}"
            )
        if not horizons or any(horizon < 1 or horizon % window for horizon in horizons):
            raise ValueError(
                f"MetaTrainer: horizons must be multiples of the window, {window}, got {horizons}"
            )
        if schedule not in ("constant", "cosine"):
            raise ValueError(
                f"MetaTrainer: schedule must be 'constant' or 'cosine', got {schedule!r}"
            )
        if trained not in ("all", "head"):
            raise ValueError(f"MetaTrainer: trained must be 'all' or 'head', got {trained!r}")
        if estimator not in ("tbptt", "pes"):
            raise ValueError(f"MetaTrainer: estimator must be 'tbptt' or 'pes', got {estimator!r}")
        if estimator == "pes" and (not log_loss or second_order):
            raise ValueError("MetaTrainer: log_loss=False and second_order are of 'tbptt' alone")
        if pes_sigma <= 0:
            raise ValueError(f"MetaTrainer: pes_sigma must be above 0, got {pes_sigma}")
        if not rule.built:
            rule.build()
        # Beyond it the rule is not to be trusted, where it has an optimizer to go over to.
        if rule.get_config().get("horizon") == 0:
            rule.horizon = max(horizons)
        elif 0 < rule.horizon < max(horizons):
            raise ValueError(
                f"MetaTrainer: the rule fades after its horizon of {rule.horizon} steps, and would "
                f"learn little or nothing from the later ones of {max(horizons)}; set rule.horizon "
                "first"
            )
        head = {id(weight) for weight in rule.head.weights}
        for weight in rule.weights:
            weight.trainable = trained == "all" or id(weight) in head
        self.rule = rule
        self.window = window
        self.meta_updates = meta_updates
        self.patience = patience
        self._horizons = tuple(horizons)
        self._rate = float(rule.learning_rate)
        self._cosine = schedule == "cosine"
        self._pes = (pes_sigma, pes_pairs) if estimator == "pes" else None
        self._unrolled = {"log_loss": log_loss, "second_order": second_order}
        self._chances = tf.constant([seed, 3], tf.int64)
        seed = tf.constant([seed, 2], tf.int64)
        copies = 2 * pes_pairs if estimator == "pes" else 1
        self._workers = Workers(strategy)
        self.live_tasks = []
        for number, task in enumerate(tasks):
            device = self._workers.device(number)
            self.live_tasks.append(
                LiveTask(task, rule, fold(seed, number), copies, device, f"task_{number}")
            )
        for number in range(live):
            share = (number + 1) / live
            self.live_tasks[number].start(max(1, round(share * horizons[0] / window)) * window)
        self._live = None
        if live < len(tasks):
            self._live = self.add_weight(
                shape=(len(tasks),), dtype="bool", trainable=False, name="live"
            )
            self._live.assign([number < live for number in range(len(tasks))])
        self._good = [
            self.add_weight(shape=w.shape, initializer="zeros", trainable=False, name=f"good_{i}")
            for i, w in enumerate(rule.trainable_weights)
        ]
        for good, weight in zip(self._good, rule.trainable_weights, strict=True):
            good.assign(weight)
        self.dropped = self.add_weight(shape=(), dtype="int64", trainable=False, name="dropped")
        self._failures = self.add_weight(shape=(), dtype="int64", trainable=False, name="failures")
        self.update = self.add_weight(shape=(), dtype="int64", trainable=False, name="update")
        self.built = True

    def updates(self):
        """Endless data set for `fit`: meta-training makes its own data."""
        return tf.data.Dataset.from_tensors(tf.zeros(1)).repeat()

    def train_step(self, data):
        """Does a meta-update."""
        weights = self.rule.trainable_weights
        total = [tf.zeros(weight.shape) for weight in weights]
        log_loss = self._unrolled["log_loss"]
        losses = tf.zeros(())
        starting, live = self._change_over()
        used = [tf.zeros(()) for _ in self.live_tasks]
        for number, task in enumerate(self.live_tasks):
            with tf.device(task.device or ""):
                task.start_if(starting[number], self._horizon())
            if task.device is None:
                continue
            with tf.device(task.device):
                gradient, loss = self._run_window(task, live[number])
            # Of finite entries whose squares are not, clipping by the norm would make NaN. The norm
            # of the tasks' mean is below the bound, too.
            usable = tf.linalg.global_norm(gradient) < _LARGEST
            good = live[number] & usable & tf.math.is_finite(loss)
            total = [
                t + tf.where(good, g, tf.zeros_like(g))
                for t, g in zip(total, gradient, strict=True)
            ]
            used[number] = tf.cast(good, tf.float32)
            losses += tf.where(good, tf.math.log(loss) if log_loss else loss, 0.0)
        *total, used, losses = self._workers.sum([*total, tf.stack(used), losses])
        for number, task in enumerate(self.live_tasks):
            task.count_window(self.window, live[number], used[number] > 0)
        used = tf.reduce_sum(used)
        self.dropped.assign_add(tf.reduce_sum(tf.cast(live, tf.int64)) - tf.cast(used, tf.int64))
        mean = [gradient / tf.maximum(used, 1.0) for gradient in total]
        tf.cond(used > 0, lambda: self._follow(mean), self._fail)
        self.update.assign_add(1)
        return {
            "log_loss" if log_loss else "loss": losses / tf.maximum(used, 1.0),
            "dropped": self.dropped,
            "gradient_norm": tf.linalg.global_norm(mean),
        }

    def _change_over(self):
        """Has the tasks that have run to their horizon rest, and as many others start.

        Returns:
            Two boolean tensors: for each task whether it starts, and whether it is live.
        """
        at_end = tf.stack([task.is_at_end() for task in self.live_tasks])
        if self._live is None:
            return at_end, tf.ones_like(at_end)
        live = tf.convert_to_tensor(self._live)
        staying = live & ~at_end
        turns = tf.stack([tf.cast(task.turn, tf.float32) for task in self.live_tasks])
        chance = fold(self._chances, self.update)
        order = turns + tf.random.stateless_uniform(turns.shape, chance)
        # One that has just ended starts again only if too few rest.
        order = tf.where(live, 1e6 + order, order)
        order = tf.where(staying, math.inf, order)
        ended = tf.reduce_sum(tf.cast(live & at_end, tf.int32))
        starting = tf.argsort(tf.argsort(order)) < ended
        self._live.assign(staying | starting)
        return starting, staying | starting

    def _run_window(self, task, is_live):
        # No `cond` where all are live: TensorFlow optimizes what it holds differently, and less.
        if self._live is None:
            return task.run_window(self)
        nothing = [tf.zeros(weight.shape) for weight in self.rule.trainable_weights], tf.zeros(())
        return tf.cond(is_live, lambda: task.run_window(self), lambda: nothing)

    def share_live_tasks(self):
        """Gives every worker the state of all live tasks, of which it has run its own alone.

        To be called by each worker before a checkpoint is saved.
        """
        if self._workers.count > 1:
            self._share_live_tasks()

    @tf.function
    def _share_live_tasks(self):
        for live in self.live_tasks:
            # Not its counters, which every worker keeps for all tasks.
            kept = [each for each in keras.tree.flatten(live.kept) if each.dtype == "float32"]
            values = [tf.convert_to_tensor(variable) for variable in kept]
            if live.device is None:
                values = [tf.zeros_like(value) for value in values]
            _assign(kept, self._workers.sum(values))

    def _follow(self, gradient):
        # What was good enough to give a finite gradient is kept before it is changed.
        for good, weight in zip(self._good, self.rule.trainable_weights, strict=True):
            good.assign(weight)
        self.optimizer.apply(gradient, self.rule.trainable_weights)
        self._failures.assign(0)

    def _fail(self):
        self._failures.assign_add(1)

        def restore():
            for weight, good in zip(self.rule.trainable_weights, self._good, strict=True):
                weight.assign(good)
            self._reset_broken_moments()
            self._failures.assign(0)

        tf.cond(self._failures >= self.patience, restore, lambda: None)

    def _reset_broken_moments(self):
        """Starts the meta-optimizer's moments anew if one of them is not finite.

        It would stay so, and break the weights again. Sound ones are kept: Adam corrects the bias
        of new ones by its number of iterations, which goes on, so its steps are far too long until
        they have caught up.
        """
        # Scalars are rates and counters.
        moments = [variable for variable in self.optimizer.variables if variable.ndim]
        sound = tf.constant(True)
        for moment in moments:
            sound &= tf.reduce_all(tf.math.is_finite(moment))
        for moment in moments:
            moment.assign(tf.where(sound, moment, tf.zeros_like(moment)))

    def _horizon(self):
        stage = self.update * len(self._horizons) // self.meta_updates
        stage = tf.minimum(stage, len(self._horizons) - 1)
        return tf.gather(tf.constant(self._horizons, tf.int64), stage)

    def rate(self, step, horizon):
        """Learning rate of a task's step, 0 at the first."""
        if not self._cosine:
            return tf.constant(self._rate)
        share = tf.cast(step / horizon, tf.float32)
        return 0.5 * self._rate * (1 + tf.cos(math.pi * share))


class LiveTask(keras.layers.Layer):
    """A task that has its turn or waits for it: an instance that is being optimised, as variables.

    Args:
        task: A `Task`.
        rule: A `Rule`.
        seed: int64 tensor of shape `(2,)` from which the instances' seeds follow.
        copies: Runs of the instance that are kept side by side; persistent evolution strategies
            need one for each perturbation.
        device: Name of the device that keeps and runs it, `""` for TensorFlow's choice, or `None`
            where another worker runs it.
        name: Name of the layer.

    Attributes:
        turn: `keras.Variable`, the number of instances before this one; -1 before the first.
    """

    def __init__(self, task, rule, seed, copies, device, name):
        super().__init__(name=name, dtype="float32")
        self.task = task
        self.rule = rule
        self.device = device
        self._seed = seed
        coordinates = task.coordinates()
        state = rule.initial_state(rule.network_size(coordinates))

        def variable(shape, dtype="float32"):
            with tf.device(device or ""):
                return self.add_weight(
                    shape=shape, dtype=dtype, initializer="zeros", trainable=False
                )

        self.turn = variable((), "int64")
        self._horizon = variable((), "int64")
        self._step = variable((), "int64")
        self._runs = [
            (
                [variable(shape) for shape in task.shapes],
                [variable((coordinates.size,)) for _ in range(rule.moments)],
                [variable(each.shape) for each in state],
            )
            for _ in range(copies)
        ]
        # The sum of the perturbations that each pair of runs has had.
        self._noise = [
            [variable(weight.shape) for weight in rule.trainable_weights]
            for _ in range(copies // 2)
        ]
        self.turn.assign(-1)

    @property
    def kept(self):
        """All variables, in a structure of lists."""
        return [self.turn, self._horizon, self._step, self._runs, self._noise]

    @property
    def seed(self):
        """Seed of the instance."""
        return fold(self._seed, self.turn)

    def run_window(self, trainer):
        """Runs the next window.

        Returns:
            The meta-gradient, and the mean loss in the window.
        """
        horizon = tf.convert_to_tensor(self._horizon)

        def rate(step):
            return trainer.rate(step, horizon)

        step = tf.convert_to_tensor(self._step)
        runs = []
        for run in self._runs:
            parameters, moments, state = ([tf.convert_to_tensor(v) for v in part] for part in run)
            runs.append(unroll.Progress(parameters, moments, state, step))
        if trainer._pes:
            sigma, _ = trainer._pes
            noise = [[tf.convert_to_tensor(v) for v in pair] for pair in self._noise]
            done = pes.window(
                self.task, self.rule, runs, noise, self.seed, trainer.window, rate, sigma
            )
            gradient, after, losses = done.gradient, done.runs, done.losses
            for variables, values in zip(self._noise, done.noise, strict=True):
                _assign(variables, values)
        else:
            done = unroll.window(
                self.task, self.rule, runs[0], self.seed, trainer.window, rate, **trainer._unrolled
            )
            gradient, after, losses = done.gradient, [done.progress], done.losses
        for run, progress in zip(self._runs, after, strict=True):
            for part, values in zip(run, progress[:3], strict=True):
                _assign(part, values)
        return gradient, tf.reduce_mean(losses)

    def count_window(self, length, is_live, is_good):
        """Counts the steps of a window of a live task; where it was not good the instance ends."""
        # What has become NaN or infinite stays so.
        step = tf.where(is_good, self._step + length, tf.convert_to_tensor(self._horizon))
        self._step.assign(tf.where(is_live, step, tf.convert_to_tensor(self._step)))

    def is_at_end(self):
        """Whether the instance has run to its horizon."""
        return self._step >= self._horizon

    def start_if(self, condition, horizon):
        """Starts the next instance where the condition holds."""
        tf.cond(condition, lambda: self.start(horizon), lambda: None)

    def start(self, horizon):
        """Starts the next instance."""
        self.turn.assign_add(1)
        self._horizon.assign(horizon)
        self._step.assign(0)
        progress = unroll.start(self.task, self.rule, self.seed)
        for run in self._runs:
            for part, values in zip(run, progress[:3], strict=True):
                _assign(part, values)
        for noise in self._noise:
            _assign(noise, [tf.zeros(variable.shape) for variable in noise])


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
