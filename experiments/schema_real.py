"""What an experiment file may say of the denoising of real photographs."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from experiments.schema import Budget, Devices, Name, Optimizer, Section, Seed, refuse_test_images


class RealData(Section):
    """What is trained on.

    Attributes:
        dataset: Images for synthetic noise (`div2k`, `bsds500`, `sample`), or pairs with their own
            (`polyu`, `sidd-small`, both, `sample`).
        folder: Folder of colour images for synthetic noise, in place of `dataset`.
        noise: `synthetic` for Gaussian, speckle and salt-and-pepper noise in random order, or
            `real` for pairs.
        split: Split of the images, none that holds BSDS500's `val`, of which BSD68 is a part; of
            the pairs it is always `train`.
        patch_size: Side of a patch in pixels.
        noise_gain: Range of the factor by which the noise of each pair's patch is made stronger
            or weaker.
        unreadable: What to do where a file cannot be read or is damaged: `fail`, or `skip` to name
            it and train on the others.
    """

    dataset: (
        Literal["div2k", "bsds500", "polyu", "sidd-small", "polyu+sidd-small", "sample"] | None
    ) = None
    folder: Path | None = None
    noise: Literal["synthetic", "real"]
    split: str = "train"
    patch_size: int = Field(128, ge=8)
    noise_gain: tuple[PositiveFloat, PositiveFloat] = (1.0, 1.0)
    unreadable: Literal["fail", "skip"] = "fail"

    @pydantic.model_validator(mode="after")
    def _set_has_the_noise(self):
        pairs = ["polyu", "sidd-small", "polyu+sidd-small", "sample"]
        if self.noise == "real" and self.folder is not None:
            raise ValueError("folder is for synthetic noise; pairs are named by dataset")
        allowed = pairs if self.noise == "real" else ["div2k", "bsds500", "sample"]
        if self.folder is None and self.dataset not in allowed:
            raise ValueError(f"with noise: {self.noise}, dataset must be one of {allowed}")
        if self.noise_gain[0] > self.noise_gain[1]:
            raise ValueError("noise_gain must be a range: [low, high]")
        if self.noise == "synthetic" and self.noise_gain != (1.0, 1.0):
            raise ValueError("noise_gain is for noise: real; synthetic noise has levels of its own")
        if self.noise == "real" and self.split != "train":
            raise ValueError(
                "split is for synthetic noise; pairs of the split train are trained on"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _holds_no_test_images(self):
        refuse_test_images(self.dataset, self.split)
        return self


class MaxlMethod(Section):
    """`name: maxl`, see `meta_aux.MAXL`.

    Attributes:
        mask: Whether there is a mask network.
        train_mask: Whether it learns; otherwise, and without one, this is plain training on
            both losses.
        steps_per_pass, learning_rate, gradient_weight, second_order: See `meta_aux.MAXL`.
    """

    name: Literal["maxl"]
    mask: bool = True
    train_mask: bool = True
    steps_per_pass: int = Field(50, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    gradient_weight: float = Field(0.01, ge=0)
    second_order: bool = True


class MtlMethod(Section):
    """`name: mtl`, see `meta_aux.MTL`.

    Attributes:
        learning_rate: That of the inner steps; null for those of the weights to start from.
        rates_learning_rate: Learning rate of the inner learning rates' logarithms, or null
            where they are not learned.
        mask: Whether there is a mask network.
        steps, inner_weight, outer_weight, adapt_body, every: See `meta_aux.MTL`.
    """

    name: Literal["mtl"]
    mask: bool = True
    steps: int = Field(5, ge=1)
    learning_rate: float | None = Field(5e-5, gt=0)
    inner_weight: float = Field(10.0, gt=0)
    outer_weight: float = Field(10.0, gt=0)
    rates_learning_rate: float | None = Field(None, gt=0)
    adapt_body: bool = False
    every: int = Field(3, ge=1)

    @pydantic.model_validator(mode="after")
    def _rates_are_the_heads(self):
        if self.adapt_body and (self.learning_rate is None or self.rates_learning_rate):
            raise ValueError("adapt_body needs a learning_rate, and no rates_learning_rate")
        return self


class PlainMethod(Section):
    """`name: plain`: L1 loss of the clean image, for networks without another task."""

    name: Literal["plain"]


Precision = Literal["auto", "float32", "mixed_bfloat16"]
Method = Annotated[MaxlMethod | MtlMethod | PlainMethod, Field(discriminator="name")]
NetworkName = Literal["MultiTask", "ParallelHeads", "RIDNet", "MIRNet"]


def _check_method(network, method):
    if (method.name == "plain") != (network in ("RIDNet", "MIRNet")):
        raise ValueError(f"{network} is not trained by method {method.name}")


def _check_turns(epoch, method):
    # Else the log has lines without a loss, and the schedules fit neither network.
    if method.name == "maxl" and method.mask and method.train_mask:
        turns = 2 * method.steps_per_pass
        if epoch % turns:
            raise ValueError(f"epoch must be a multiple of 2 * method.steps_per_pass ({turns})")


def _check_mask(method):
    if method.name == "maxl" and method.mask and not method.train_mask:
        raise ValueError("train_mask: false keeps the mask of a start: give one, or mask: false")


class RealValidation(Section):
    """Scenes that are not trained on.

    Attributes:
        dataset: Pairs with a split `validation`.
        steps: Steps of adaptation to each.
    """

    dataset: Literal["polyu", "sidd-small", "sample"] = "polyu"
    steps: int = Field(5, ge=1)


class TrainReal(Section):
    """`kind: train-real`: trains a network for real photographs, and writes its weights.

    Attributes:
        name: Name of the run and of its weights.
        seed: The run's seed.
        precision: Number format of the layers; `auto` is bfloat16 where the machine is fast at it
            and the method needs no second derivatives.
        devices: `auto` for all GPUs there are, `cpu`, or a list of the GPUs' numbers.
        network: `MultiTask`, figure 4's `ParallelHeads`, or a rival without adaptation.
        start: Released weights or the path of some to start from, or null.
        data: What is trained on.
        method: How.
        optimizer: Optimizer of the network (and of the mask network in its turn).
        training: The budget; the loss is the method's own.
        validation: How it is measured.
    """

    kind: Literal["train-real"]
    name: Name
    seed: Seed = 0
    precision: Precision = "auto"
    devices: Devices = "auto"
    network: NetworkName = "MultiTask"
    start: str | None = None
    data: RealData
    method: Method
    optimizer: Optimizer = Optimizer()
    training: Budget
    validation: RealValidation = RealValidation()

    @pydantic.model_validator(mode="after")
    def _can_be_run(self):
        _check_method(self.network, self.method)
        _check_turns(self.training.epoch, self.method)
        if self.start is not None and self.method.name == "plain":
            raise ValueError(f"start: {self.network} cannot start from other weights")
        if self.start is None:
            _check_mask(self.method)
        return self


class RealRun(TrainReal):
    """A run of `train-real`.

    Attributes:
        start_sha256: That of the weights at `start`, which may be trained again.
    """

    start_sha256: str | None = None


class ScaleResidual(Section):
    """`kind: scale-residual`: makes the residual of trained weights weaker or stronger.

    The factor is that which is best on the validation pairs, before adaptation.

    Attributes:
        name: Name of the run and of its weights.
        start: Released weights or the path of some to start from.
        validation: What decides.
    """

    kind: Literal["scale-residual"]
    name: Name
    start: str
    validation: RealValidation = RealValidation()


class Stage(Section):
    """A stage of the trainings of a table.

    Attributes:
        name: What the rows call it.
        data, method, optimizer: As for `train-real`.
        batch_size: Patches in a batch.
        epoch: Updates between two checkpoints. Those that are done within the stage's time are
            counted by two epochs at first.
    """

    name: Name
    data: RealData
    method: Method
    optimizer: Optimizer = Optimizer()
    batch_size: int = Field(8, ge=1)
    epoch: int = Field(20, ge=1)

    @pydantic.model_validator(mode="after")
    def _can_be_run(self):
        _check_turns(self.epoch, self.method)
        return self


class TableRow(Section):
    """A network that is trained for a table.

    Attributes:
        title: Its name in the table.
        network: What is trained.
        stages: The stages that it goes through, each with its share of the time.
    """

    title: str
    network: NetworkName = "MultiTask"
    stages: dict[str, PositiveFloat] = Field(min_length=1)

    @pydantic.field_validator("stages")
    @classmethod
    def _shares_are_all(cls, stages):
        if abs(sum(stages.values()) - 1) > 1e-6:
            raise ValueError("the shares of the stages must add up to 1")
        return stages


class RealTable(Section):
    """`kind: real-table`: denoisers of real photographs, before and after adaptation.

    The networks of the rows are trained, all for the same time on the machine at hand, from the
    same seed. Released ones are measured beside them.

    Attributes:
        name: Name of the results.
        seed, precision, devices: As for `train-real`, of all rows.
        dataset: Pairs with a split `test`.
        validation: Pairs whose centres are measured too, by which settings may be chosen; or null.
        models: Released weights of networks that adapt, or paths of some.
        seconds: Time of each row's updates.
        stages: The stages of the rows' trainings.
        rows: What is trained.
        steps: Steps of adaptation.
        image: Name of the image that is shown.
        zoom: Top row, left column and side of the part of it that is shown, in pixels.
    """

    kind: Literal["real-table"]
    name: Name
    seed: Seed = 0
    precision: Precision = "auto"
    devices: Devices = "auto"
    dataset: Literal["nam-cc15", "nam", "sample"] = "nam-cc15"
    validation: Literal["polyu", "sidd-small", "sample"] | None = None
    models: tuple[str, ...] = ()
    seconds: int = Field(600, ge=1)
    stages: tuple[Stage, ...] = ()
    rows: tuple[TableRow, ...] = ()
    steps: int = Field(5, ge=1)
    image: str = "5dmark3_iso3200_1"
    zoom: tuple[NonNegativeInt, NonNegativeInt, PositiveInt] = (128, 128, 256)

    @pydantic.model_validator(mode="after")
    def _can_be_made(self):
        if not self.models and not self.rows:
            raise ValueError("there must be models or rows")
        if self.rows and self.validation is None:
            raise ValueError("rows need a validation")
        stages = {stage.name: stage for stage in self.stages}
        if len(stages) < len(self.stages):
            raise ValueError("two stages have the same name")
        for row in self.rows:
            for name in row.stages:
                if name not in stages:
                    raise ValueError(f"rows: {row.title}: there is no stage {name!r}")
                _check_method(row.network, stages[name].method)
            masked = False
            for name in row.stages:
                method = stages[name].method
                if not masked:
                    _check_mask(method)
                masked = method.name != "plain" and method.mask
            if row.network in ("RIDNet", "MIRNet") and len(row.stages) > 1:
                raise ValueError(f"rows: {row.title}: {row.network} has a single stage")
        return self
