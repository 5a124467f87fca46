"""The pictures of the first paper's experiments."""

import contextlib
import io

import cv2
import matplotlib
import numpy as np

from dncnn_keras import metrics
from dncnn_keras.images import from_float, read_eight_bit, to_float
from experiments.atomic_write import write_atomically
from experiments.images import noisy_image

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle


def psnr_over_sigma(methods, rows, file):
    """Plots every method's mean PSNR over sigma, and its distance from K-SVD's.

    K-SVD is the yardstick because it needs no optional package; where the classical methods are
    left out it is the first network.

    Args:
        methods: List of `methods.Method`.
        rows: `rows[method][sigma]` with the means that `evaluation.evaluate` returns.
        file: `Path` of the PNG.
    """
    figure, (absolute, relative) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    candidates = [method for method in methods if method.name == "ksvd"]
    (yardstick, *_) = candidates or [method for method in methods if method.name != "noisy"]
    for method in methods:
        row = rows[method.name]
        if not row:
            continue
        key = "psnr_unclipped" if method.name == "noisy" else "psnr"
        values = [row[sigma][key] for sigma in row]
        absolute.plot(list(row), values, "o-", label=method.title)
        zero = rows[yardstick.name]
        shared = [sigma for sigma in row if sigma in zero and method.name != "noisy"]
        distances = [row[sigma]["psnr"] - zero[sigma]["psnr"] for sigma in shared]
        relative.plot(shared, distances, "o-", color=absolute.lines[-1].get_color())
    absolute.set(xlabel="sigma (grey levels)", ylabel="PSNR (dB)", title="Mean PSNR")
    relative.set(
        xlabel="sigma (grey levels)", ylabel="dB", title=f"Distance from {yardstick.title}"
    )
    absolute.legend(frameon=False, fontsize=9)
    for axes in (absolute, relative):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    save_figure(figure, file)


def choose_image(visual, dataset, images):
    """Finds the image of the visual comparison.

    The default, which is the paper's, lies in `bsd80` alone: of other sets the first image is
    shown. So it is where the embedded images stand for a set, whatever the name.

    Args:
        visual: A `schema_dncnn.Visual`.
        dataset: Name of the data set the images are of.
        images: List of `datasets.NamedImage`.

    Returns:
        One of them.

    Raises:
        ValueError: If the set has no image of the name that was given.
    """
    names = [image.name for image in images]
    if visual.image in names:
        return images[names.index(visual.image)]
    if "image" in visual.model_fields_set and dataset != "sample":
        raise ValueError(
            f"visual.image: {dataset} has no image {visual.image!r}, but "
            f"{', '.join(map(repr, names[:3]))}{' and others' if len(names) > 3 else ''}"
        )
    return images[0]


def visual_comparison(experiment, dataset, image, methods, file):
    """Shows one image at one sigma: clean, noisy and as every method returns it, with a zoom.

    The slow methods' outputs are kept beside their results as PNG files, so that the picture can
    be made again without them.

    Args:
        experiment: A `schema_dncnn.Table1`.
        dataset: Name of the data set the image is of.
        image: A `datasets.NamedImage`.
        methods: List of `methods.Method`.
        file: `Path` of the PNG.
    """
    sigma, anew = experiment.visual.sigma, experiment.recompute
    noisy, clean = noisy_image(image, sigma, experiment.seed)
    panels = [("Clean", clean)]
    for method in methods:
        if method.sigmas is None or sigma in method.sigmas:
            what = f"{image.name.replace('/', '-')}_sigma{sigma:g}_seed{experiment.seed}"
            kept = file.parent / "table1" / dataset / f"{method.name}_{what}.png"
            with contextlib.suppress(ImportError):  # an optional package: no panel
                panels.append((method.title, _output(method, noisy, sigma, kept, anew)))

    columns = -(-len(panels) // 2)
    height = 3.1 * clean.shape[0] / clean.shape[1] + 0.5
    figure, grid = plt.subplots(
        2, columns, figsize=(3.1 * columns, 2 * height + 0.3), layout="constrained"
    )
    top, left, side = experiment.visual.zoom
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, shown) in zip(grid.flat, panels, strict=False):
        shown = np.clip(shown, 0, 1)
        axes.imshow(shown[..., 0], cmap="gray", vmin=0, vmax=1)
        axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor="gold"))
        zoom = axes.inset_axes([0.55, 0.0, 0.45, 0.45])
        zoom.imshow(shown[top : top + side, left : left + side, 0], cmap="gray", vmin=0, vmax=1)
        zoom.set(xticks=[], yticks=[])
        for spine in zoom.spines.values():
            spine.set_edgecolor("gold")
        axes.set_axis_off()
        if title != "Clean":
            title += f"\n{metrics.psnr(clean, shown):.2f} dB, SSIM {metrics.ssim(clean, shown):.3f}"
        axes.set_title(title, fontsize=9)
    figure.suptitle(f"{image.name}, sigma {sigma:g}", fontsize=10)
    save_figure(figure, file)


def noisy_and_denoised(experiment, image, method, files):
    """Writes the image of the visual comparison before and after, pixel on pixel.

    Args:
        experiment: A `schema_dncnn.Table1`.
        image: A `datasets.NamedImage`.
        method: The `methods.Method` that denoises.
        files: Pair of `Path`s of the PNGs of the noisy and the denoised image, 8 bit.
    """
    sigma = experiment.visual.sigma
    noisy, _ = noisy_image(image, sigma, experiment.seed)
    for pixels, file in zip((noisy, method.make(sigma)(noisy[None], sigma)[0]), files, strict=True):
        _write(pixels, file)


def _output(method, noisy, sigma, kept, anew):
    if method.slow and kept.exists() and not anew:
        return to_float(read_eight_bit(kept))
    output = method.make(sigma)(noisy[None], sigma)[0]
    if method.slow:
        _write(output, kept)
    return output


def _write(pixels, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".png", from_float(pixels, np.uint8))[1]
    write_atomically(file, encoded.tobytes())


def save_figure(figure, file):
    """Writes a figure as a PNG, complete or not at all, and closes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    png = io.BytesIO()
    figure.savefig(png, dpi=110, format="png", metadata={"Software": None})
    plt.close(figure)
    write_atomically(file, png.getvalue())
