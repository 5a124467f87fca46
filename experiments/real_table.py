"""Denoisers of real photographs side by side, before and after adaptation: `kind: real-table`."""

import functools
import hashlib
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pydantic
from pydantic import Field
from tqdm import tqdm

from dncnn_keras import datasets, metrics
from dncnn_keras.paths import RESULTS, RUNS
from experiments.checkpoint import write_atomically
from experiments.evaluation import ResultsFile
from experiments.provenance import provenance
from experiments.real_pictures import real_comparison
from meta_aux import adapt
from meta_aux.pretrained import WEIGHTS, load_pretrained

# Strength for luminance and colour, sides of the template and of the search window: settings that
# others have published for this set.
_NLM = [5, 5, 5, 15]
_FALLBACK = """
  !!  {reason}
  !!  Embedded photographs with made-up noise are used instead; no figure below can be
  !!  compared with any paper's.
"""


class RealMeasurement(pydantic.BaseModel):
    """Of an image: PSNR and SSIM before and, of what adapts, after adaptation."""

    values: list[tuple[float, float]] = Field(min_length=1, max_length=2)
    seconds: float


def real_table(experiment):
    """Measures the denoisers and writes the table and its picture.

    Args:
        experiment: A `schema_real.RealTable`.

    Returns:
        Path of the Markdown table.

    Raises:
        FileNotFoundError: If there are no weights of that name.
        ValueError: If a results file is damaged.
    """
    try:
        dataset = experiment.dataset
        pairs = datasets.load_pairs(dataset, "test")
    except datasets.DataUnavailableError as error:
        reason = str(error).replace("\n", "\n  !!  ")
        print(_FALLBACK.format(reason=reason), file=sys.stderr, flush=True)
        dataset, pairs = "sample", datasets.load_pairs("sample", "test")
    # Figures on the embedded photographs must never replace others.
    folder = RUNS if dataset == "sample" else RESULTS
    rows = []
    for name, title, make, made_with in _methods(experiment):
        file = RUNS / "real-table" / dataset / f"{name}.json"
        results = ResultsFile(file, made_with, RealMeasurement)
        row = _measure_all(title, make, pairs, results)
        rows.append({"title": title, **row, "provenance": results.content["provenance"]})
    summary = {
        "experiment": experiment.model_dump(mode="json"),
        "dataset": dataset,
        "images": [pair.name for pair in pairs],
        "methods": rows,
        "provenance": provenance(),
    }
    stem = folder / experiment.name.replace("-", "_")
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(stem.with_suffix(".json"), json.dumps(summary, indent=1) + "\n")
    text = _markdown(experiment, dataset, rows)
    write_atomically(stem.with_suffix(".md"), text)
    shown = [pair for pair in pairs if pair.name == experiment.image] or pairs
    denoiser = load_pretrained(experiment.models[0])
    real_comparison(shown[0], denoiser, experiment, stem.with_suffix(".png"))
    print(text)
    return stem.with_suffix(".md")


def _methods(experiment):
    """Yields the name, the title, what makes the denoiser, and what decides its results."""
    yield "noisy", "noisy image", lambda: lambda noisy: [noisy], {}
    made_with = {"version": cv2.__version__, "settings": _NLM}
    yield "nlm", "NLM (OpenCV, colour)", lambda: _opencv_nlm, made_with
    for model in experiment.models:
        is_path = model.endswith(".weights.h5")
        weights = Path(model) if is_path else WEIGHTS / f"{model}.weights.h5"
        name = weights.name.removesuffix(".weights.h5")
        made_with = {"steps": experiment.steps}
        if weights.is_file():  # else `load_pretrained` says what is missing
            made_with["weights_sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        make = functools.partial(_adaptive, model, experiment.steps)
        yield name, name, make, made_with


def _adaptive(model, steps):
    denoiser = load_pretrained(model)

    def denoise(noisy):
        images = adapt(denoiser, noisy, steps, details=True).images
        return [images[0], images[-1]]

    return denoise


def _opencv_nlm(noisy):
    pixels = np.round(np.clip(noisy, 0, 1) * 255).astype(np.uint8)[..., ::-1]  # BGR
    denoised = cv2.fastNlMeansDenoisingColored(pixels, None, *_NLM)
    return [denoised[..., ::-1].astype(np.float32) / 255]


def _measure_all(title, make, pairs, results):
    """Returns `before` (and, of what adapts, `after`): lists of each image's PSNR and SSIM."""
    missing = [pair for pair in pairs if results.get(0, pair.name) is None]
    denoise = make() if missing else None
    for pair in tqdm(missing, desc=title, unit="image", disable=None):
        noisy, clean = (image.astype(np.float32) / 255 for image in (pair.noisy, pair.clean))
        started = time.perf_counter()
        images = [np.clip(image, 0, 1) for image in denoise(noisy)]
        seconds = time.perf_counter() - started
        values = [
            [round(metrics.psnr(clean, i), 4), round(metrics.ssim(clean, i), 5)] for i in images
        ]
        results.put(0, pair.name, {"values": values, "seconds": round(seconds, 3)})
    found = [results.get(0, pair.name) for pair in pairs]
    before, *after = zip(*(each["values"] for each in found), strict=True)
    row = {"before": before, "seconds": float(np.median([each["seconds"] for each in found]))}
    return {**row, "after": after[0]} if after else row


def _markdown(experiment, dataset, rows):
    lines = [
        f"# Real photographs: `{dataset}`, {len(rows[0]['before'])} images",
        "",
        f"Mean PSNR (dB) and SSIM of clipped images, before and after {experiment.steps} steps of "
        "adaptation to each image.",
        "",
        "| method | before | after | gain | images that gain | seconds an image | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_cell(row["before"]), "", "", ""]
        if "after" in row:
            gains = np.subtract(row["after"], row["before"])[:, 0]
            cells[1:] = [
                _cell(row["after"]),
                f"{gains.mean():+.3f} dB",
                f"{(gains > 0).sum()} of {len(gains)}",
            ]
        made_by = row["provenance"]
        cells += [
            f"{row['seconds']:.2f}",
            f"{made_by['date'][:10]}, {made_by['cores']} cores of {made_by['processor']}",
        ]
        lines.append(f"| {row['title']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(values):
    psnr, ssim = np.mean(values, axis=0)
    return f"{psnr:.2f} / {ssim:.4f}"
