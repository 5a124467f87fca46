"""Learned rules beside tuned optimizers: `kind: compare-optimizers`, figures 3, 4 and transfer."""

import functools
import itertools
import json

import keras
import numpy as np
import tensorflow as tf

from dncnn_keras.datasets import DataUnavailableError
from dncnn_keras.datasets.digits import load_digits
from dncnn_keras.paths import RESULTS, RUNS
from experiments.atomic_write import write_atomically
from experiments.curves import loss_curves
from experiments.images import colour_images
from experiments.kept_runs import KeptRuns
from experiments.notice import print_notice
from experiments.optimizers import describe_rule
from experiments.progress import Bar, tell
from experiments.provenance import hardware, provenance
from experiments.tasks import TaskMaker
from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.trajectory import Trajectory, mean_final_loss

_OPTIMIZERS = {
    "sgd": ("SGD", keras.optimizers.SGD),
    "momentum": ("SGD, momentum 0.9", lambda rate: keras.optimizers.SGD(rate, momentum=0.9)),
    "rmsprop": ("RMSprop", keras.optimizers.RMSprop),
    "adagrad": ("Adagrad", keras.optimizers.Adagrad),
    "adam": ("Adam", keras.optimizers.Adam),
    "orthogonal-momentum": ("orthogonalised momentum", OrthogonalMomentum),
}
# Seeds of the runs, and of initial weights, begin here: meta-training has used none of them.
_FIRST_SEED = 1000
_FALLBACK = """\
{}
scikit-learn's small digits are used instead. The figures below are NOT those of MNIST
and cannot be compared with the paper's; they are written to runs/, not to results/."""


def compare_optimizers(experiment):
    """Tunes the baselines, runs everything, and writes table and picture.

    What a run brings is kept in `runs/NAME/kept/` until all are there, so that a stopped
    comparison goes on.

    Args:
        experiment: A `schema_tasks.CompareOptimizers`.

    Returns:
        Path of the Markdown table.

    Raises:
        FileNotFoundError: If a rule is not released, or the images' folder is not there.
        ValueError: If the images do not fit, or a kept run is damaged.
        DataUnavailableError: If the digits or images cannot be had.
    """
    # What is missing should be said at once.
    rules = {name: describe_rule(name) for name in experiment.rules}
    digits, folder = _choose_digits(experiment)
    experiment = experiment.model_copy(update={"digits": digits})
    images = _images(experiment)
    kept = KeptRuns(RUNS / experiment.name / "kept", experiment.model_dump(mode="json"))
    panels, pictures = [], []
    steps = _runs_of_a_panel(experiment) * sum(panel.steps for panel in experiment.panels)
    with Bar(steps, experiment.name, "step") as bar:
        for panel in experiment.panels:
            rows, curves = _run_panel(experiment, panel, images, rules, kept, bar)
            panels.append({"title": panel.title, "steps": panel.steps, "optimizers": rows})
            pictures.append((panel.title, curves))
    made_by = provenance()
    results = {
        "experiment": experiment.model_dump(mode="json"),
        "panels": panels,
        **made_by,
    }
    stem = folder / experiment.name
    folder.mkdir(exist_ok=True)
    write_atomically(stem.with_suffix(".json"), json.dumps(results, indent=1) + "\n")
    text = _markdown(experiment, panels, made_by)
    write_atomically(stem.with_suffix(".md"), text)
    print(text)
    loss_curves(pictures, stem.with_suffix(".png"))
    kept.clear()
    return stem.with_suffix(".md")


def _choose_digits(experiment):
    """Name of the digits, and the folder of the results."""
    needed = any(panel.task.task in ("mnist", "mnist-cnn") for panel in experiment.panels)
    if not needed:
        return experiment.digits, RESULTS
    name = "mnist" if experiment.digits == "auto" else experiment.digits
    try:
        load_digits(name, "test")
    except DataUnavailableError as error:
        if experiment.digits != "auto":
            raise
        print_notice(_FALLBACK.format(error))
        return "digits", RUNS  # must never replace the figures of MNIST in `results/`
    return name, RESULTS


def _rates(exponents):
    """The grid: two learning rates a decade."""
    count = round(2 * (exponents[1] - exponents[0])) + 1
    return [float(rate) for rate in np.logspace(*exponents, count)]


def _runs_of_a_panel(experiment):
    tuned = sum(len(_rates(exponents)) for exponents in experiment.baselines.values())
    reported = len(experiment.rules) + len(experiment.baselines)
    return tuned * experiment.tuning_seeds + reported * experiment.seeds


def _run_panel(experiment, panel, images, rules, kept, bar):
    count = experiment.tuning_seeds + experiment.seeds
    initial_seeds = range(_FIRST_SEED, _FIRST_SEED + count)
    task = TaskMaker(images, experiment.digits, initial_seeds=initial_seeds).make(panel.task)
    seeds = _seeds_of_different_starts(task, count)
    tuning, reported = seeds[: experiment.tuning_seeds], seeds[experiment.tuning_seeds :]
    measure = _measure(experiment, panel.task, task)
    # Where every step has patches of its own, a single loss is a matter of luck.
    share = 0.1 if measure is None else 0
    final = functools.partial(_final, share=share)
    rows, curves = [], {}

    def runs(optimizer, title, trajectory, seeds, rate=None, summary=lambda curves: curves):
        bar.set_description_str(f"{panel.title}, {panel.steps} steps: {title}")
        each = []
        for seed in seeds:
            run = {"panel": panel.model_dump(mode="json"), "optimizer": optimizer}
            run |= {"learning_rate": rate, "seed": seed}
            found = kept.get(run)
            if found is None:
                curves = trajectory().run(seed, panel.steps, rate).reshape(panel.steps + 1, -1).T
                # Where a run has diverged it is infinite.
                found = summary(np.where(np.isfinite(curves), curves, np.inf))
                kept.put(run, found)
                bar.update(panel.steps)
            else:
                bar.skip(panel.steps)
            each.append(found)
        return np.concatenate(each)

    def trajectory_of(make_optimizer):
        # Made when its first run is not kept, for making it takes time.
        return functools.cache(
            lambda: Trajectory(task, make_optimizer, experiment.schedule, measure)
        )

    for name, about in rules.items():
        trajectory = trajectory_of(lambda name=name: LearnedOptimizer(weights=name))
        title = f"learned ({name})"
        curves[title] = runs(about, title, trajectory, reported)
        rows.append({"optimizer": title, **_summary(curves[title], share)})
        tell(f"{panel.title}, {title}: {rows[-1]['final']:.4f}")
    for name, exponents in experiment.baselines.items():
        title, make = _OPTIMIZERS[name]
        trajectory = trajectory_of(lambda make=make: make(1e-3))
        grid = _rates(exponents)
        tuned = [
            float(np.mean(runs(name, title, trajectory, tuning, rate, final))) for rate in grid
        ]
        best = int(np.argmin(tuned))
        curves[title] = runs(name, title, trajectory, reported, grid[best])
        rows.append(
            {
                "optimizer": title,
                **_summary(curves[title], share),
                "learning_rate": grid[best],
                "interior": 0 < best < len(grid) - 1,
                "grid": {f"{rate:.3g}": value for rate, value in zip(grid, tuned, strict=True)},
            }
        )
        tell(f"{panel.title}, {title} at {grid[best]:.3g}: {rows[-1]['final']:.4f}")
    return rows, curves


def _seeds_of_different_starts(task, count):
    """The first seeds of which no two draw the same initial parameters."""
    seeds = {}
    for seed in itertools.count(_FIRST_SEED):
        start = task.initial(tf.constant([seed, 1], tf.int64))  # as `Trajectory.run` does
        seeds.setdefault(tuple(tensor.numpy().tobytes() for tensor in start), seed)
        if len(seeds) == count:
            return list(seeds.values())


def _images(experiment):
    """The images that are trained on, or `None` where no task needs any."""
    if all(panel.task.task != "photographs" for panel in experiment.panels):
        return None
    return [image.pixels for image in colour_images(experiment.data)]


def _measure(experiment, description, task):
    """What is recorded at each step; `None` is the loss that is trained on, of the step's batch."""
    match description.task:
        case "quadratics":
            return task.losses  # every function's
        case "photographs":
            return None  # its patches are fresh at every step
    images, labels = load_digits(experiment.digits, "test")
    fixed = images[:1000], labels[:1000], tf.zeros(2, tf.int64)
    return lambda parameters, batch: task.loss(parameters, fixed)


def _final(runs, share):
    """Each run's mean loss over the last share of its steps, an array."""
    return np.array([mean_final_loss(run, share) for run in runs])


def _summary(runs, share):
    final = _final(runs, share)
    return {
        "final": float(np.mean(final)),
        "spread": float(np.std(final)),
        "runs": len(runs),
        "mean": [float(f"{value:.5g}") for value in runs.mean(axis=0)],
    }


def _what_is_shown(experiment):
    text = "Mean loss after the last step"
    if any(panel.task.task == "photographs" for panel in experiment.panels):
        text += " (of photographs over the last tenth of the steps, each with patches of its own)"
    return text


def _markdown(experiment, panels, made_by):
    versions = made_by["versions"]
    lines = [
        f"# {experiment.name}",
        "",
        f"{_what_is_shown(experiment)}, +- standard deviation over the runs. Every baseline runs "
        "at the best learning rate of its grid, chosen on other seeds; grids and their losses are "
        f"in `{experiment.name}.json`. Learned rules run at the rates that they were released with."
        + (" All rates fall along half a cosine." if experiment.schedule == "cosine" else ""),
        "",
    ]
    if experiment.digits == "digits":
        lines += ["**Measured on scikit-learn's small digits, not on MNIST.**", ""]
    for panel in panels:
        lines += [
            f"## {panel['title']}, {panel['steps']} steps",
            "",
            "| optimizer | learning rate | loss |",
            "|---|---|---|",
        ]
        for row in sorted(panel["optimizers"], key=lambda row: row["final"]):
            rate = "as released"
            if "learning_rate" in row:
                edge = "" if row["interior"] else " (edge of the grid)"
                rate = f"{row['learning_rate']:.3g}{edge}"
            loss = f"{row['final']:.4f} +- {row['spread']:.4f} ({row['runs']} runs)"
            lines.append(f"| {row['optimizer']} | {rate} | {loss} |")
        lines.append("")
    lines.append(
        f"{made_by['date']}, revision {made_by['revision']}, TensorFlow {versions['tensorflow']}, "
        f"Keras {versions['keras']}, {made_by['processor']}, {made_by['cores']} cores"
        f"{hardware(made_by)}."
    )
    return "\n".join(lines) + "\n"
