"""Ends a training for photographs by choosing the residual's strength: `kind: scale-residual`."""

import sys

from tqdm import tqdm

from dncnn_keras.images import to_float
from dncnn_keras.weight_files import read_description
from experiments.provenance import provenance
from experiments.train_real import validate, validation_pairs
from meta_aux.pretrained import load_pretrained, save_pretrained, weights_of
from meta_aux.residual_scale import psnr_by_scale, scale_residual


def choose_residual_scale(experiment, folder):
    """Chooses the scale that is best on the validation pairs, and writes weights that have it.

    Args:
        experiment: A `schema_real.ScaleResidual`.
        folder: `Path` of the run, for `<name>.weights.h5` and `<name>.json`.

    Returns:
        Path of the weight file.

    Raises:
        FileNotFoundError: If there are no weights to start from.
        ValueError: If they are damaged.
        DataUnavailableError: If the validation pairs are not there.
    """
    denoiser = load_pretrained(experiment.start)
    pairs = validation_pairs(experiment.validation.dataset)
    images = [(to_float(pair.noisy), to_float(pair.clean)) for pair in pairs]
    psnrs = psnr_by_scale(denoiser, tqdm(images, experiment.name, unit="image", disable=None))
    scale = max(psnrs, key=psnrs.get)
    if scale in (min(psnrs), max(psnrs)):
        note = f"note: the best scale, {scale:g}, is at the end of those that were tried"
        print(note, file=sys.stderr)
    scale_residual(denoiser, scale)
    made_by = {
        "experiment": experiment.model_dump(mode="json"),
        "scale": scale,
        "validation_by_scale": {scale: round(psnr, 3) for scale, psnr in psnrs.items()},
        "validation": validate(denoiser, pairs, experiment.validation.steps),
        "validation_pairs": [pair.name for pair in pairs],
        **provenance(),
        "start": read_description(weights_of(experiment.start), "model")[0],
    }
    return save_pretrained(denoiser, experiment.name, folder, made_by)
