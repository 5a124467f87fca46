"""Denoisers of real photographs side by side, before and after adaptation: `kind: real-table`.

Some are trained for the table, within the same time; others are released.
"""

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
import pydantic
from pydantic import Field
from tqdm import tqdm

from dncnn_keras import datasets, metrics
from dncnn_keras.denoisers.bm3d import BM3D
from dncnn_keras.images import from_float, to_float, write_image
from dncnn_keras.paths import RESULTS, RUNS
from dncnn_keras.weight_files import SUFFIX, read_description, sha256_of
from experiments.atomic_write import write_atomically
from experiments.evaluation import measure_all
from experiments.lock import alone
from experiments.mask_pictures import mask_pictures
from experiments.methods import refuse_two_of_a_name
from experiments.notice import print_notice
from experiments.provenance import hash_of_program, provenance
from experiments.real_networks import RIVALS, denoise, load_network
from experiments.real_pictures import mask_evolution, real_comparison, unfolded_adaptation
from experiments.real_rows import train_row
from experiments.results_file import ResultsFile
from experiments.strategy import device_names
from experiments.train_real import load_training, validation_pairs
from meta_aux import adapt
from meta_aux.diagonal_fields import EVERY
from meta_aux.pretrained import load_pretrained, weights_of
from meta_aux.self_supervision import LOSSES, Restored

# Strength for luminance and colour, sides of the template and of the search window: settings that
# others have published for this set.
_NLM = [5, 5, 5, 15]
# The best of 4, 8, 12, 16 and 24 on every third of PolyU's validation pictures. Real noise is
# correlated, of which BM3D's model knows nothing: estimates of its strength are far too low.
_BM3D_SIGMA = 12.0
_FALLBACK = """\
{}
Embedded photographs with made-up noise are used instead; no figure below can be
compared with any paper's."""


class RealMeasurement(pydantic.BaseModel):
    """Of an image: PSNR and SSIM before and, of what adapts, after adaptation by each loss.

    The time is that of the last.
    """

    values: list[tuple[float, float]] = Field(min_length=1, max_length=1 + len(LOSSES))
    seconds: float


class Method(NamedTuple):
    """A row of the table.

    Attributes:
        name: Name of the file of its results.
        title: Its name in the table.
        make: Function without arguments to one of a noisy image to the images before and, of what
            adapts, after adaptation by each loss.
        made_with: JSON-like dict of all that decides its results.
        trained: List of what the stages of its training took, as `train_row` returns it.
        masks: A photograph's masks in its last stage, as `mask_pictures` returns them.
        adapts: Whether it is a network that adapts.
    """

    name: str
    title: str
    make: Callable
    made_with: dict
    trained: Sequence = ()
    masks: Mapping = MappingProxyType({})
    adapts: bool = False


def real_table(experiment):
    """Trains the rows, measures all denoisers and writes the table and its pictures.

    Args:
        experiment: A `schema_real.RealTable`.

    Returns:
        Path of the Markdown table.

    Raises:
        FileNotFoundError: If there are no weights of that name.
        ValueError: If a results file is damaged, a device not there, a run was made with other
            settings, or `zoom` lies outside of the image.
        FloatingPointError: If a loss becomes NaN.
        RuntimeError: If another process measures a table here.
    """
    for model in experiment.models:
        load_pretrained(model)  # says what is missing, before anything is computed
    refuse_two_of_a_name(
        [weights_of(model).name.removesuffix(SUFFIX) for model in experiment.models]
    )
    experiment, sets = _with_data(experiment)
    pairs = sets[experiment.dataset, "test"]
    shown = next((pair for pair in pairs if pair.name == experiment.image), pairs[0])
    (top, left, _), (height, width) = experiment.zoom, shown.clean.shape[:2]
    if experiment.models and (top >= height or left >= width):
        raise ValueError(f"zoom: begins outside of {shown.name}, which has {height}x{width} pixels")
    # Figures on the embedded photographs must never replace others.
    folder = RUNS if experiment.dataset == "sample" else RESULTS
    devices = device_names(experiment.devices)
    rows, masks, rivals = [], {}, {}
    with alone(RUNS / "real-table"):  # two tables would overwrite each other's measurements
        for method in _methods(experiment):
            if method.masks:
                masks[method.title] = method.masks
            if method.trained and not method.adapts:
                rivals[method.title] = method.make
            row = {"title": method.title, "trained": method.trained}
            own_devices = devices if "weights_sha256" in method.made_with else devices[:1]
            for (dataset, split), part in sets.items():
                place = dataset if split == "test" else f"{dataset}-{split}"
                file = RUNS / "real-table" / place / f"{method.name}.json"
                results = ResultsFile(file, method.made_with, RealMeasurement)
                row[split] = _results(method, part, results, own_devices)
            rows.append({**row, "provenance": results.made_by(0)})
    summary = {
        "experiment": experiment.model_dump(mode="json"),
        "images": {split: [pair.name for pair in pairs] for (_, split), pairs in sets.items()},
        "methods": rows,
        "provenance": provenance(),
    }
    stem = folder / experiment.name.replace("-", "_")
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(stem.with_suffix(".json"), json.dumps(summary, indent=1) + "\n")
    text = _markdown(experiment, summary)
    write_atomically(stem.with_suffix(".md"), text)
    if experiment.models:
        noisy = to_float(shown.noisy)
        found = adapt(load_pretrained(experiment.models[0]), noisy, experiment.steps, details=True)
        others = {title: next(make()(noisy)) for title, make in rivals.items()}
        real_comparison(shown, others, found, experiment, stem.with_suffix(".png"))
        write_image(_beside(stem, "noisy"), shown.noisy)
        write_image(_beside(stem, "adapted"), found.clean)
        unfolded_adaptation(shown, found, experiment, _beside(stem, "adaptation"))
    if masks:
        mask_evolution(masks, _beside(stem, "masks"))
    print(text)
    return stem.with_suffix(".md")


def _beside(stem, what):
    return stem.with_name(f"{stem.name}_{what}.png")


def _with_data(experiment):
    """Returns the experiment, on the embedded photographs where its own are missing, and the sets.

    The sets are a dict of (name, split) to pairs, the test set last.
    """
    try:
        return experiment, _load_sets(experiment)
    except datasets.DataUnavailableError as error:
        print_notice(_FALLBACK.format(error))
    change = {"dataset": "sample", "folder": None, "split": "train"}
    stages = tuple(
        stage.model_copy(update={"data": stage.data.model_copy(update=change)})
        for stage in experiment.stages
    )
    validation = experiment.validation and "sample"
    change = {"dataset": "sample", "validation": validation, "stages": stages}
    experiment = experiment.model_copy(update=change)
    return experiment, _load_sets(experiment)


def _load_sets(experiment):
    sets = {}
    if experiment.validation is not None:
        sets[experiment.validation, "validation"] = validation_pairs(experiment.validation)
    sets[experiment.dataset, "test"] = datasets.load_pairs(experiment.dataset, "test")
    # What rows are trained on is read when it is their turn; it is only checked here.
    for data in dict.fromkeys(stage.data for stage in experiment.stages):
        load_training(data)
    return sets


def _methods(experiment):
    """Yields the `Method`s, those that are trained after their training."""
    program = {"program": hash_of_program()}
    yield Method("noisy", "noisy image", lambda: lambda noisy: [noisy], program)
    made_with = {"version": cv2.__version__, "settings": _NLM, **program}
    yield Method("nlm", "NLM (OpenCV, colour)", lambda: _opencv_nlm, made_with)
    try:
        bm3d = BM3D()
    except ImportError as error:
        tqdm.write(f"note: a row is left out: {error}", file=sys.stderr)
    else:
        title = f"BM3D (sigma {_BM3D_SIGMA:g}, channel by channel)"
        made_with = {"sigma": _BM3D_SIGMA, "profile": "np", "version": version("bm3d")}
        yield Method(
            "bm3d", title, lambda: lambda noisy: [bm3d(noisy[None], _BM3D_SIGMA)[0]], made_with
        )
    for model in experiment.models:
        weights = weights_of(model)
        name = weights.name.removesuffix(SUFFIX)
        yield _of_weights(name, name, model, weights, experiment.steps)
    runs = RUNS / "real-table" / experiment.dataset / experiment.name
    for row in experiment.rows:
        weights, trained = train_row(experiment, row, runs)
        name = f"{experiment.name}-{weights.name.removesuffix(SUFFIX)}"
        method = _of_weights(name, row.title, str(weights), weights, experiment.steps)
        yield method._replace(trained=trained, masks=mask_pictures(weights.parent))


def _of_weights(name, title, model, weights, steps):
    made_with = {"weights_sha256": sha256_of(weights), "program": hash_of_program()}
    _, config = read_description(weights, "model")
    adapts = config.get("network") not in RIVALS
    if adapts:
        made_with |= {
            "steps": steps,
            "losses": list(LOSSES),
            "restored_rate": Restored.RATE,
            "diagonals": f"one of {EVERY}",
        }

    def make():
        return functools.partial(denoise, load_network(model), steps=steps)

    return Method(name, title, make, made_with, adapts=adapts)


def _opencv_nlm(noisy):
    pixels = from_float(noisy, np.uint8)[..., ::-1]  # BGR
    denoised = cv2.fastNlMeansDenoisingColored(pixels, None, *_NLM)
    return [to_float(denoised[..., ::-1])]


def _results(method, pairs, results, devices):
    """Returns lists of each image's PSNR and SSIM: `before` and, of what adapts, by each loss."""
    # The noise is the photographs' own: all results are kept as those of sigma 0.
    missing = [pair for pair in pairs if results.get(0, pair.name) is None]
    if missing:
        measured = measure_all(method.make, _measure, missing, devices)
        bar = tqdm(measured, method.title, len(missing), unit="image", disable=None)
        for pair, result in zip(missing, bar, strict=True):
            results.put(0, pair.name, result)
    found = [results.get(0, pair.name) for pair in pairs]
    values = zip(*(each["values"] for each in found), strict=True)
    row = dict(zip(("before", *LOSSES), values, strict=False))
    return {**row, "seconds": float(np.median([each["seconds"] for each in found]))}


def _measure(restore, pair):
    noisy, clean = to_float(pair.noisy), to_float(pair.clean)
    values, started = [], time.perf_counter()
    for image in restore(noisy):
        seconds, image = time.perf_counter() - started, np.clip(image, 0, 1)
        psnr, ssim = metrics.psnr(clean, image), metrics.ssim(clean, image)
        values.append([round(psnr, 4), round(ssim, 5)])
        started = time.perf_counter()
    return {"values": values, "seconds": round(seconds, 3)}


def _markdown(experiment, summary):
    images, rows = summary["images"], summary["methods"]
    adapted = [
        head
        for loss in LOSSES
        for head in (f"test, {loss} loss", f"gain by {loss} loss, images that gain")
    ]
    columns = ["method", "test, before", *adapted, "seconds an image"]
    about = (
        f"Mean PSNR (dB) and SSIM of clipped images, before and after {experiment.steps} steps of "
        "adaptation to each image, by the paper's auxiliary loss and by the loss on pairs that are "
        "made of the restored image. The time of what adapts is that of the latter."
    )
    if "validation" in images:
        adapted = (f"{loss} loss" for loss in LOSSES)
        columns[1:1] = [f"validation, {when}" for when in ("before", *adapted)]
        about += (
            f" Validation: the centres of {len(images['validation'])} photographs of "
            f"`{experiment.validation}`, whose scenes are not trained on."
        )
    if experiment.rows:
        columns += ["updates in each stage", "minutes"]
        about += (
            f" What was trained for this table had {experiment.seconds / 60:g} minutes. RL, MRL: "
            "plain and masked reconstruction loss of the auxiliary task; RI: random initial "
            "weights; MAXL: pre-training on synthetic noise; MTL: meta-transfer learning on pairs "
            "with real noise."
        )
    columns.append("measured")
    lines = [
        f"# {experiment.name}: `{experiment.dataset}`, {len(images['test'])} images",
        "",
        about,
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for row in rows:
        cells = [row["title"]]
        if "validation" in row:
            cells += [_mean(row["validation"], when) for when in ("before", *LOSSES)]
        cells.append(_mean(row["test"], "before"))
        for loss in LOSSES:
            cells += [_mean(row["test"], loss), _gain(row["test"], loss)]
        cells.append(f"{row['test']['seconds']:.2f}")
        if experiment.rows:
            cells += _training(row["trained"])
        made_by = row["provenance"]
        cells.append(f"{made_by['date'][:10]}, {made_by['cores']} cores of {made_by['processor']}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(measured, when):
    if when not in measured:
        return ""
    psnr, ssim = np.mean(measured[when], axis=0)
    return f"{psnr:.2f} / {ssim:.4f}"


def _gain(measured, loss):
    if loss not in measured:
        return ""
    gains = np.subtract(measured[loss], measured["before"])[:, 0]
    return f"{gains.mean():+.3f} dB, {(gains > 0).sum()} of {len(gains)}"


def _training(stages):
    if not stages:
        return ["", ""]
    updates = ", ".join(f"{stage['name']} {stage['updates']:,}" for stage in stages)
    return [updates, f"{sum(stage['seconds'] for stage in stages) / 60:.1f}"]
