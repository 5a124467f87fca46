"""Trains a DnCNN as an experiment file says: `kind: train-dncnn`."""

import time

import keras
import numpy as np

from dncnn_keras import DnCNN, metrics
from dncnn_keras.patches import PatchSampler, noisy_patches
from dncnn_keras.precise_batch_norm import recompute_batch_norm
from dncnn_keras.precision import fast_dtype
from dncnn_keras.pretrained import load_pretrained, save_pretrained, weights_file
from dncnn_keras.weight_files import SUFFIX, is_complete, read_description
from experiments.callbacks import StopOnNaN, Stopwatch, Validation
from experiments.csv_log import read_curve
from experiments.fit import fit
from experiments.images import noisy_image, split_images
from experiments.optimizers import make_optimizer
from experiments.provenance import provenance
from experiments.schema_dncnn import ContinuedRun
from experiments.strategy import jit_compile, make_strategy


def train_dncnn(experiment, folder):
    """Trains the network, or goes on with a training that was stopped.

    Args:
        experiment: A `schema_dncnn.TrainDnCNN`.
        folder: `Path` of the run. The checkpoint, `log.csv`, TensorBoard's events and at the end
            `<name>.weights.h5` with `<name>.json` are written there.

    Returns:
        The trained model.

    Raises:
        ValueError: If the data do not fit the network, the weights to start from are not of the
            network, or the folder holds another run.
        FileNotFoundError: If there are no weights to start from.
        FloatingPointError: If the loss becomes NaN.
    """
    strategy = make_strategy(experiment.devices)  # before anything is computed
    training = experiment.training
    start, about_start = _load_start(experiment)
    dtype = experiment.precision
    if dtype == "auto":
        dtype = fast_dtype(strategy.extended.worker_devices)
    train_images, validation_images = split_images(experiment.data, experiment.network.channels)
    sampler = PatchSampler(
        [image.pixels for image in train_images],
        experiment.data.patch_size,
        experiment.seed,
        experiment.data.scales,
    )
    keras.utils.set_random_seed(experiment.seed)
    with strategy.scope():
        model = DnCNN(**experiment.network.model_dump(), dtype=dtype, name=experiment.name)
        model.compile(
            optimizer=make_optimizer(experiment.optimizer, training.steps),
            loss=training.loss,
            metrics=[metrics.PSNR()],
            jit_compile=jit_compile(),
        )
        if start is not None:
            model.set_weights(start.get_weights())
    if start is not None:
        settings = {**experiment.model_dump(), "start_sha256": about_start["sha256"]}
        experiment = ContinuedRun.model_validate(settings)

    def make_batches(first):
        return noisy_patches(sampler, experiment.data.sigma, training.batch_size, first)

    def validate():
        if training.recompute_batch_norm:
            batches = make_batches(0).take(training.recompute_batch_norm)
            recompute_batch_norm(model, (noisy for noisy, _ in batches))
        return _validate(model, validation_images, experiment)

    def measure():
        return {"psnr": float(np.mean(list(validate().values())))}

    started = time.monotonic()
    validation = Validation(measure, ["psnr"], training.validate_every)
    writes = strategy.extended.should_checkpoint
    trained = fit(
        model, make_batches, experiment, folder, writes, [StopOnNaN(), Stopwatch()], validation
    )
    if not writes:  # another worker does
        return model
    weights = folder / f"{experiment.name}{SUFFIX}"
    if not trained and is_complete(weights, "model"):  # which say how they were made
        return load_pretrained(weights)
    made_by = {
        "experiment": experiment.model_dump(mode="json"),
        "training_images": len(train_images),
        "validation_images": [image.name for image in validation_images],
        "validation_psnr": {sigma: round(psnr, 3) for sigma, psnr in validate().items()},
        "validation_curve": read_curve(folder / "log.csv", training.epoch),
        "dtype": dtype,
        "seconds_of_last_session": round(time.monotonic() - started),
        **provenance(),
    }
    if start is not None:
        made_by["start"] = about_start
    save_pretrained(model, experiment.name, folder, made_by)
    return model


def _load_start(experiment):
    """Loads what a training starts from: a network and its description, or `None` for both."""
    if experiment.start is None:
        return None, None
    try:
        start = load_pretrained(experiment.start)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"start: {error}; train them first, or start from released weights or from null"
        ) from None
    wanted = experiment.network.model_dump()
    found = {key: getattr(start, key) for key in wanted}
    if found != wanted or not start.batch_norm:
        raise ValueError(
            f"start: {experiment.start} holds a network of {found} with"
            f"{'' if start.batch_norm else 'out'} batch normalization, not of {wanted} with it"
        )
    return start, read_description(weights_file(experiment.start), "model")[0]


def _validate(model, images, experiment):
    """Measures the mean PSNR in dB at every sigma."""
    means = {}
    for sigma in experiment.validation_sigmas:
        values = []
        for image in images:
            noisy, clean = noisy_image(image, sigma, experiment.seed)
            denoised = np.clip(model(noisy[None], training=False)[0], 0, 1)
            values.append(metrics.psnr(clean, denoised))
        means[f"{sigma:g}"] = float(np.mean(values))
    return means
