"""Table 1 of the meta-optimizer paper, measured: `kind: table1`."""

import json
import sys

import numpy as np
from tqdm import tqdm

from dncnn_keras import datasets, pretrained
from dncnn_keras.paths import RESULTS, RUNS
from experiments import pictures, published
from experiments.atomic_write import write_atomically
from experiments.curves import training_curves
from experiments.evaluation import evaluate
from experiments.lock import alone
from experiments.methods import (
    classical_methods,
    official_methods,
    pretrained_method,
    refuse_two_of_a_name,
)
from experiments.notice import print_notice
from experiments.progress import Bar
from experiments.provenance import hardware, hash_of_program, provenance
from experiments.results_file import ResultsFile
from experiments.strategy import device_names

_FALLBACK = """\
The 80 test images of the paper are not here, and could not be downloaded:
{}
The embedded photographs of scikit-image are used instead. The figures below
are NOT those of the paper's set and cannot be compared with its table."""


def table1(experiment):
    """Measures every method at every sigma and writes the table, its figures and pictures.

    Args:
        experiment: A `schema_dncnn.Table1`.

    Returns:
        Path of the Markdown table.

    Raises:
        ValueError: If a results file is damaged, a model or `visual.image` unknown or a device
            not there.
        RuntimeError: If another process measures a table here.
    """
    try:
        dataset, images = experiment.dataset, datasets.load_images(experiment.dataset, "test")
        folder = RESULTS
    except datasets.DataUnavailableError as error:
        print_notice(_FALLBACK.format(error))
        dataset, images, folder = "sample", datasets.load_images("sample", "test"), RUNS
    # Figures on the embedded images must never replace those on the paper's in `results/`.
    methods = _methods(experiment)
    shown = pictures.choose_image(experiment.visual, dataset, images)
    with alone(RUNS / "table1"):  # two tables would overwrite each other's measurements
        rows, made_by = _measure(experiment, dataset, images, methods, folder)
    snr = {sigma: _mean_snr(images, sigma) for sigma in experiment.sigmas}
    text = _markdown(experiment, dataset, len(images), methods, rows, snr)
    text += _times(experiment, dataset, methods, rows, made_by)
    folder.mkdir(parents=True, exist_ok=True)
    stem = experiment.name + ("" if experiment.protocol == "honest" else "_paper_protocol")
    stem += "" if experiment.classical else "_networks"
    summary = {
        "experiment": experiment.model_dump(mode="json"),
        "dataset": dataset,
        "images": len(images),
        "snr": snr,
        "methods": rows,
        "made_by": made_by,
        "provenance": provenance(),
    }
    write_atomically(folder / f"{stem}.json", json.dumps(summary, indent=1) + "\n")
    write_atomically(folder / f"{stem}.md", text)
    if len(experiment.sigmas) > 1:
        pictures.psnr_over_sigma(methods, rows, folder / f"{stem}_psnr.png")
    if experiment.classical:
        _draw(experiment, dataset, shown, methods, folder / stem)
    print(text)
    return folder / f"{stem}.md"


def _measure(experiment, dataset, images, methods, folder):
    """Measures every method at every sigma that it has, or takes what is kept.

    Returns:
        What `evaluate` returns, and what made it: dicts of sigma in dicts of the methods' names.
    """
    devices, made_here = device_names(experiment.devices), provenance()
    rows, made_by = {}, {}
    # What takes next to no time would spoil the estimate of the time that is left.
    timed = [method for method in methods if method.is_network or method.slow]
    cells = sum(_has(method, sigma) for method in timed for sigma in experiment.sigmas)
    with Bar(cells * len(images), "Table 1", "image") as bar:
        for method in methods:
            place = (folder if method.slow else RUNS) / "table1" / dataset
            file = place / f"{method.name}_seed{experiment.seed}.json"
            made_with = {"seed": experiment.seed, **method.made_with}
            here = {key: made_here[key] for key in ("processor", "cores")}
            here["program"] = hash_of_program()
            if method.is_network:
                here["devices"] = [*devices, *made_here["gpus"]]
            # What is measured anew takes the place of what is kept when it is complete.
            anew = experiment.recompute and method.slow
            if anew:
                results = ResultsFile(file.with_suffix(".new.json"), {**made_with, **here})
            else:  # of what is not slow, figures of the same program and machine alone are kept
                results = ResultsFile(file, made_with if method.slow else {**made_with, **here})
            rows[method.name] = {}
            for sigma in experiment.sigmas:
                if not _has(method, sigma):
                    continue
                kept = sum(results.get(sigma, image.name) is not None for image in images)
                if method in timed:
                    bar.skip(kept)
                try:
                    rows[method.name][sigma] = evaluate(
                        lambda m=method, s=sigma: m.make(s),
                        images,
                        sigma,
                        experiment.seed,
                        results,
                        method.title,
                        devices if method.is_network else devices[:1],
                        bar.update if method in timed else lambda: None,
                    )
                except ImportError as error:  # an optional package
                    tqdm.write(f"note: sigma {sigma:g} is left out: {error}", file=sys.stderr)
                    bar.skip(len(images) - kept)
            if anew and rows[method.name]:
                results.take_the_place_of(ResultsFile(file, made_with), rows[method.name])
            made_by[method.name] = {sigma: results.made_by(sigma) for sigma in rows[method.name]}
    return rows, made_by


def _draw(experiment, dataset, image, methods, stem):
    """Draws the visual comparison, and of our networks a picture and their training."""
    file = stem.with_name(f"{stem.name}_visual.png")
    pictures.visual_comparison(experiment, dataset, image, methods, file)
    networks = [m for m in methods if m.is_network and not m.name.startswith("official-")]
    if networks:  # ours, not its authors'
        files = [stem.with_name(f"{stem.name}_{which}.png") for which in ("noisy", "denoised")]
        pictures.noisy_and_denoised(experiment, image, networks[0], files)
    trained = [method for method in networks if method.training.validation_curve]
    if trained and experiment.protocol == "honest":  # which has nothing to do with it
        training_curves(trained, stem.with_name(f"{stem.name}_training.png"))


def _has(method, sigma):
    return method.sigmas is None or sigma in method.sigmas


def _methods(experiment):
    available = pretrained.available()
    models = [name for name in experiment.models if name in available or name.endswith(".h5")]
    for name in experiment.models:
        if name not in models:
            print(f"note: {name} is not released yet, its column is left out", file=sys.stderr)
    methods = [
        *(m for m in classical_methods(experiment.protocol) if experiment.classical or not m.slow),
        *map(pretrained_method, models),
        *official_methods(),
    ]
    if len(methods) == 1:  # the noisy images alone
        raise ValueError(f"models: none of {', '.join(experiment.models)} is there")
    refuse_two_of_a_name([method.name for method in methods])
    return methods


def _mean_snr(images, sigma):
    """The paper's SNR column: mean over the images of 20 log10(mean intensity / sigma)."""
    return float(np.mean([20 * np.log10(image.pixels.mean() / sigma) for image in images]))


def _shown(method, row, protocol):
    """PSNR and SSIM of a cell: noise is shown as it is, everything else clipped."""
    wrong_range = protocol == "paper" and method.is_network
    return (
        row["psnr_unclipped" if method.name == "noisy" else "psnr"],
        row["ssim_range_2" if wrong_range else "ssim"],
    )


def _markdown(experiment, dataset, count, methods, rows, snr):
    comparable = dataset == "bsd80"
    lines = [
        f"# Table 1: PSNR (dB) and SSIM, mean of {count} images",
        "",
        f"Data set `{dataset}`, seed {experiment.seed}, {experiment.protocol} protocol. "
        + (
            "*Paper*: the figures printed in the paper. *Ours*: measured here."
            if comparable
            else "**Not the paper's images:** its figures cannot be compared and are left out."
        ),
        "",
        "| sigma | | SNR | " + " | ".join(m.title for m in methods) + " | Clipped noise |",
        "|" + "---|" * (len(methods) + 4),
    ]
    for sigma in experiment.sigmas:
        ours = {m.name: _shown(m, r, experiment.protocol) for m, r in _at(methods, rows, sigma)}
        clipped = rows["noisy"][sigma]
        printed = comparable and sigma in published.TABLE1_PSNR
        if printed:
            lines.append(
                _line(f"**{sigma:g}**", "paper PSNR", f"{published.TABLE1_SNR[sigma]:.2f}")
                + _published_cells(published.TABLE1_PSNR[sigma], methods)
                + " |"
            )
        lines.append(
            _line("" if printed else f"**{sigma:g}**", "ours PSNR", f"{snr[sigma]:.2f}")
            + "".join(f" {_cell(ours, m, 0)} |" for m in methods)
            + f" {clipped['psnr']:.2f} |"
        )
        if printed:
            cells = _published_cells(published.TABLE1_SSIM[sigma], methods)
            lines.append(_line("", "paper SSIM", "") + cells + " |")
        lines.append(
            _line("", "ours SSIM", "")
            + "".join(f" {_cell(ours, m, 1)} |" for m in methods)
            + f" {clipped['ssim']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _times(experiment, dataset, methods, rows, made_by):
    """Table 3: how long an image takes, and where that was measured."""
    on_gpus = any("GPU" in device for device in device_names(experiment.devices))
    lines = [
        "",
        "# Table 3: seconds an image (median over images, mean over sigmas)",
        "",
        "| method | paper | ours | measured on |",
        "|---|---|---|---|",
    ]
    for method in methods:
        if method.name == "noisy" or not rows[method.name]:
            continue
        paper = published.TABLE3_SECONDS.get(method.published, "")
        paper = paper if dataset == "bsd80" else ""
        seconds = np.mean([row["seconds"] for row in rows[method.name].values()])
        machines = dict.fromkeys(
            f"{where['cores']} cores of {where['processor']}"
            f"{hardware(where) if method.is_network and on_gpus else ''}, {where['date'][:10]}"
            for where in made_by[method.name].values()
        )
        lines.append(f"| {method.title} | {paper} | {seconds:.2f} | {'; '.join(machines)} |")
    return "\n".join(lines) + "\n"


def _line(sigma, kind, snr):
    return f"| {sigma} | {kind} | {snr} |"


def _at(methods, rows, sigma):
    return [(m, rows[m.name][sigma]) for m in methods if sigma in rows[m.name]]


def _cell(ours, method, which):
    if method.name not in ours:
        return ""
    return f"{ours[method.name][which]:.2f}" if which == 0 else f"{ours[method.name][which]:.3f}"


def _published_cells(values, methods):
    by_name = dict(zip(published.TABLE1_COLUMNS, values, strict=True))
    cells = []
    for method in methods:
        value = by_name.get(method.published)
        cells.append(f" {value:.2f} |" if value is not None else " |")
    return "".join(cells)
