"""What an experiment file may say of DnCNN: training, measurement, the optimizers' race."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field, NonNegativeInt, PositiveInt

from dncnn_keras.weight_files import SUFFIX
from experiments.published import TABLE1_SNR
from experiments.schema import (
    Budget,
    Data,
    Devices,
    Name,
    Network,
    Optimizer,
    Section,
    Seed,
    Sigma,
)
from experiments.schema_tasks import MetaTrain

# Of the runs that choose a rival's learning rate; those that are reported begin at seed 0.
TUNING_SEED = 100

Sigmas = Annotated[tuple[Sigma, ...], Field(min_length=1)]
# Without noise the SNR and the noisy image's PSNR are infinite.
NoisySigmas = Annotated[tuple[Annotated[Sigma, Field(gt=0)], ...], Field(min_length=1)]


class Training(Budget):
    """Budget of a training of DnCNN, and how it is measured.

    Attributes:
        loss: Mean squared or mean absolute error.
        recompute_batch_norm: Number of batches over which the statistics of batch normalization
            are computed anew before each validation and at the end; 0 for the moving averages.
    """

    loss: Literal["mse", "mae"] = "mse"
    recompute_batch_norm: int = Field(0, ge=0)


class TrainDnCNN(Section):
    """`kind: train-dncnn`: trains a DnCNN and writes its weights for `load_pretrained`.

    Attributes:
        name: Name of the run and of its weights.
        seed: The run's seed: of its initial weights, patches and noise.
        precision: Number format of the layers; `auto` is bfloat16 where the machine is fast at it.
        devices: `auto` for all GPUs there are, `cpu`, or a list of the GPUs' numbers.
        start: Released weights or the path of some to start from, or null.
        data: What is trained on.
        network: What is trained.
        optimizer: How its weights are updated.
        training: The budget.
        validation_sigmas: Noise levels of the validation.
    """

    kind: Literal["train-dncnn"]
    name: Name
    seed: Seed = 0
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    devices: Devices = "auto"
    start: str | None = None
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    training: Training
    validation_sigmas: Sigmas = (15.0, 25.0, 50.0)


class ContinuedRun(TrainDnCNN):
    """A run of `train-dncnn` that starts from weights.

    Attributes:
        start_sha256: That of the weights at `start`, which may be trained again.
    """

    start_sha256: str


class Visual(Section):
    """The visual comparison: an image, a sigma, and a square of it that is zoomed.

    Attributes:
        image: Name of the image in its data set, by default the paper's or else the first.
        sigma: Noise level.
        zoom: Top row, left column and side of the square, in pixels.
    """

    image: str = "bsd68/test007"
    sigma: Sigma = 15.0
    zoom: tuple[NonNegativeInt, NonNegativeInt, PositiveInt] = (105, 180, 70)


class Table1(Section):
    """`kind: table1`: measures denoisers beside the first paper's Table 1.

    Attributes:
        name: Name of the results.
        seed: Seed of the noise.
        dataset: Data set with a split `test`.
        sigmas: Noise levels, or `all` for the paper's twelve.
        protocol: `honest`, or `paper` to repeat the paper's two mistakes (SSIM of the networks
            with a data range of 2, BM3D on clipped 8-bit input).
        classical: Whether NLM, K-SVD and BM3D, which are slow, stand beside the networks; without
            them the table is `NAME_networks`, without pictures but that of PSNR over sigma.
        models: Released models, or paths of `.weights.h5` files with their `.json` beside them.
        devices: `auto` for all GPUs there are, `cpu`, or a list of the GPUs' numbers; the networks'
            images are dealt to them.
        recompute: Whether to measure the slow methods anew, not use their kept results.
        visual: The visual comparison (the paper's Table 2).
    """

    kind: Literal["table1"]
    name: Name = "table1"
    seed: Seed = 0
    dataset: Literal["bsd80", "bsd68", "set12"] = "bsd80"
    sigmas: NoisySigmas | Literal["all"] = (15.0, 25.0, 50.0)
    protocol: Literal["honest", "paper"] = "honest"
    classical: bool = True
    models: tuple[str, ...] = ("dncnn-blind", "dncnn-blind-meta")
    devices: Devices = "auto"
    recompute: bool = False
    visual: Visual = Visual()

    @pydantic.field_validator("sigmas")
    @classmethod
    def _write_out(cls, sigmas):
        return tuple(map(float, TABLE1_SNR)) if sigmas == "all" else sigmas


class CheckHarness(Section):
    """`kind: check-harness`: the authors' DnCNN-S must give its published PSNR here.

    Attributes:
        name: Name of the experiment.
        seed: Seed of the noise.
        devices: As for `table1`.
        tolerance: Largest difference in dB that passes.
    """

    kind: Literal["check-harness"]
    name: Name = "check-harness"
    seed: Seed = 0
    devices: Devices = "auto"
    tolerance: float = Field(0.03, gt=0)


class Contender(Section):
    """An optimizer of the claim test.

    Attributes:
        title: Its name in table and figure.
        optimizer: What it is; its learning rate and schedule are tuned where there are grids.
        meta_train: How the rule of `learned` is meta-trained before its first run, in place of
            weights that are there.
        learning_rates: Grid of learning rates; empty for a learned rule, which runs as released.
        schedules: Grid of schedules; empty for the optimizer's own.
        share_of_steps: What it gets of the others' updates, its schedule included.
    """

    title: str
    optimizer: Optimizer
    meta_train: MetaTrain | None = None
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    schedules: tuple[Literal["constant", "cosine"], ...] = ()
    share_of_steps: float = Field(1.0, gt=0, le=1)

    @property
    def rule_name(self):
        """Name of the rule of an optimizer `learned`, else `None`."""
        if self.optimizer.name != "learned":
            return None
        if self.meta_train:
            return self.meta_train.name
        return Path(self.optimizer.weights).name.removesuffix(SUFFIX)

    def steps(self, horizon):
        """Number of updates that it gets at a horizon."""
        return round(self.share_of_steps * horizon)

    @pydantic.model_validator(mode="after")
    def _has_one_rule(self):
        if self.optimizer.name == "learned" and self.learning_rates:
            raise ValueError("learning_rates are for rivals: a learned rule runs as released")
        if self.meta_train and self.optimizer.model_dump(include={"name", "weights"}) != {
            "name": "learned",
            "weights": "default",
        }:
            raise ValueError("meta_train is for an optimizer `learned` without weights")
        return self


class RaceRun(TrainDnCNN):
    """A run of a race.

    Attributes:
        meta_train: How the rule is made, where the race makes it.
        rule: What a rule that is there before the race is, or the arguments of
            `OrthogonalMomentum`: a new release of either makes other runs.
    """

    meta_train: MetaTrain | None = None
    rule: dict[str, str | float | bool] | None = None


class RaceDnCNN(Section):
    """`kind: race-dncnn`: the claim test, DnCNN trained by a learned rule and by tuned rivals.

    At every horizon each contender is tuned on a seed of its own, and then runs with the best
    setting on the seeds that are reported: same initial weights, patches and noise for all.
    Every run is kept in `results/NAME/`, so that a stopped race goes on where it was.

    Attributes:
        name: Name of the results.
        data, network, loss, batch_size, validation_sigmas: As for `train-dncnn`.
        horizons: Numbers of updates.
        contenders: The optimizers.
        seeds: Runs that are reported.
        curve: Points of each run's validation curve.
    """

    kind: Literal["race-dncnn"]
    name: Name
    data: Data = Data()
    network: Network = Network()
    loss: Literal["mse", "mae"] = "mae"
    batch_size: int = Field(32, ge=1)
    validation_sigmas: Sigmas = (15.0, 25.0, 50.0)
    horizons: tuple[Annotated[int, Field(ge=10)], ...] = Field((300, 1000, 3000), min_length=1)
    contenders: tuple[Contender, ...] = Field(min_length=2)
    seeds: int = Field(3, ge=1, le=TUNING_SEED)
    curve: int = Field(10, ge=1)

    @pydantic.model_validator(mode="after")
    def _can_be_run(self):
        titles = [contender.title for contender in self.contenders]
        if len({*titles}) < len(titles):
            raise ValueError("two contenders have the same title")
        # Their runs are kept under these.
        names = [
            (each.optimizer.name, each.rule_name, each.share_of_steps) for each in self.contenders
        ]
        for name in {*names}:
            if names.count(name) > 1:
                raise ValueError(f"two contenders are a {name[0]} of the same rule and steps")
        for contender in self.contenders:
            steps = [contender.steps(horizon) for horizon in self.horizons]
            if any(not each or each % self.curve for each in steps):
                raise ValueError(
                    f"{contender.title}: steps ({', '.join(map(str, steps))}) must be multiples "
                    f"of curve ({self.curve})"
                )
        return self
