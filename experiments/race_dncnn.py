"""The claim test: DnCNN trained by a learned rule and by tuned rivals. `kind: race-dncnn`."""

import functools
import json
import math
from pathlib import Path

import numpy as np

from dncnn_keras.one_line import one_line
from dncnn_keras.paths import RESULTS, RUNS
from dncnn_keras.weight_files import SUFFIX, sha256_of
from experiments.atomic_write import write_atomically
from experiments.curves import race_curves
from experiments.kept_results import Provenance, changed_setting, read_kept
from experiments.meta_train import meta_train
from experiments.optimizers import describe_rule
from experiments.progress import Bar, tell
from experiments.provenance import hardware, provenance
from experiments.schema_dncnn import TUNING_SEED, RaceRun
from experiments.train_dncnn import train_dncnn
from learned_optim import OrthogonalMomentum


class KeptRun(Provenance):
    """What is kept of a run: settings, final PSNR, and points (steps, seconds, PSNR)."""

    experiment: dict
    psnr: float
    curve: list[tuple[int, float, float]]
    dtype: str | None = None  # older runs do not tell


class TrainedRun(Provenance):
    """What is read of a trained network's description."""

    validation_psnr: dict[str, float]
    validation_curve: list[tuple[int, float, float]]
    dtype: str


def race_dncnn(experiment):
    """Tunes, runs and compares the contenders.

    Args:
        experiment: A `schema_dncnn.RaceDnCNN`.

    Returns:
        Path of the Markdown table.

    Raises:
        FileNotFoundError: If a rule is not released.
        ValueError: If the data do not fit, or a results file was made with other settings.
    """
    for contender in experiment.contenders:  # what is missing should be said at once
        if contender.optimizer.name == "learned" and not contender.meta_train:
            describe_rule(contender.optimizer.weights)
    folder = RESULTS / experiment.name
    sections, all_curves = [], {}
    rivals = [each.title for each in experiment.contenders if each.optimizer.name != "learned"]
    with Bar(_steps(experiment), experiment.name, "step") as bar:
        runs = []  # of all contenders
        races = [
            [_race(experiment, each, horizon, folder, bar, runs) for each in experiment.contenders]
            for horizon in sorted(experiment.horizons)
        ]
    for horizon, rows in zip(sorted(experiment.horizons), races, strict=True):
        for row in rows:
            all_curves.setdefault(row["title"], []).append(row["curves"])
        ends = {row["title"]: _end(row["curves"]) for row in rows if row["title"] in rivals}
        for row in rows:
            # A run of a shorter horizon may be the quickest way: its rate has come down by then.
            curves = all_curves[row["title"]]
            row["steps_to"] = {
                rival: min(filter(None, (_steps_to(each, end) for each in curves)), default=None)
                for rival, end in ends.items()
            }
        sections.append({"horizon": horizon, "contenders": rows})
    summary = {
        "experiment": experiment.model_dump(mode="json"),
        "horizons": sections,
        **_provenance_of(runs),
    }
    stem = RESULTS / experiment.name
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(stem.with_suffix(".json"), json.dumps(summary, indent=1) + "\n")
    text = _markdown(experiment, summary)
    write_atomically(stem.with_suffix(".md"), text)
    race_curves(sections, stem.with_suffix(".png"))
    print(text)
    return stem.with_suffix(".md")


def _steps(experiment):
    """Number of updates of all runs together."""
    updates = 0
    for contender in experiment.contenders:
        grid = len(_settings(contender))
        runs = experiment.seeds + (grid if grid > 1 else 0)
        updates += runs * sum(map(contender.steps, experiment.horizons))
    return updates


def _settings(contender):
    """The optimizers of a contender's grid."""
    return [
        contender.optimizer.model_copy(update={"learning_rate": rate, "schedule": schedule})
        for rate in contender.learning_rates or (contender.optimizer.learning_rate,)
        for schedule in contender.schedules or (contender.optimizer.schedule,)
    ]


def _race(experiment, contender, horizon, folder, bar, all_runs):
    """Tunes a contender at a horizon, and runs it on the reported seeds."""
    made = contender.meta_train
    rule = made and RUNS / experiment.name / made.name / f"{made.name}{SUFFIX}"
    # A meta-training that has ended is not looked at again, run after run.
    make_rule = functools.cache(lambda: made and meta_train(made, rule.parent))

    def run(optimizer, seed):
        if rule:
            optimizer = optimizer.model_copy(update={"weights": str(rule)})
        training = _training(experiment, optimizer, contender.steps(horizon), seed, made)
        result = _run(training, folder, make_rule, bar)
        all_runs.append(result)
        return result

    settings, tuned = _settings(contender), []
    if len(settings) > 1:
        tuned = [run(optimizer, TUNING_SEED)["psnr"] for optimizer in settings]
    best = settings[int(np.argmax(tuned))] if tuned else settings[0]
    runs = [run(best, seed) for seed in range(experiment.seeds)]
    if len({run.get("meta_trained_rule") for run in runs}) > 1:
        raise ValueError(
            f"{folder}: runs of {contender.title!r} are of two meta-trainings, since the rule of "
            f"the kept ones is not there any more; to run them again, move them and their folders "
            f"in {RUNS / experiment.name} away"
        )
    return {
        "title": contender.title,
        "learning_rate": best.learning_rate,
        "schedule": best.schedule,
        "at_edge": _at_edge(settings, tuned),
        "tuning": [
            {"learning_rate": o.learning_rate, "schedule": o.schedule, "psnr": psnr}
            for o, psnr in zip(settings, tuned, strict=False)
        ],
        "final": [run["psnr"] for run in runs],
        "curves": [run["curve"] for run in runs],
    }


def _training(experiment, optimizer, steps, seed, made):
    """Returns the `RaceRun` of an optimizer; `made` is the `MetaTrain` of its rule, or `None`."""
    match optimizer.name:
        case "learned" if not made:
            about = describe_rule(optimizer.weights)
        case "orthogonal-momentum":
            config = OrthogonalMomentum().get_config()
            about = {key: value for key, value in config.items() if key.startswith("beta_")}
        case _:
            about = None
    return RaceRun.model_validate(
        {
            "kind": "train-dncnn",
            "name": experiment.name,
            "meta_train": made,
            "rule": about,
            "seed": seed,
            "data": experiment.data.model_dump(),
            "network": experiment.network.model_dump(),
            "optimizer": optimizer.model_dump(),
            "training": {
                "steps": steps,
                "batch_size": experiment.batch_size,
                "epoch": steps // experiment.curve,
                "validate_every": 1,
                "loss": experiment.loss,
                "recompute_batch_norm": 10,  # or the fastest rates look worst until the end
            },
            "validation_sigmas": experiment.validation_sigmas,
        }
    )


def _run(training, folder, make_rule, bar):
    """Trains once, or takes the result that is kept."""
    optimizer, horizon = training.optimizer, training.training.steps
    rate = "default" if optimizer.learning_rate is None else f"{optimizer.learning_rate:g}"
    key = f"{optimizer.name}-{rate}-{optimizer.schedule}-{horizon}-seed{training.seed}"
    if optimizer.name == "learned":
        key = f"{Path(optimizer.weights).name.removesuffix(SUFFIX)}-{key}"
    file = folder / f"{key}.json"
    if file.exists():
        kept = read_kept(file, KeptRun)
        steps = [point[0] for point in kept["curve"]]
        epoch = training.training.epoch
        # The race's name decides nothing: a run of one race may be copied to another.
        before = {**kept["experiment"], "name": training.name}
        # `meta_train` says what the rule is; where it lies has the race's name.
        if training.meta_train and isinstance(before.get("optimizer"), dict):
            before["optimizer"] = {**before["optimizer"], "weights": optimizer.weights}
        setting = changed_setting(before, training)
        if setting:
            raise ValueError(
                f"{file}: made with another `{one_line(setting)}`; to run it again, move it and "
                f"{RUNS / training.name / key} away"
            )
        if steps not in ([], [*range(epoch, horizon + 1, epoch)]):
            raise ValueError(f"{file}: damaged; delete it, and it is computed again")
        bar.skip(horizon)
        return kept
    rule = make_rule()
    tell(f"{training.name}: {key}")
    run = RUNS / training.name / key
    result = {"experiment": training.model_dump(mode="json"), "psnr": -math.inf, "curve": []}
    if rule:
        result["meta_trained_rule"] = sha256_of(rule)
    try:
        train_dncnn(training, run)
    except FloatingPointError as error:
        tell(f"{key} diverged: {error}")
        made_by = provenance()
    else:
        # It may have ended in an earlier session, by another program.
        about = read_kept(run / f"{training.name}.json", TrainedRun)
        result["psnr"] = float(np.mean(list(about["validation_psnr"].values())))
        result["curve"] = about["validation_curve"]
        result["dtype"] = about["dtype"]
        made_by = {key: about[key] for key in Provenance.model_fields}
    folder.mkdir(parents=True, exist_ok=True)
    result |= made_by
    write_atomically(file, json.dumps(result, indent=1) + "\n")
    bar.update(horizon)
    return result


def _provenance_of(runs):
    """That of the last run, with all revisions, processors and formats, and the first date."""
    runs = sorted(runs, key=lambda run: run["date"])
    last = {key: runs[-1][key] for key in Provenance.model_fields}
    for key in ("revision", "processor"):
        last[key] = ", ".join(dict.fromkeys(str(run[key]) for run in runs))
    # A number format is chosen by the machine; of older runs it is not known.
    last["dtype"] = ", ".join(dict.fromkeys(run["dtype"] for run in runs if run.get("dtype")))
    last["gpus"] = [*dict.fromkeys(gpu for run in runs for gpu in run["gpus"])]
    return {**last, "since": runs[0]["date"]}


def _at_edge(settings, tuned):
    """Schedules whose best rate is the least or the greatest of the grid."""
    found = []
    for schedule in dict.fromkeys(each.schedule for each in settings):
        runs = zip(settings, tuned, strict=False)
        grid = {s.learning_rate: psnr for s, psnr in runs if s.schedule == schedule}
        if len(grid) > 1 and max(grid, key=grid.get) in (min(grid), max(grid)):
            found.append(schedule)
    return found


def _end(curves):
    """Mean PSNR at the end of the curves, in which a rival itself has to get there."""
    return float(np.mean([curve[-1][2] if curve else -math.inf for curve in curves]))


def _steps_to(curves, psnr):
    """Steps after which the mean curve reaches a PSNR, by linear interpolation, or `None`."""
    if not all(curves) or not math.isfinite(psnr):  # one has diverged, on a seed at least
        return None
    mean = np.mean(np.array(curves, np.float64), axis=0)  # JSON knows no largest integer
    steps, values = mean[:, 0], mean[:, 2]
    reached = np.flatnonzero(values >= psnr)
    if not len(reached):
        return None
    last = reached[0]
    if last == 0:
        return float(steps[0])
    return float(np.interp(psnr, values[last - 1 : last + 1], steps[last - 1 : last + 1]))


def _markdown(experiment, summary):
    network, data = experiment.network, experiment.data
    lines = [
        f"# {experiment.name}",
        "",
        f"DnCNN of depth {network.depth} with {network.filters} filters, batch "
        f"{experiment.batch_size}, {experiment.loss}; mean PSNR (dB) over {data.holdout} held-out "
        f"images of {data.folder or data.dataset} and sigma "
        f"{', '.join(f'{sigma:g}' for sigma in experiment.validation_sigmas)}; mean and standard "
        f"deviation of {experiment.seeds} seeds. *To ...* is the step, and its share of the "
        f"horizon, at which a contender's mean curve, of this horizon or a shorter one, reaches "
        f"the final PSNR of that rival: between two validations, or the first if it is beyond.",
        "",
    ]
    for section in summary["horizons"]:
        rivals = [*section["contenders"][0]["steps_to"]]
        lines += [
            f"## {section['horizon']:,} steps",
            "",
            "| optimizer | learning rate | schedule | PSNR | "
            + "".join(f"to {rival} | " for rival in rivals)
            + "s/step |",
            "|---" * (5 + len(rivals)) + "|",
        ]
        for row in sorted(section["contenders"], key=lambda row: -np.mean(row["final"])):
            rate = "its own" if row["learning_rate"] is None else f"{row['learning_rate']:g}"
            for schedule in row["at_edge"]:
                of = "" if schedule == row["schedule"] else f"{schedule}: "
                rate += f" ({of}edge of the grid)"
            lines.append(
                f"| {row['title']} | {rate} | {row['schedule']} | {np.mean(row['final']):.2f} +- "
                f"{np.std(row['final']):.2f} | "
                + "".join(
                    f"{_share(row['steps_to'][rival], section['horizon'])} | " for rival in rivals
                )
                + f"{_seconds_per_step(row['curves'])} |"
            )
        lines.append("")
    lines.append(
        f"Runs of {summary['since'][:16]} to {summary['date'][:16]} UTC, revisions "
        f"{summary['revision']}; {summary['processor']}, {summary['cores']} cores"
        f"{hardware(summary)}{summary['dtype'] and ', ' + summary['dtype']}."
    )
    return "\n".join(lines) + "\n"


def _share(steps, horizon):
    return "never" if steps is None else f"{steps:.0f} ({steps / horizon:.0%})"


def _seconds_per_step(curves):
    """The median between two points: some hold the tracing, or ran beside something else."""
    rates = []
    for curve in curves:
        steps, seconds, _ = np.reshape(curve, (-1, 3)).T
        rates += [*np.diff(seconds) / np.diff(steps)]
    return f"{np.median(rates):.2f}" if rates else ""
