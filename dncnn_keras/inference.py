"""Denoising from Python in one call: `dncnn_keras.denoise(image)`."""

import functools
import reprlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.quiet import import_tensorflow
from dncnn_keras.weight_files import SUFFIX, description_of, read_description

if TYPE_CHECKING:  # it loads TensorFlow, which the classical methods do without
    from dncnn_keras.dncnn import DnCNN


def denoise(
    image: np.ndarray,
    model: "str | Path | DnCNN | Denoiser" = "dncnn-blind",
    sigma: float | None = None,
) -> np.ndarray:
    """Denoises an image.

    Args:
        image: Array of shape `(height, width)`, `(height, width, channels)` with 1 or 3 channels,
            or `(batch, height, width, channels)`; uint8, uint16, or floats about [0, 1].
        model: What denoises: a name (see `pretrained.available()`; or `"nlm"`, `"ksvd"`,
            `"bm3d"`; or, for photographs, `"real-mtl"` and `"real-mtl-adapted"`, which adapts to
            each of them), the path of a `.weights.h5` file, a `DnCNN`, or any `Denoiser`. The
            denoiser of a name is kept for the next call; for many calls with a `DnCNN` make a
            `DnCNNDenoiser` of it once.
        sigma: Standard deviation of the noise in grey levels, 0 to 255, which the classical
            methods need and a blind network ignores.

    Returns:
        The clean image, of the shape and dtype of `image`. Integers are clipped and rounded;
        floats are the method's own, which `real-mtl` clips and the others do not.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If the image has another shape or dtype, or the method cannot take it.

    Example:

    >>> noisy = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    >>> denoise(noisy, DnCNN(depth=5)).shape
    (64, 64, 3)
    """
    image = np.asarray(image)
    integer = image.dtype in (np.uint8, np.uint16)
    if not integer and not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"denoise: the image must be uint8, uint16 or float, got {image.dtype}")
    if image.ndim == 2:
        batch = image[None, :, :, None]
    elif image.ndim == 3 and image.shape[2] in (1, 3):
        batch = image[None]
    elif image.ndim == 4:
        batch = image
    else:
        raise ValueError(
            "denoise: the image must have the shape (height, width), (height, width, 1 or 3) or "
            f"(batch, height, width, channels), got {image.shape}"
        )
    denoiser = find_denoiser(model)
    clean = denoiser.denoise_pixels(batch, sigma) if integer else denoiser(batch, sigma)
    return clean.reshape(image.shape).astype(image.dtype, copy=False)


def find_denoiser(model):
    """Makes a denoiser of what `denoise` takes as `model`.

    Other packages add denoisers by entry points in the group `dncnn_keras.denoisers`: functions
    without arguments that return a `Denoiser`. For weight files of their own networks they add
    functions of the file's path in the group `dncnn_keras.networks`, each under the name that
    the file's description has as `network`.
    """
    if isinstance(model, Denoiser):
        return model
    if isinstance(model, str):
        return _named(model) if not model.endswith(SUFFIX) else _learned(model)
    return _learned(model)


@functools.cache
def _named(name):
    match name:
        case "nlm":
            from dncnn_keras.denoisers.nlm import NLM

            return NLM()
        case "ksvd":
            from dncnn_keras.denoisers.ksvd import KSVD

            return KSVD()
        case "bm3d":
            from dncnn_keras.denoisers.bm3d import BM3D

            return BM3D()
    import_tensorflow()  # what is left are networks
    for plugin in entry_points(group="dncnn_keras.denoisers", name=name):
        return plugin.load()()
    return _learned(name)


def _learned(model):
    import_tensorflow()
    from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
    from dncnn_keras.dncnn import DnCNN
    from dncnn_keras.pretrained import load_pretrained

    if isinstance(model, (str, Path)):
        for plugin in _plugins(Path(model)):
            return plugin.load()(model)
        model = load_pretrained(model)
    if not isinstance(model, DnCNN):
        raise ValueError(
            "denoise: the model must be a name, the path of a .weights.h5 file, a DnCNN or a "
            f"Denoiser, got {reprlib.repr(model)}"
        )
    return DnCNNDenoiser(model)


def _plugins(weights):
    """Returns the entry points of other packages' networks that a weight file may be of."""
    there = weights.is_file() and description_of(weights).is_file()
    if not (there and weights.name.endswith(SUFFIX)):
        return []  # `load_pretrained` says what is wrong
    _, config = read_description(weights, "model")
    return entry_points(group="dncnn_keras.networks", name=str(config.get("network")))
