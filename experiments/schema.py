"""What an experiment file may say of DnCNN and of learned optimizers.

The file's `kind` decides which of the classes describes it (see `read_experiment.py`).
"""

import math
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import pydantic
from pydantic import Field

from experiments.published import TABLE1_SNR


class Section(pydantic.BaseModel):
    """Base class: no unknown keys, no NaN or infinity, and no changes later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Sigma = Annotated[float, Field(ge=0, le=255)]
# See `strategy.make_strategy`.
Devices = Literal["auto", "cpu"] | list[Annotated[int, Field(ge=0)]]


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

    steps: int = Field(ge=1)
    batch_size: int = Field(128, ge=1)
    epoch: int = Field(100, ge=1)
    validate_every: int = Field(5, ge=1)

    @pydantic.model_validator(mode="after")
    def _epochs_are_whole(self):
        if self.steps % self.epoch:
            raise ValueError(f"steps ({self.steps}) must be a multiple of epoch ({self.epoch})")
        return self


class Training(Budget):
    """Budget of a training of DnCNN, and its loss: mean squared or mean absolute error."""

    loss: Literal["mse", "mae"] = "mse"


class QuadraticsTask(Section):
    """`task: quadratics`, see `learned_optim.tasks.quadratic`."""

    task: Literal["quadratics"]
    functions: int = Field(128, ge=1)
    dimensions: int = Field(10, ge=1)
    scaling: float = Field(1.0, ge=1)


class MnistTask(Section):
    """`task: mnist`, see `learned_optim.tasks.mnist`."""

    task: Literal["mnist"]
    units: int = Field(20, ge=1)
    layers: int = Field(2, ge=1)
    activation: Literal["sigmoid", "relu", "tanh"] = "sigmoid"
    batch_size: int = Field(128, ge=1)
    scaling: float = Field(1.0, ge=1)


class DnCNNTask(Section):
    """`task: dncnn`, see `learned_optim.tasks.denoising`; `scaling` as in `RandomScaling`."""

    task: Literal["dncnn"]
    depth: int = Field(17, ge=2)
    filters: int = Field(16, ge=1)
    patch_size: int = Field(40, ge=8)
    sigma: Sigma | tuple[Sigma, Sigma] = (5.0, 90.0)
    batch_size: int = Field(16, ge=1)
    loss: Literal["mse", "mae"] = "mae"
    scaling: float = Field(1.0, ge=1)


Task = Annotated[QuadraticsTask | MnistTask | DnCNNTask, Field(discriminator="task")]

T = TypeVar("T")
# A single choice may be written without brackets.
Choices = Annotated[
    tuple[T, ...],
    Field(min_length=1),
    pydantic.BeforeValidator(lambda given: given if isinstance(given, list) else [given]),
]


class DnCNNTasks(DnCNNTask):
    """`task: dncnn` in a meta-training: one such task, or several drawn from a distribution.

    Attributes:
        depth, filters, patch_size, batch_size: A number, or a list of choices.
        draw: How many of all combinations of the choices are drawn; each, all different, is a task.
    """

    depth: Choices[Annotated[int, Field(ge=2)]] = (17,)
    filters: Choices[Annotated[int, Field(ge=1)]] = (16,)
    patch_size: Choices[Annotated[int, Field(ge=8)]] = (40,)
    batch_size: Choices[Annotated[int, Field(ge=1)]] = (16,)
    draw: int | None = Field(None, ge=1)

    @property
    def choices(self):
        """What there is to choose, as a dict of tuples without repetitions."""
        keys = ("depth", "filters", "patch_size", "batch_size")
        return {key: tuple(dict.fromkeys(getattr(self, key))) for key in keys}

    @pydantic.model_validator(mode="after")
    def _can_be_drawn(self):
        combinations = math.prod(len(values) for values in self.choices.values())
        if self.draw is None and combinations > 1:
            raise ValueError(f"lists need draw: how many of their {combinations} combinations")
        if self.draw and self.draw > combinations:
            raise ValueError(f"draw ({self.draw}) must be at most {combinations}, all combinations")
        return self


class MetaTraining(Section):
    """How a rule is meta-trained, see `learned_optim.MetaTrainer`.

    Attributes:
        updates: Number of meta-updates.
        epoch: Meta-updates between two checkpoints (and lines of the log).
        window, horizons, estimator, log_loss, second_order, pes_sigma, pes_pairs, patience: See
            `MetaTrainer`.
        rate: Learning rate at which the rule is used, by default the rule's own.
        schedule: What the rate does over a horizon.
        imitation: Weight of Adam's imitation and Adam's learning rate, or null.
        live: Number of tasks that are optimised at a time, while the others rest, or null for all.
        learning_rate: Peak of the meta-optimizer's (Adam's) learning rate, which falls to a tenth
            along half a cosine.
        clipnorm: Bound of the meta-gradient's norm.
    """

    updates: int = Field(ge=1)
    epoch: int = Field(50, ge=1)
    window: int = Field(20, ge=1)
    horizons: tuple[Annotated[int, Field(ge=1)], ...] = Field((100,), min_length=1)
    live: int | None = Field(None, ge=1)
    rate: float | None = Field(None, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    estimator: Literal["tbptt", "pes"] = "tbptt"
    log_loss: bool = True
    second_order: bool = False
    imitation: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] | None = None
    pes_sigma: float = Field(0.01, gt=0)
    pes_pairs: int = Field(1, ge=1)
    patience: int = Field(10, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    clipnorm: float = Field(1.0, gt=0)

    @pydantic.model_validator(mode="after")
    def _is_whole(self):
        if self.updates % self.epoch:
            raise ValueError(f"updates ({self.updates}) must be a multiple of epoch ({self.epoch})")
        if any(horizon % self.window for horizon in self.horizons):
            raise ValueError(f"horizons must be multiples of window ({self.window})")
        if self.estimator == "pes" and (not self.log_loss or self.imitation or self.second_order):
            raise ValueError(
                "log_loss: false, imitation and second_order are of estimator tbptt alone"
            )
        return self


class HeldOut(Section):
    """Whole optimisation runs by which the best weights are chosen.

    Attributes:
        tasks: The tasks.
        steps: Steps of a run.
        seeds: Runs of each task.
        every: Epochs of meta-training between two such trials.
    """

    tasks: tuple[Task, ...] = Field(min_length=1)
    steps: int = Field(100, ge=1)
    seeds: int = Field(1, ge=1)
    every: int = Field(5, ge=1)


class MetaTrain(Section):
    """`kind: meta-train`: meta-trains a rule and writes its weights for `LearnedOptimizer`.

    Attributes:
        name: Name of the rule's release and of the run.
        seed: The run's seed.
        devices: `auto` for all GPUs there are, `cpu`, or a list of the GPUs' numbers; the tasks
            are dealt to them.
        rule: Kind of rule, a key of `learned_optim.rules.RULES`.
        data: Images of the `dncnn` tasks.
        digits: Digits of the `mnist` tasks.
        tasks: What the rule is meta-trained on.
        training: How.
        held_out: By what the weights are chosen.
    """

    kind: Literal["meta-train"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(0, ge=0)
    devices: Devices = "auto"
    rule: Literal["andrychowicz", "rnnprop", "adam", "orthogonal"] = "orthogonal"
    data: Data = Data()
    digits: Literal["mnist", "digits"] = "mnist"
    tasks: tuple[
        Annotated[QuadraticsTask | MnistTask | DnCNNTasks, Field(discriminator="task")], ...
    ] = Field(min_length=1)
    training: MetaTraining
    held_out: HeldOut

    @pydantic.model_validator(mode="after")
    def _has_tasks_to_live(self):
        tasks = sum(task.draw or 1 if task.task == "dncnn" else 1 for task in self.tasks)
        live = self.training.live
        if live and live > tasks:
            raise ValueError(f"training.live ({live}) must be at most {tasks}, all tasks")
        return self


class TrainDnCNN(Section):
    """`kind: train-dncnn`: trains a DnCNN and writes its weights for `load_pretrained`."""

    kind: Literal["train-dncnn"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(0, ge=0)
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    devices: Devices = "auto"
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    training: Training
    validation_sigmas: tuple[Sigma, ...] = (15.0, 25.0, 50.0)


class Visual(Section):
    """The visual comparison: an image, a sigma, and a square of it that is zoomed.

    Attributes:
        image: Name of the image in its data set.
        sigma: Noise level.
        zoom: Top row, left column and side of the square, in pixels.
    """

    image: str = "bsd68/test007"
    sigma: Sigma = 15.0
    zoom: tuple[int, int, int] = (105, 180, 70)


class Table1(Section):
    """`kind: table1`: measures denoisers beside the first paper's Table 1.

    Attributes:
        name: Name of the experiment.
        seed: Seed of the noise.
        dataset: Data set with a split `test`.
        sigmas: Noise levels, or `all` for the paper's twelve.
        protocol: `honest`, or `paper` to repeat the paper's two mistakes (SSIM of the networks
            with a data range of 2, BM3D on clipped 8-bit input).
        models: Released models, or paths of `.weights.h5` files with their `.json` beside them.
        devices: `auto` for all GPUs there are, `cpu`, or a list of the GPUs' numbers; the networks'
            images are dealt to them.
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
    name: str = "check-harness"
    seed: int = Field(0, ge=0)
    devices: Devices = "auto"
    tolerance: float = Field(0.03, gt=0)


class Comparison(Section):
    """A figure of optimizers side by side on one task.

    Attributes:
        title: Title of the panel.
        task: The task, unscaled: its own losses are shown.
        steps: Steps of each run.
    """

    title: str
    task: Annotated[QuadraticsTask | MnistTask, Field(discriminator="task")]
    steps: int = Field(100, ge=1)

    @pydantic.field_validator("task")
    @classmethod
    def _is_unscaled(cls, task):
        if task.scaling != 1:
            raise ValueError(f"the scaling of a figure's task must be 1, got {task.scaling:g}")
        return task


class CompareOptimizers(Section):
    """`kind: compare-optimizers`: learned rules beside tuned optimizers (figures 3 and 4).

    Every baseline runs at every learning rate of its grid on the tuning seeds, and with the best
    of them on the seeds that are reported. The learned rule runs at the rate that it was released
    with.

    Attributes:
        name: Name of the results, `results/NAME.json`, `.md` and `.png`.
        rules: Released rules or paths of weights.
        panels: The tasks.
        digits: Digits of the `mnist` tasks; `auto` is MNIST where it can be had, else the bundled
            small digits, with a notice and the results in `runs/`.
        baselines: For each optimizer the exponents of the grid's first and last learning rate,
            in base 10; the grid has two rates a decade.
        tuning_seeds: Runs for each learning rate.
        seeds: Runs that are reported.
    """

    kind: Literal["compare-optimizers"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    rules: tuple[str, ...] = Field(min_length=1)
    panels: tuple[Comparison, ...] = Field(min_length=1)
    digits: Literal["auto", "mnist", "digits"] = "auto"
    baselines: dict[Literal["sgd", "momentum", "rmsprop", "adagrad", "adam"], tuple[float, float]]
    tuning_seeds: int = Field(3, ge=1)
    seeds: int = Field(10, ge=1)


class Contender(Section):
    """An optimizer of the claim test.

    Attributes:
        title: Its name in table and figure.
        optimizer: What it is; its learning rate and schedule are tuned where there are grids.
        learning_rates: Grid of learning rates; empty for a learned rule, which runs as released.
        schedules: Grid of schedules; empty for the optimizer's own.
    """

    title: str
    optimizer: Optimizer
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    schedules: tuple[Literal["constant", "cosine"], ...] = ()


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
        reference: Title of the contender whose final PSNR the others are timed to.
        seeds: Runs that are reported.
        curve: Points of each run's validation curve.
    """

    kind: Literal["race-dncnn"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    data: Data = Data()
    network: Network = Network()
    loss: Literal["mse", "mae"] = "mae"
    batch_size: int = Field(32, ge=1)
    validation_sigmas: tuple[Sigma, ...] = (15.0, 25.0, 50.0)
    horizons: tuple[Annotated[int, Field(ge=10)], ...] = (300, 1000, 3000)
    contenders: tuple[Contender, ...] = Field(min_length=2)
    reference: str
    seeds: int = Field(3, ge=1)
    curve: int = Field(10, ge=1)

    @pydantic.model_validator(mode="after")
    def _can_be_run(self):
        if self.reference not in [contender.title for contender in self.contenders]:
            raise ValueError(f"reference {self.reference!r} is not the title of a contender")
        if any(horizon % self.curve for horizon in self.horizons):
            raise ValueError(f"horizons must be multiples of curve ({self.curve})")
        return self
