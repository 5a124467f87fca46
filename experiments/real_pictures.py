"""The pictures of the second paper's experiments."""

import itertools
import math

import numpy as np

from dncnn_keras import metrics
from dncnn_keras.images import to_float
from experiments.pictures import plt, save_figure


def real_comparison(pair, others, found, experiment, file):
    """Shows a real photograph's adaptation: the images, the mask, and what every step changed.

    Args:
        pair: A `datasets.NamedPair`.
        others: Dict of titles to images that other denoisers made of it.
        found: Its `meta_aux.Adaptation`.
        experiment: A `schema_real.RealTable`.
        file: `Path` of the PNG.
    """
    noisy, clean = to_float(pair.noisy), to_float(pair.clean)
    window = _window(experiment)
    ours = {"Before": found.images[0], "After": found.clean}
    panels = {"Noisy": noisy, **others, **ours, "Clean": clean}
    columns = math.ceil((len(panels) + 2) / 2)
    figure, grid = plt.subplots(2, columns, figsize=(3.2 * columns, 6.8), layout="constrained")
    *places, mask, change = grid.flat[: len(panels) + 2]
    for axes in grid.flat[len(panels) + 2 :]:
        axes.set_axis_off()
    for axes, (title, shown) in zip(places, panels.items(), strict=True):
        if title != "Clean":
            title += f", {metrics.psnr(clean, shown):.2f} dB"
        _show(axes, shown[window], title)
    _show(
        mask, found.mask[window][..., 0], "Mask of the auxiliary loss", cmap="gray", vmin=0, vmax=1
    )
    gains = [metrics.psnr(clean, image) for image in found.images]
    change.plot(np.subtract(gains, gains[0]), "o-")
    change.set(xlabel="step", ylabel="gain (dB)")
    change.grid(alpha=0.3)
    figure.suptitle(f"{pair.name}: {experiment.steps} steps of adaptation", fontsize=10)
    save_figure(figure, file)


def unfolded_adaptation(pair, found, experiment, file):
    """Shows the clean image after every step, and what the primary head adds to the noisy one.

    That is the residual, the head's last layer, one map for each colour channel, as far as the
    clean image is not clipped; of each map the largest value is black or white.

    Args:
        pair, found, experiment, file: As for `real_comparison`.
    """
    noisy, clean = to_float(pair.noisy), to_float(pair.clean)
    window = _window(experiment)
    steps = [(f"step {number}", image) for number, image in enumerate(found.images)]
    images = [("Noisy", noisy), *steps, ("Clean", clean)]
    figure = plt.figure(figsize=(2.0 * len(images), 5.4), layout="constrained")
    top, bottom = figure.subfigures(2)
    for axes, (title, image) in zip(top.subplots(1, len(images)), images, strict=True):
        if title != "Clean":
            title += f"\n{metrics.psnr(clean, image):.3f} dB"
        _show(axes, image[window], title)
    before, after = (image[window] - noisy[window] for image in found.images[[0, -1]])
    maps = {"before": before, "after": after, "difference": after - before}
    panels = itertools.product(enumerate(("Red", "Green", "Blue")), maps.items())
    for axes, ((channel, colour), (when, residual)) in zip(
        bottom.subplots(1, 9), panels, strict=True
    ):
        shown = 255 * residual[..., channel]
        largest = max(float(np.abs(shown).max()), 1e-9)
        title = f"{colour}, {when}\nup to {largest:.2g} of 255"
        _show(axes, shown, title, cmap="gray", vmin=-largest, vmax=largest)
    figure.suptitle(f"{pair.name}: every step, and the primary head's last layer", fontsize=10)
    save_figure(figure, file)


def mask_evolution(rows, file):
    """Shows a photograph's mask at several times of each training.

    Args:
        rows: Dict of a training's title to its masks, as `mask_pictures` returns them.
        file: `Path` of the PNG.
    """
    columns = max(map(len, rows.values()))
    size = (2.0 * columns, 2.4 * len(rows))
    figure, grid = plt.subplots(
        len(rows), columns, figsize=size, layout="constrained", squeeze=False
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (title, masks) in zip(grid, rows.items(), strict=True):
        for number, (each, (updates, mask)) in enumerate(zip(axes, masks.items(), strict=False)):
            name = f"{updates:,} updates"
            _show(each, mask, name, cmap="gray", vmin=0, vmax=255)
            if number == 0:
                each.set_title(f"{title}\n{name}", fontsize=9, loc="left")
                each.set_title("")
    save_figure(figure, file)


def _window(experiment):
    top, left, side = experiment.zoom
    return slice(top, top + side), slice(left, left + side)


def _show(axes, image, title, **arguments):
    axes.imshow(image, **arguments)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
