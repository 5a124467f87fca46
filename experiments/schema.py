"""What experiment files of several kinds may say.

A file's `kind` decides which class of `schema_dncnn.py`, `schema_tasks.py` or `schema_real.py`
describes it (see `read_experiment.py`).
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import Field


class Section(pydantic.BaseModel):
    """Base class: no unknown keys, no NaN or infinity, and no changes later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _check_devices(devices):
    numbers = isinstance(devices, list | tuple) and all(type(each) is int for each in devices)
    if devices not in ("auto", "cpu") and not (
        numbers and devices and min(devices) >= 0 and len({*devices}) == len(devices)
    ):
        raise ValueError("must be auto, cpu, or a list of different GPU numbers")
    return devices


# Of a run or a result, and so of its files and folders.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
# NumPy's global generator, which Keras seeds too, takes no others.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Sigma = Annotated[float, Field(ge=0, le=255)]
# See `strategy.make_strategy`.
Devices = Annotated[Literal["auto", "cpu"] | list[int], pydantic.BeforeValidator(_check_devices)]


class Data(Section):
    """Images and the noisy patches cut from them.

    Attributes:
        dataset: Name of a data set, see `dncnn_keras.datasets`.
        folder: Folder of the user's own images, in place of `dataset`.
        holdout: Number of images, spread evenly over the set, kept out of training and used for
            validation.
        patch_size: Side of a patch in pixels.
        scales: Factors by which every image is also resized.
        sigma: One noise level, or the range `[low, high]` of a blind denoiser.
        unreadable: What to do where a file of the folder cannot be read or is damaged: `fail`, or
            `skip` to name it and go on without it.
    """

    dataset: Literal["bsd400", "bsds500", "sample"] = "bsd400"
    folder: Path | None = None
    holdout: int = Field(12, ge=1)
    patch_size: int = Field(40, ge=8)
    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0, 0.9, 0.8, 0.7), min_length=1
    )
    sigma: Sigma | tuple[Sigma, Sigma] = (5.0, 90.0)
    unreadable: Literal["fail", "skip"] = "fail"

    @pydantic.field_validator("sigma")
    @classmethod
    def _is_ordered(cls, sigma):
        if isinstance(sigma, tuple) and sigma[0] > sigma[1]:
            raise ValueError("the range must be [low, high] with low <= high")
        return sigma


def refuse_test_images(dataset, split):
    """Raises a `ValueError` where images that are trained on would be tested on, too."""
    if dataset == "bsds500" and ("val" in split or "all" in split):
        raise ValueError("split: the val images of bsds500 hold BSD68, which is for tests")
    if dataset == "sample" and split != "train":
        raise ValueError("split: of the sample only train is not for tests")


class ColourImages(Section):
    """Colour images that noise is added to.

    Attributes:
        dataset: Name of a data set, see `dncnn_keras.datasets`.
        folder: Folder of the user's own images, in place of `dataset`.
        split: Split of the data set.
        unreadable: As for `Data`.
    """

    dataset: Literal["div2k", "bsds500", "sample"] = "bsds500"
    folder: Path | None = None
    split: str = "train"
    unreadable: Literal["fail", "skip"] = "fail"

    @pydantic.model_validator(mode="after")
    def _holds_no_test_images(self):
        refuse_test_images(self.dataset, self.split)
        return self


class Network(Section):
    """Arguments of `dncnn_keras.DnCNN`."""

    depth: int = Field(17, ge=2)
    filters: int = Field(64, ge=1)
    channels: Literal[1, 3] = 1


class Optimizer(Section):
    """How the weights are updated.

    Attributes:
        name: Optimizer; `sgd` has a momentum of 0.9, `learned` is `LearnedOptimizer`.
        learning_rate: Its peak; by default 1e-3, or the rate that a learned rule is meant for.
        weights: Rule of `learned`: a released one, or the path of its weights.
        weight_decay: Decoupled weight decay.
        warmup: Share of all steps over which the rate rises linearly from zero to the peak.
        schedule: What it does then: stays, or falls to zero along half a cosine.
    """

    name: Literal["adam", "adamw", "sgd", "orthogonal-momentum", "learned"] = "adam"
    learning_rate: float | None = Field(None, gt=0)
    weights: str = "default"
    weight_decay: float | None = Field(None, gt=0)
    warmup: float = Field(0.0, ge=0, lt=1)
    schedule: Literal["constant", "cosine"] = "cosine"


class Budget(Section):
    """Budget of a training.

    Attributes:
        steps: Number of updates.
        batch_size: Patches in each, over all devices together.
        epoch: Updates between two checkpoints (and lines of the log).
        validate_every: Epochs between two validations.
    """

    unit: ClassVar[str] = "steps"
    steps: int = Field(ge=1)
    batch_size: int = Field(128, ge=1)
    epoch: int = Field(100, ge=1)
    validate_every: int = Field(5, ge=1)

    @pydantic.model_validator(mode="after")
    def _epochs_are_whole(self):
        if self.steps % self.epoch:
            raise ValueError(f"steps ({self.steps}) must be a multiple of epoch ({self.epoch})")
        return self
