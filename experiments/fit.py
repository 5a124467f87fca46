"""The loop of both kinds of denoiser's training: resume, fit, log, checkpoint."""

import sys

import keras

from experiments.callbacks import StopOnNaN, Stopwatch
from experiments.checkpoint import Checkpoint, trim_log


def fit(model, make_batches, experiment, folder, strategy, callbacks=(), counter=None, **arguments):
    """Trains a compiled model, or goes on with a training that was stopped.

    Args:
        model: A compiled `keras.Model`, made in the strategy's scope.
        make_batches: Function of the number of batches to skip to an endless `tf.data.Dataset`.
        experiment: A `schema.TrainDnCNN` or `schema_real.TrainReal`.
        folder: `Path` of the run. The checkpoint, `log.csv` and TensorBoard's events are written
            there.
        strategy: The `tf.distribute.Strategy`.
        callbacks: Callbacks that add to the log.
        counter: See `Checkpoint`.
        **arguments: Further arguments of `model.fit`.

    Raises:
        ValueError: If the folder holds another run.
        FloatingPointError: If the loss becomes NaN.
    """
    training = experiment.training
    checkpoint = Checkpoint(folder, experiment.model_dump(mode="json"), training.epoch, counter)
    with strategy.scope():
        done = checkpoint.restore(model)
    trim_log(folder / "log.csv", done)
    if done:
        print(f"{folder}: going on after {done * training.epoch:,} of {training.steps:,} steps")
    model.fit(
        make_batches(done * training.epoch),
        initial_epoch=done,
        epochs=training.steps // training.epoch,
        steps_per_epoch=training.epoch,
        shuffle=False,  # the sequence of patches is random and fixed already
        callbacks=[
            StopOnNaN(),
            Stopwatch(),
            *callbacks,
            keras.callbacks.CSVLogger(folder / "log.csv", append=True),
            keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
            checkpoint,
        ],
        # A moving bar for people, a line an epoch for log files.
        verbose=1 if sys.stdout.isatty() else 2,
        **arguments,
    )
