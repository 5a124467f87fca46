"""What an experiment file may say of learned optimizers: tasks, meta-training, comparison."""

import math
from typing import Annotated, ClassVar, Literal, TypeVar

import pydantic
from pydantic import Field

from experiments.schema import ColourImages, Data, Devices, Name, Section, Seed, Sigma


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


class MnistCnnTask(Section):
    """`task: mnist-cnn`, see `learned_optim.tasks.mnist_cnn`."""

    task: Literal["mnist-cnn"]
    batch_size: int = Field(128, ge=1)


class PhotographsTask(Section):
    """`task: photographs`, see `photographs_task`."""

    task: Literal["photographs"]
    patch_size: int = Field(64, ge=8)
    batch_size: int = Field(4, ge=1)


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
        window, horizons, trained, estimator, log_loss, second_order, pes_sigma, pes_pairs,
            patience: See `MetaTrainer`.
        rate: Learning rate at which the rule is used, by default the rule's own.
        schedule: What the rate does over a horizon.
        live: Number of tasks that are optimised at a time, while the others rest, or null for all.
        learning_rate: Peak of the meta-optimizer's (Adam's) learning rate, which falls to a tenth
            along half a cosine.
        clipnorm: Bound of the meta-gradient's norm.
    """

    unit: ClassVar[str] = "updates"
    updates: int = Field(ge=1)
    epoch: int = Field(50, ge=1)
    window: int = Field(20, ge=1)
    horizons: tuple[Annotated[int, Field(ge=1)], ...] = Field((100,), min_length=1)
    live: int | None = Field(None, ge=1)
    rate: float | None = Field(None, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    trained: Literal["all", "head"] = "all"
    estimator: Literal["tbptt", "pes"] = "tbptt"
    log_loss: bool = True
    second_order: bool = False
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
        if self.estimator == "pes" and (not self.log_loss or self.second_order):
            raise ValueError("log_loss: false and second_order are of estimator tbptt alone")
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
        data: Images of the `dncnn` tasks, which say themselves what patches and noise they take.
        digits: Digits of the `mnist` tasks.
        tasks: What the rule is meta-trained on.
        training: How.
        held_out: By what the weights are chosen.
    """

    kind: Literal["meta-train"]
    name: Name
    seed: Seed = 0
    devices: Devices = "auto"
    rule: Literal["andrychowicz", "rnnprop", "adam", "orthogonal", "orthogonal-lengths"] = (
        "orthogonal"
    )
    data: Data = Data()
    digits: Literal["mnist", "digits"] = "mnist"
    tasks: tuple[
        Annotated[QuadraticsTask | MnistTask | DnCNNTasks, Field(discriminator="task")], ...
    ] = Field(min_length=1)
    training: MetaTraining
    held_out: HeldOut

    @pydantic.field_validator("data")
    @classmethod
    def _says_nothing_of_patches(cls, data):
        for key in ("patch_size", "sigma", "scales"):
            if getattr(data, key) != Data.model_fields[key].default:
                raise ValueError(f"{key}: a meta-training does not look at it, but at its tasks")
        return data

    @pydantic.model_validator(mode="after")
    def _has_tasks_to_live(self):
        tasks = sum(task.draw or 1 if task.task == "dncnn" else 1 for task in self.tasks)
        live = self.training.live
        if live and live > tasks:
            raise ValueError(f"training.live ({live}) must be at most {tasks}, all tasks")
        return self


class Comparison(Section):
    """A figure of optimizers side by side on one task.

    Attributes:
        title: Title of the panel.
        task: The task, unscaled: its own losses are shown.
        steps: Steps of each run.
    """

    title: str
    task: Annotated[
        QuadraticsTask | MnistTask | MnistCnnTask | PhotographsTask, Field(discriminator="task")
    ]
    steps: int = Field(100, ge=1)

    @pydantic.field_validator("task")
    @classmethod
    def _is_unscaled(cls, task):
        scaling = getattr(task, "scaling", 1)
        if scaling != 1:
            raise ValueError(f"the scaling of a figure's task must be 1, got {scaling:g}")
        return task


Baseline = Literal["sgd", "momentum", "rmsprop", "adagrad", "adam", "orthogonal-momentum"]


class CompareOptimizers(Section):
    """`kind: compare-optimizers`: learned rules beside tuned optimizers (figures 3, 4, transfer).

    Every baseline runs at every learning rate of its grid on the tuning seeds, and with the best
    of them on the seeds that are reported. The learned rule runs at the rate that it was released
    with.

    Attributes:
        name: Name of the results, `results/NAME.json`, `.md` and `.png`.
        rules: Released rules or paths of weights.
        panels: The tasks.
        schedule: What every learning rate does over a run, the learned rule's as well.
        data: Images of the `photographs` tasks.
        digits: Digits of the `mnist` and `mnist-cnn` tasks; `auto` is MNIST where it can be had,
            else the bundled small digits, with a notice and the results in `runs/`.
        baselines: For each optimizer the exponents of the grid's first and last learning rate,
            in base 10; the grid has two rates a decade.
        tuning_seeds: Runs for each learning rate.
        seeds: Runs that are reported.
    """

    kind: Literal["compare-optimizers"]
    name: Name
    rules: tuple[str, ...] = Field(min_length=1)
    panels: tuple[Comparison, ...] = Field(min_length=1)
    schedule: Literal["constant", "cosine"] = "constant"
    data: ColourImages = ColourImages()
    digits: Literal["auto", "mnist", "digits"] = "auto"
    baselines: dict[Baseline, tuple[float, float]]
    tuning_seeds: int = Field(3, ge=1)
    seeds: int = Field(10, ge=1)
