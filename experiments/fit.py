"""The loop of all trainings: resume, fit, log, checkpoint."""

import contextlib

import keras
import tensorflow as tf

from experiments.checkpoint import Checkpoint
from experiments.csv_log import CSVLogger, trim_log
from experiments.lock import alone
from experiments.multi_worker import mend_fit, stop_told
from experiments.progress import Progress


def fit(model, make_batches, experiment, folder, writes, callbacks, validation, counter=None):
    """Trains a compiled model, or goes on with a training that was stopped.

    Args:
        model: A compiled `keras.Model`, made in the scope of the strategy that is to share its
            batches, if one is.
        make_batches: Function of the number of batches to skip to an endless `tf.data.Dataset`.
        experiment: A `schema_dncnn.TrainDnCNN`, `schema_real.TrainReal` or
            `schema_tasks.MetaTrain`.
        folder: `Path` of the run. The checkpoint, `log.csv` and TensorBoard's events are written
            there.
        writes: Whether this process validates and writes; of several workers one does, and all
            read its checkpoint.
        callbacks: Callbacks of every worker, which come first.
        validation: The `Validation` or `KeptHeldOutRuns`; called where this process writes.
        counter: See `Checkpoint`.

    Returns:
        Whether there was anything left to train.

    Raises:
        ValueError: If the devices cannot share a batch evenly, or the folder holds another run.
        RuntimeError: If another worker has stopped, or another process trains in this folder.
    """
    training = experiment.training
    devices = model.distribute_strategy.num_replicas_in_sync
    if devices > 1 and training.batch_size % devices:
        # Each device's gradient is of a mean over its own share.
        raise ValueError(
            f"training.batch_size is {training.batch_size}, which {devices} devices cannot share "
            "evenly"
        )
    with alone(folder) if writes else contextlib.nullcontext():
        return _fit(model, make_batches, experiment, folder, writes, callbacks, validation, counter)


def _fit(model, make_batches, experiment, folder, writes, callbacks, validation, counter):
    training, strategy = experiment.training, model.distribute_strategy
    total = getattr(training, training.unit)
    checkpoint = Checkpoint(folder, experiment, training.epoch, counter, writes)
    with strategy.scope():
        done = checkpoint.restore(model)
    progress = Progress(folder.name)
    if writes:
        for log in ("log.csv", "held_out.csv"):  # the second is of `KeptHeldOutRuns`
            trim_log(folder / log, done)
        callbacks = [
            *callbacks,
            validation,
            CSVLogger(folder / "log.csv", validation.columns),
            keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
            checkpoint,
            progress,
        ]
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        mend_fit(model, strategy)
    if done:
        print(f"{folder}: going on after {done * training.epoch:,} of {total:,} {training.unit}")
    with stop_told(), progress:
        model.fit(
            make_batches(done * training.epoch),
            initial_epoch=done,
            epochs=total // training.epoch,
            steps_per_epoch=training.epoch,
            shuffle=False,  # the sequence of patches is random and fixed already
            callbacks=callbacks,
            verbose=0,
        )
    return done * training.epoch < total
