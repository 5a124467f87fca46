"""Pictures of how losses fall."""

import json

import numpy as np

from experiments.csv_log import read_columns
from experiments.kept_results import DAMAGED_RUN
from experiments.pictures import plt, save_figure


def meta_training_curves(folder):
    """Plots a meta-training: the meta-loss, how held-out runs end, and how the best of them fall.

    Args:
        folder: `Path` of the run, with `log.csv`, `held_out.csv`, `trajectories_before.json` and
            `trajectories_best.json`; `curves.png` is written there.

    Raises:
        ValueError: If one of them is damaged; the message names it.
    """
    figure, axes = plt.subplots(1, 3, figsize=(16, 4), layout="constrained")
    left, middle, right = axes
    rows = _read(folder / "log.csv")
    key = next((name for name in ("log_loss", "loss") if name in rows[0]), None)
    if key is None:
        raise ValueError(f"{folder / 'log.csv'}: {DAMAGED_RUN}")
    left.plot([row["epoch"] + 1 for row in rows], [row[key] for row in rows])
    ylabel = f"mean {key.replace('_', ' ')} in the windows"
    left.set(xlabel="epoch", ylabel=ylabel, title="Meta-training")
    rows = _read(folder / "held_out.csv")
    for name in [key for key in rows[0] if key not in ("epoch", "score")]:
        epochs = [row["epoch"] + 1 for row in rows]
        middle.semilogy(epochs, [row[name] for row in rows], "o-", label=name)
    middle.set(xlabel="epoch", ylabel="loss at the end", title="Held-out runs")
    middle.legend(frameon=False)
    for which, style in (("before", "--"), ("best", "-")):
        file = folder / f"trajectories_{which}.json"
        try:
            curves = {**json.loads(file.read_text(encoding="utf-8"))}
            curves = {name: np.array(losses, float) for name, losses in curves.items()}
        except (ValueError, TypeError):
            raise ValueError(f"{file}: {DAMAGED_RUN}") from None
        for number, (name, losses) in enumerate(curves.items()):
            right.semilogy(losses, style, color=f"C{number}", label=f"{name}, {which}")
    right.set(xlabel="step", ylabel="loss", title="Held-out runs, before and at the best")
    right.legend(frameon=False)
    _finish(figure, axes, folder / "curves.png")


def loss_curves(panels, file):
    """Plots mean losses over steps, with the runs' spread, one panel a task.

    Args:
        panels: List of `(title, curves)`; `curves` maps an optimizer's title to an array of
            shape `(runs, steps + 1)`.
        file: `Path` of the PNG.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(5.2 * len(panels), 4.2), layout="constrained", squeeze=False
    )
    for panel, (title, curves) in zip(axes[0], panels, strict=True):
        for name, runs in curves.items():
            runs = np.asarray(runs)
            (line,) = panel.semilogy(runs.mean(axis=0), label=name)
            low, high = np.percentile(runs, [10, 90], axis=0)
            panel.fill_between(range(len(low)), low, high, color=line.get_color(), alpha=0.12)
        panel.set(xlabel="step", ylabel="loss", title=title)
    axes[0][0].legend(frameon=False, fontsize=9)
    _finish(figure, axes[0], file)


def race_curves(sections, file):
    """Plots validation PSNR over steps and over time, one row of panels a horizon.

    Args:
        sections: List of dicts of `horizon` and `contenders`, each with `title` and `curves`:
            points (steps, seconds, PSNR) of every run.
        file: `Path` of the PNG.
    """
    figure, axes = plt.subplots(
        len(sections), 2, figsize=(11, 4 * len(sections)), layout="constrained", squeeze=False
    )
    for row, section in zip(axes, sections, strict=True):
        for number, contender in enumerate(section["contenders"]):
            if not all(contender["curves"]):
                continue  # diverged
            color = f"C{number}"  # the same in every row
            runs = np.array(contender["curves"])
            values = runs[:, :, 2]
            for panel, x in zip(row, (runs[0, :, 0], runs[:, :, 1].mean(axis=0)), strict=True):
                panel.plot(x, values.mean(axis=0), label=contender["title"], color=color)
                panel.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.15)
        row[0].set(xlabel="step", ylabel="PSNR (dB)", title=f"{section['horizon']:,} steps")
        row[1].set(xlabel="seconds", ylabel="PSNR (dB)")
    lines = axes[0][0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    _finish(figure, axes.ravel(), file)


def training_curves(networks, file):
    """Plots how the validation PSNR of networks rose in their training.

    Args:
        networks: List of `methods.Method` whose training is known.
        file: `Path` of the PNG.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
    for network in networks:
        training = network.training
        steps, seconds, values = np.array(training.validation_curve).T
        sigmas = ", ".join(training.validation_psnr)
        label = f"{network.title}, {training.date[:10]}\nmean of sigma {sigmas}"
        for panel, x in zip(axes, (steps, seconds / 60), strict=True):
            panel.plot(x, values, "o-", markersize=3, label=label)
    axes[0].set(xlabel="step of the last stage", ylabel="validation PSNR (dB)")
    axes[1].set(xlabel="minutes")
    axes[0].legend(frameon=False)
    _finish(figure, axes, file)


def _read(path):
    rows = read_columns(path, ["epoch"])
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(f"{path}: {DAMAGED_RUN}")
    return rows


def _finish(figure, axes, file):
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.3)
    save_figure(figure, file)
