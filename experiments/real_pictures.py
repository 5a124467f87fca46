"""The pictures of the second paper's experiments."""

import numpy as np

from dncnn_keras import metrics
from dncnn_keras.images import to_float
from experiments.pictures import plt, save_figure
from meta_aux import adapt


def real_comparison(pair, denoiser, experiment, file):
    """Shows a real photograph's adaptation: the images, the mask, and what every step changed.

    Args:
        pair: A `datasets.NamedPair`.
        denoiser: A `meta_aux.RealDenoiser`.
        experiment: A `schema_real.RealTable`.
        file: `Path` of the PNG.
    """
    noisy, clean = to_float(pair.noisy), to_float(pair.clean)
    found = adapt(denoiser, noisy, experiment.steps, details=True)
    top, left, side = experiment.zoom
    window = (slice(top, top + side), slice(left, left + side))
    panels = [("Noisy", noisy), ("Before", found.images[0]), ("After", found.clean)]
    figure, grid = plt.subplots(2, 3, figsize=(9.6, 6.8), layout="constrained")
    for axes, (title, shown) in zip(grid.flat, [*panels, ("Clean", clean)], strict=False):
        axes.imshow(shown[window])
        if title != "Clean":
            title += f", {metrics.psnr(clean, shown):.2f} dB"
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    mask, change = grid.flat[4:]
    mask.imshow(found.mask[window][..., 0], cmap="gray", vmin=0, vmax=1)
    mask.set_title("Mask", fontsize=9)
    mask.set_axis_off()
    gains = [metrics.psnr(clean, image) for image in found.images]
    change.plot(np.subtract(gains, gains[0]), "o-")
    change.set(xlabel="step", ylabel="gain (dB)")
    change.grid(alpha=0.3)
    figure.suptitle(f"{pair.name}: {experiment.steps} steps of adaptation", fontsize=10)
    save_figure(figure, file)
