"""What an experiment file may say, and how it is read.

An experiment file is YAML. Its `kind` decides which of the classes below describes it; every key
is checked for its name, type and range before anything runs.
"""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml
from pydantic import Field

from experiments.published import TABLE1_SNR


class ExperimentError(ValueError):
    """An experiment file, or a `--set`, that cannot be run; the message is one line."""


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


Sigma = Annotated[float, Field(ge=0, le=255)]


class Data(_Section):
    """Images and the noisy patches cut from them.

    Attributes:
        dataset: Name of a data set, see `dncnn_keras.datasets`.
        folder: Folder of the user's own images, in place of `dataset`.
        holdout: Number of images, spread evenly over the set, kept out of training and used for
            validation.
        patch_size: Side of a patch in pixels.
        scales: Factors by which every image is also resized.
        sigma: One noise level, or the range `[low, high]` of a blind denoiser.
    """

    dataset: Literal["bsd400", "bsds500", "sample"] = "bsd400"
    folder: Path | None = None
    holdout: int = Field(12, ge=1)
    patch_size: int = Field(40, ge=8)
    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (1.0, 0.9, 0.8, 0.7)
    sigma: Sigma | tuple[Sigma, Sigma] = (5.0, 90.0)

    @pydantic.field_validator("sigma")
    @classmethod
    def _is_ordered(cls, sigma):
        if isinstance(sigma, tuple) and sigma[0] > sigma[1]:
            raise ValueError("the range must be [low, high] with low <= high")
        return sigma


class Network(_Section):
    """Arguments of `dncnn_keras.DnCNN`."""

    depth: int = Field(17, ge=2)
    filters: int = Field(64, ge=1)
    channels: Literal[1, 3] = 1


class Optimizer(_Section):
    """How the weights are updated.

    Attributes:
        name: Optimizer.
        learning_rate: Its peak.
        warmup: Share of all steps over which the rate rises linearly from zero to the peak.
        schedule: What it does then: stays, or falls to zero along half a cosine.
    """

    name: Literal["adam"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.0, ge=0, lt=1)
    schedule: Literal["constant", "cosine"] = "cosine"


class Training(_Section):
    """Budget of a training and its loss.

    Attributes:
        steps: Number of updates.
        batch_size: Patches in each, over all devices together.
        epoch: Updates between two checkpoints (and lines of the log).
        validate_every: Epochs between two validations.
        loss: Mean squared or mean absolute error.
    """

    steps: int = Field(ge=1)
    batch_size: int = Field(128, ge=1)
    epoch: int = Field(100, ge=1)
    validate_every: int = Field(5, ge=1)
    loss: Literal["mse", "mae"] = "mse"

    @pydantic.model_validator(mode="after")
    def _epochs_are_whole(self):
        if self.steps % self.epoch:
            raise ValueError(f"steps ({self.steps}) must be a multiple of epoch ({self.epoch})")
        return self


class TrainDnCNN(_Section):
    """`kind: train-dncnn`: trains a DnCNN and writes its weights for `load_pretrained`."""

    kind: Literal["train-dncnn"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(0, ge=0)
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    devices: Literal["auto", "cpu"] | list[Annotated[int, Field(ge=0)]] = "auto"
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    training: Training
    validation_sigmas: tuple[Sigma, ...] = (15.0, 25.0, 50.0)


class Visual(_Section):
    """The visual comparison: an image, a sigma, and a square of it that is zoomed.

    Attributes:
        image: Name of the image in its data set.
        sigma: Noise level.
        zoom: Top row, left column and side of the square, in pixels.
    """

    image: str = "bsd68/test007"
    sigma: Sigma = 15.0
    zoom: tuple[int, int, int] = (105, 180, 70)


class Table1(_Section):
    """`kind: table1`: measures denoisers beside the first paper's Table 1.

    Attributes:
        name: Name of the experiment.
        seed: Seed of the noise.
        dataset: Data set with a split `test`.
        sigmas: Noise levels, or `all` for the paper's twelve.
        protocol: `honest`, or `paper` to repeat the paper's two mistakes (SSIM of the networks
            with a data range of 2, BM3D on clipped 8-bit input).
        models: Released models, or paths of `.weights.h5` files with their `.json` beside them.
        recompute: Whether to measure the slow methods anew, not use their kept results.
        visual: The visual comparison (the paper's Table 2).
    """

    kind: Literal["table1"]
    name: str = "table1"
    seed: int = Field(0, ge=0)
    dataset: Literal["bsd80", "bsd68", "set12"] = "bsd80"
    sigmas: tuple[Sigma, ...] | Literal["all"] = (15.0, 25.0, 50.0)
    protocol: Literal["honest", "paper"] = "honest"
    models: tuple[str, ...] = ("dncnn-blind", "dncnn-blind-meta")
    recompute: bool = False
    visual: Visual = Visual()

    @pydantic.field_validator("sigmas")
    @classmethod
    def _write_out(cls, sigmas):
        return tuple(map(float, TABLE1_SNR)) if sigmas == "all" else sigmas


class CheckHarness(_Section):
    """`kind: check-harness`: the authors' DnCNN-S must give its published PSNR here.

    Attributes:
        name: Name of the experiment.
        seed: Seed of the noise.
        tolerance: Largest difference in dB that passes.
    """

    kind: Literal["check-harness"]
    name: str = "check-harness"
    seed: int = Field(0, ge=0)
    tolerance: float = Field(0.03, gt=0)


KINDS = {"train-dncnn": TrainDnCNN, "table1": Table1, "check-harness": CheckHarness}


def read_experiment(path, overrides=()):
    """Reads and checks an experiment file.

    Args:
        path: Path of the YAML file.
        overrides: Strings `"key.key=value"` that replace or add a value, as given by `--set`.

    Returns:
        An object of the class that the file's `kind` names.

    Raises:
        ExperimentError: With one line naming the file, the key and what is allowed.

    Example:

    >>> read_experiment("experiments/dncnn_blind.yaml", ["training.steps=100"])
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise ExperimentError(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(values, dict):
        raise ExperimentError(f"{path}: must hold `key: value` lines, the first `kind: ...`")
    for override in overrides:
        _override(values, override)
    kind = values.get("kind")
    if kind not in KINDS:
        raise ExperimentError(f"{path}: kind: must be one of {', '.join(KINDS)}; got {kind!r}")
    try:
        return KINDS[kind].model_validate(values)
    except pydantic.ValidationError as error:
        raise ExperimentError(f"{path}: {_explain(error, KINDS[kind])}") from None


def _override(values, override):
    keys, equals, value = override.partition("=")
    if not equals or not keys:
        raise ExperimentError(f"--set {override}: must have the form key.key=value")
    *sections, last = keys.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ExperimentError(f"--set {override}: {section} is a value, not a section")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ExperimentError(f"--set {override}: {value!r} is not a YAML value") from None


def _explain(error, kind):
    """The first complaint of pydantic's in one line; a misspelt key also leaves one missing."""
    complaint = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    path = [part for part in complaint["loc"] if isinstance(part, str) and "[" not in part]
    if complaint["type"] != "extra_forbidden":
        message = complaint["msg"].removeprefix("Value error, ")
        return f"{'.'.join(path) or 'experiment'}: {message}; got {complaint['input']!r}"
    section = kind
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    allowed = ", ".join(section.model_fields)
    return f"{'.'.join(path)}: no such key; allowed here: {allowed}"
