"""The loop of both kinds of denoiser's training: resume, fit, log, checkpoint."""

import keras
import tensorflow as tf

from experiments.callbacks import CSVLogger, StopOnNaN, Stopwatch
from experiments.checkpoint import Checkpoint, trim_log
from experiments.multi_worker import mend_fit, stop_told
from experiments.progress import Progress


def fit(model, make_batches, experiment, folder, strategy, validation, counter=None):
    """Trains a compiled model, or goes on with a training that was stopped.

    Of several workers the first one validates and writes; all of them read its checkpoint.

    Args:
        model: A compiled `keras.Model`, made in the strategy's scope.
        make_batches: Function of the number of batches to skip to an endless `tf.data.Dataset`.
        experiment: A `schema.TrainDnCNN` or `schema_real.TrainReal`.
        folder: `Path` of the run. The checkpoint, `log.csv` and TensorBoard's events are written
            there.
        strategy: The `tf.distribute.Strategy`.
        validation: The `Validation`.
        counter: See `Checkpoint`.

    Raises:
        ValueError: If the devices cannot share a batch evenly, or the folder holds another run.
        FloatingPointError: If the loss becomes NaN.
        RuntimeError: If another worker has stopped.
    """
    training = experiment.training
    devices = strategy.num_replicas_in_sync
    if training.batch_size % devices:
        # Each device's gradient is of a mean over its own share.
        raise ValueError(
            f"training.batch_size is {training.batch_size}, which {devices} devices cannot share "
            "evenly"
        )
    writes = strategy.extended.should_checkpoint
    settings = experiment.model_dump(mode="json")
    checkpoint = Checkpoint(folder, settings, training.epoch, counter, writes)
    with strategy.scope():
        done = checkpoint.restore(model)
    progress = Progress(folder.name)
    callbacks = [StopOnNaN(), Stopwatch()]
    if writes:
        trim_log(folder / "log.csv", done)
        callbacks += [
            validation,
            CSVLogger(folder / "log.csv", validation.columns),
            keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
            checkpoint,
            progress,
        ]
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        mend_fit(model, strategy)
    if done:
        print(f"{folder}: going on after {done * training.epoch:,} of {training.steps:,} steps")
    with stop_told(), progress:
        model.fit(
            make_batches(done * training.epoch),
            initial_epoch=done,
            epochs=training.steps // training.epoch,
            steps_per_epoch=training.epoch,
            shuffle=False,  # the sequence of patches is random and fixed already
            callbacks=callbacks,
            verbose=0,
        )
