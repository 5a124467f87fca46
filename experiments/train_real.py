"""Trains a network for real photographs as an experiment file says: `kind: train-real`."""

import time

import keras
import numpy as np

from dncnn_keras import datasets, metrics
from dncnn_keras.images import to_float
from dncnn_keras.patches import PatchSampler
from dncnn_keras.precision import fast_dtype
from dncnn_keras.weight_files import SUFFIX, is_complete, sha256_of
from experiments.callbacks import StopOnNaN, Stopwatch, Validation
from experiments.csv_log import read_curve
from experiments.fit import fit
from experiments.images import colour_images
from experiments.mask_pictures import MaskPictures
from experiments.optimizers import make_optimizer
from experiments.progress import Progress
from experiments.provenance import provenance
from experiments.real_networks import RIVALS, denoise, save_network
from experiments.schema_real import RealRun
from experiments.strategy import jit_compile, make_strategy
from meta_aux import MAXL, MTL, MaskNetwork, RealDenoiser
from meta_aux.degradation import degraded_patches
from meta_aux.pair_patches import pair_patches
from meta_aux.pretrained import NETWORKS, load_pretrained, weights_of
from meta_aux.self_supervision import LOSSES

# PyTorch's; the mask's gradient is too small for Keras's.
_EPSILON = 1e-8


def train_real(experiment, folder):
    """Trains the network, or goes on with a training that was stopped.

    Args:
        experiment: A `schema_real.TrainReal`.
        folder: `Path` of the run. The checkpoint, `log.csv`, TensorBoard's events and at the end
            `<name>.weights.h5` with `<name>.json` are written there.

    Returns:
        The trained network.

    Raises:
        ValueError: If the data do not fit, the weights to start from are not of the network, or
            the folder holds another run.
        FileNotFoundError: If there are no weights to start from.
        DataUnavailableError: If the data are not there.
        FloatingPointError: If the loss becomes NaN.
    """
    strategy = make_strategy(experiment.devices)  # before anything is computed
    make_batches = _batches(experiment)
    pairs = validation_pairs(experiment.validation.dataset)
    trainer, network = _make_trainer(experiment, strategy)
    experiment = as_run(experiment)

    def measure():
        return validate(network, pairs, experiment.validation.steps)

    started = time.monotonic()
    validation = Validation(measure, _measured(network), experiment.training.validate_every)
    callbacks = [StopOnNaN(), Stopwatch()]
    writes = strategy.extended.should_checkpoint
    if writes and _trains_mask(experiment.method):
        shown = to_float(pairs[0].noisy)
        callbacks.append(MaskPictures(network, shown, folder, experiment.training))
    trained = fit(
        trainer, make_batches, experiment, folder, writes, callbacks, validation, _updates
    )
    if not writes:  # another worker does
        return network
    if not trained and is_complete(folder / f"{experiment.name}{SUFFIX}", "model"):
        return network  # the file says how it was made
    made_by = {
        "experiment": experiment.model_dump(mode="json"),
        "validation": measure(),
        "validation_pairs": [pair.name for pair in pairs],
        "validation_curves": {
            column: read_curve(folder / "log.csv", experiment.training.epoch, column)
            for column in validation.columns
        },
        "dtype": _dtype(experiment),
        "seconds_of_last_session": round(time.monotonic() - started),
        **provenance(),
    }
    save_network(network, experiment.name, folder, made_by)
    return network


def as_run(experiment):
    """Adds to a `schema_real.TrainReal` what it starts from, as a `RealRun`."""
    start = experiment.start and sha256_of(weights_of(experiment.start))
    return RealRun.model_validate({**experiment.model_dump(), "start_sha256": start})


def updates_within(experiment, seconds):
    """Counts the updates that a training does within a time, by doing two epochs of them.

    Args:
        experiment: A `schema_real.TrainReal`, whose number of steps does not matter.
        seconds: The time, without tracing and validation.

    Returns:
        Number of updates: at least an epoch, and whole epochs.

    Raises:
        What `train_real` raises.
    """
    trainer, _ = _make_trainer(experiment, make_strategy(experiment.devices))
    epoch = experiment.training.epoch
    with Progress(f"{experiment.name}: how many updates take {seconds} s") as progress:
        history = trainer.fit(
            _batches(experiment)(0),
            epochs=2,
            steps_per_epoch=epoch,
            shuffle=False,
            callbacks=[Stopwatch(), progress],
            verbose=0,
        )
    each = history.history["seconds"][1]  # the first epoch holds the tracing
    return max(1, round(seconds / each)) * epoch


def validation_pairs(name):
    """Loads the pairs by which networks are judged on the way.

    Args:
        name: Name of a set with a split `validation`.

    Returns:
        List of `NamedPair`: their centres, for a validation must not take longer than the training.

    Raises:
        DataUnavailableError: If they are not there.
    """
    return [pair.centre(256) for pair in datasets.load_pairs(name, "validation")]


def validate(network, pairs, steps):
    """Measures a network before and, if it adapts, after adaptation.

    Args:
        network: A `RealDenoiser` or one of `RIVALS`.
        pairs: List of `NamedPair`.
        steps: Steps of adaptation.

    Returns:
        Dict of the mean PSNR in dB of clipped images: `psnr_before` and one after adaptation by
        each loss, or `psnr`.
    """
    values = []
    for pair in pairs:
        noisy, clean = to_float(pair.noisy), to_float(pair.clean)
        values.append([metrics.psnr(clean, image) for image in denoise(network, noisy, steps)])
    means = [round(float(mean), 3) for mean in np.mean(values, axis=0)]
    return dict(zip(_measured(network), means, strict=True))


def _measured(network):
    if isinstance(network, RealDenoiser):
        return ["psnr_before", *(f"psnr_{loss}" for loss in LOSSES)]
    return ["psnr"]


def load_training(data):
    """Loads what is trained on, and checks it.

    Args:
        data: A `schema_real.RealData`.

    Returns:
        List of `NamedPair` for real noise, of `NamedImage` for synthetic noise.

    Raises:
        ValueError: If a file is damaged, or a picture is grey or does not fit its partner.
        FileNotFoundError: If a folder does not exist, or lacks a picture.
        DataUnavailableError: If the data are not there.
    """
    if data.noise == "synthetic":
        images = colour_images(data)
        if data.folder is None and data.dataset == "sample":
            held_out = {pair.name for pair in datasets.load_pairs("sample", "validation")}
            return [image for image in images if image.name not in held_out]
        return images
    names = data.dataset.split("+")
    return [
        pair for name in names for pair in datasets.load_pairs(name, "train", None, data.unreadable)
    ]


def _batches(experiment):
    """Loads the data, and returns a function of the first batch's number to the pipeline."""
    data, size = experiment.data, experiment.training.batch_size
    loaded = load_training(data)
    if data.noise == "real":
        return lambda start: pair_patches(
            loaded, data.patch_size, size, experiment.seed, start, data.noise_gain
        )
    sampler = PatchSampler([image.pixels for image in loaded], data.patch_size, experiment.seed)
    return lambda start: degraded_patches(sampler, size, start)


def _dtype(experiment):
    if experiment.precision != "auto":
        return experiment.precision
    # What a second derivative says is often less than bfloat16's rounding.
    method = experiment.method
    second_order = method.name == "mtl" or _masks_turns(method)
    if second_order:
        return "float32"
    return fast_dtype(make_strategy(experiment.devices).extended.worker_devices)


def _masks_turns(method):
    return method.name == "maxl" and _trains_mask(method)


def _trains_mask(method):
    return method.name != "plain" and method.mask and getattr(method, "train_mask", True)


def _make_denoiser(experiment):
    dtype = _dtype(experiment)
    network = NETWORKS[experiment.network](dtype=dtype)
    mask_network = MaskNetwork(dtype=dtype) if experiment.method.mask else None
    denoiser = RealDenoiser(network, mask_network, experiment.name)
    if experiment.start is not None:
        start = load_pretrained(experiment.start)
        if type(start.network) is not type(network):
            raise ValueError(f"start: {experiment.start} holds no {experiment.network}")
        network.set_weights(start.network.get_weights())
        denoiser.log_rates.assign(start.log_rates)
        if mask_network is not None and start.mask_network is not None:
            mask_network.set_weights(start.mask_network.get_weights())
        elif mask_network is not None and not getattr(experiment.method, "train_mask", True):
            raise ValueError(f"start: {experiment.start} has no mask network; train_mask it")
    return denoiser


def _make_trainer(experiment, strategy):
    """Makes the compiled model that is trained, and the network that it trains."""
    keras.utils.set_random_seed(experiment.seed)
    with strategy.scope():
        if experiment.method.name != "plain":
            denoiser = _make_denoiser(experiment)
            return _make_meta_trainer(experiment, denoiser), denoiser
        network = RIVALS[experiment.network](dtype=_dtype(experiment))
        network.compile(
            optimizer=make_optimizer(experiment.optimizer, experiment.training.steps, _EPSILON),
            loss="mae",
            jit_compile=jit_compile(),
        )
        return network, network


def _make_meta_trainer(experiment, denoiser):
    method, steps = experiment.method, experiment.training.steps
    masks_turns = _masks_turns(method)
    if masks_turns:
        steps //= 2  # the other half is the mask network's

    def optimizer():
        return make_optimizer(experiment.optimizer, steps, epsilon=_EPSILON)

    if method.name == "maxl":
        trainer = MAXL(
            denoiser,
            steps_per_pass=method.steps_per_pass,
            learning_rate=method.learning_rate,
            gradient_weight=method.gradient_weight,
            second_order=method.second_order,
        )
        second = {"mask_optimizer": optimizer() if masks_turns else None}
    else:
        trainer = MTL(
            denoiser,
            steps=method.steps,
            learning_rate=method.learning_rate,
            inner_weight=method.inner_weight,
            outer_weight=method.outer_weight,
            adapt_body=method.adapt_body,
            every=method.every,
        )
        rate = method.rates_learning_rate
        second = {"rates_optimizer": rate and keras.optimizers.Adam(rate)}
    trainer.compile(
        optimizer=optimizer(),
        **second,
        jit_compile=jit_compile(),
    )
    return trainer


def _updates(trainer):
    if isinstance(trainer, MAXL):
        return trainer.updates
    return int(trainer.optimizer.iterations.numpy())
