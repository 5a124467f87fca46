"""Meta-trains a rule as an experiment file says: `kind: meta-train`."""

import json
import math

import keras
import numpy as np

from experiments.atomic_write import write_atomically
from experiments.csv_log import read_columns
from experiments.curves import meta_training_curves
from experiments.fit import fit
from experiments.images import split_images
from experiments.kept_results import DAMAGED_RUN
from experiments.progress import Bar, tell
from experiments.provenance import provenance
from experiments.strategy import make_strategy
from experiments.tasks import TaskMaker, draw_tasks
from learned_optim import HeldOutRuns, MetaTrainer, save_rule
from learned_optim.rules import make_rule

# Seeds of initial weights that no task of a meta-training starts from.
_HELD_OUT_STARTS = range(500, 504)


def meta_train(experiment, folder):
    """Meta-trains the rule, or goes on with a meta-training that was stopped.

    Of several workers the first one judges and writes; all of them read its checkpoint.

    Args:
        experiment: A `schema_tasks.MetaTrain`.
        folder: `Path` of the run. The checkpoint, `log.csv`, `held_out.csv`, the trajectories of
            the held-out runs, TensorBoard's events, the best rule until now and a picture of the
            curves are written there.

    Returns:
        Path of the weight file of the rule that did best in the held-out runs.

    Raises:
        ValueError: If the data do not fit the tasks, or the folder holds another run.
        RuntimeError: If another worker has stopped.
    """
    strategy = make_strategy(experiment.devices)  # before anything is computed
    training = experiment.training
    train_images, held_out_images = None, None
    if any(task.task == "dncnn" for task in (*experiment.tasks, *experiment.held_out.tasks)):
        train, held_out = split_images(experiment.data, channels=1)
        train_images, held_out_images = ([i.pixels for i in part] for part in (train, held_out))
    keras.utils.set_random_seed(experiment.seed)
    rule = make_rule(experiment.rule)
    if training.rate is not None:
        rule.learning_rate = training.rate
    maker = TaskMaker(train_images, experiment.digits, experiment.seed)
    trainer = MetaTrainer(
        rule,
        [maker.make(task) for task in draw_tasks(experiment.tasks, experiment.seed)],
        experiment.seed,
        training.updates,
        window=training.window,
        horizons=training.horizons,
        live=training.live,
        schedule=training.schedule,
        trained=training.trained,
        estimator=training.estimator,
        log_loss=training.log_loss,
        second_order=training.second_order,
        pes_sigma=training.pes_sigma,
        pes_pairs=training.pes_pairs,
        patience=training.patience,
        strategy=strategy,
    )
    rate = keras.optimizers.schedules.CosineDecay(
        training.learning_rate, training.updates, alpha=0.1
    )
    trainer.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=training.clipnorm),
        jit_compile=False,
    )
    writes = strategy.extended.should_checkpoint
    held_out_maker = TaskMaker(
        held_out_images, experiment.digits, experiment.seed + 1, _HELD_OUT_STARTS
    )
    held_out_runs = KeptHeldOutRuns(experiment, rule, held_out_maker, folder) if writes else None
    fit(
        trainer,
        lambda start: trainer.updates(),
        experiment,
        folder,
        writes,
        [keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: trainer.share_live_tasks())],
        held_out_runs,
        lambda trainer: int(trainer.update.numpy()),
    )
    if writes:
        meta_training_curves(folder)
    return folder / f"{experiment.name}.weights.h5"


class KeptHeldOutRuns(HeldOutRuns):
    """Held-out runs that are kept in files, so that a stopped meta-training goes on.

    Args:
        experiment: A `schema_tasks.MetaTrain`.
        rule: The `Rule` that is being trained.
        maker: `TaskMaker` of the held-out tasks.
        folder: `Path` of the run; `held_out.csv` and the best rule are written there.
    """

    columns = ()  # to `log.csv` it adds none

    def __init__(self, experiment, rule, maker, folder):
        settings = experiment.held_out
        tasks = [maker.make(task) for task in settings.tasks]
        training = experiment.training
        super().__init__(
            rule,
            tasks,
            settings.steps,
            seeds=settings.seeds,
            every=settings.every,
            schedule=training.schedule,
            log_loss=training.log_loss,
        )
        self._experiment = experiment
        self._folder = folder
        self._file = folder / "held_out.csv"
        self._titles = [f"{task.task}_{number}" for number, task in enumerate(settings.tasks)]

    def on_train_begin(self, logs=None):
        """Judges the rule before its meta-training, unless an earlier session has."""
        if self._scores():
            return
        if (self._folder / "checkpoint.weights.h5").exists():  # what it began with is gone
            raise ValueError(f"{self._file}: {DAMAGED_RUN}")
        self._judge(-1)

    def on_epoch_end(self, epoch, logs=None):
        """Judges the rule, where it is time."""
        if self.is_due(epoch):
            self._judge(epoch)

    def on_train_end(self, logs=None):
        """Leaves the rule as it is: the best one is written."""

    def _scores(self):
        if not self._file.exists():
            return []
        return [row["score"] for row in read_columns(self._file, ["score"])]

    def _judge(self, epoch):
        total = len(self._titles) * self._experiment.held_out.seeds
        with Bar(total, "held-out runs", "run") as bar:
            curves, losses, score = self.judge(bar.update)
        best = min(self._scores(), default=math.inf)
        if epoch < 0:
            self._keep("before", curves)
        shown = ", ".join(f"{loss:.5g}" for loss in losses)
        tell(f"held-out runs: final losses {shown}; score {score:.4f} (best {best:.4f})")
        if score < best or best == math.inf:
            self._keep("best", curves)
            save_rule(
                self.rule,
                self._experiment.name,
                self._folder,
                provenance={
                    "experiment": self._experiment.model_dump(mode="json"),
                    "meta_updates": (epoch + 1) * self._experiment.training.epoch,
                    "held_out_losses": [round(loss, 6) for loss in losses],
                    "held_out_score": round(score, 6),
                    **provenance(),
                },
            )
        # Last: killed before it is written, the run judges again and keeps the same.
        lines = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        lines = lines or ",".join(["epoch", *self._titles, "score"]) + "\n"
        row = [str(epoch), *(f"{loss:.6g}" for loss in losses), f"{score:.6f}"]
        write_atomically(self._file, lines + ",".join(row) + "\n")

    def _keep(self, which, curves):
        """Writes the mean loss at every step of each task's runs."""
        means = {
            title: [float(f"{loss:.6g}") for loss in np.mean(runs, axis=0)]
            for title, runs in zip(self._titles, curves, strict=True)
        }
        write_atomically(self._folder / f"trajectories_{which}.json", json.dumps(means) + "\n")
