"""Trains the rows of a table of real photographs, each within the same time."""

import pydantic

from dncnn_keras.one_line import one_line
from dncnn_keras.weight_files import SUFFIX, is_complete
from experiments.csv_log import read_columns
from experiments.kept_results import DAMAGED_RUN, changed_setting, read_kept
from experiments.schema import Budget
from experiments.schema_real import TrainReal
from experiments.train_real import as_run, train_real, updates_within


class KeptSettings(pydantic.BaseModel):
    """What a run's `settings.json` must hold at least."""

    training: Budget


def train_row(experiment, row, folder):
    """Trains a row's network stage by stage, or goes on where it was stopped.

    How many updates a stage may do is found out by doing some, once; from then on the run is an
    ordinary training of so many updates, which is resumed exactly. Rows that begin with the same
    stages share them.

    Args:
        experiment: A `schema_real.RealTable`.
        row: One of its rows.
        folder: `Path` of the folder of all runs.

    Returns:
        Path of the weight file; and for each stage a dict of its `name`, and the `updates` and
        `seconds` that it took.

    Raises:
        ValueError: If a run was made with other settings, or is damaged.
        DataUnavailableError: If the data are not there.
        FloatingPointError: If the loss becomes NaN.
    """
    stages = {stage.name: stage for stage in experiment.stages}
    key, weights, done = row.network.lower(), None, []
    for name, share in row.stages.items():
        seconds = max(1, round(share * experiment.seconds))
        key += f"-{name}-{seconds}s"
        training = _training(experiment, row.network, stages[name], key, weights)
        weights = _train(training, seconds, folder / key)
        done.append({"name": name, **_spent(folder / key / "log.csv", stages[name].epoch)})
    return weights, done


def _training(experiment, network, stage, name, start):
    return TrainReal.model_validate(
        {
            "kind": "train-real",
            "name": name,
            "seed": experiment.seed,
            "precision": experiment.precision,
            "devices": experiment.devices,
            "network": network,
            "start": start and str(start),
            "data": stage.data.model_dump(),
            "method": stage.method.model_dump(),
            "optimizer": stage.optimizer.model_dump(),
            "training": {
                "steps": stage.epoch,
                "batch_size": stage.batch_size,
                "epoch": stage.epoch,
                "validate_every": 1,
            },
            "validation": {"dataset": experiment.validation, "steps": experiment.steps},
        }
    )


def _train(training, seconds, folder):
    """Trains once, or takes the weights that are kept."""
    settings = folder / "settings.json"
    if settings.is_file():
        steps = read_kept(settings, KeptSettings)["training"]["steps"]
    else:
        steps = updates_within(training, seconds)
    budget = {"steps": steps, "validate_every": steps + 1}  # validated once, at the end
    training = training.model_copy(update={"training": training.training.model_copy(update=budget)})
    weights = folder / f"{training.name}{SUFFIX}"
    if not is_complete(weights, "model"):  # not even begun, or killed while it wrote them
        train_real(training, folder)
        return weights
    different = changed_setting(read_kept(settings, KeptSettings), as_run(training))
    if different:
        raise ValueError(
            f"{folder}: made with another `{one_line(different)}`; move it away to train it again"
        )
    return weights


def _spent(log, epoch):
    seconds = [row["seconds"] for row in read_columns(log, ["seconds"])]
    if not seconds:
        raise ValueError(f"{log}: {DAMAGED_RUN}")
    return {"updates": len(seconds) * epoch, "seconds": round(sum(seconds), 1)}
