"""The weights that the authors of DnCNN published, as a yardstick."""

from pathlib import Path

import h5py
import numpy as np

from dncnn_keras.dncnn import DnCNN
from dncnn_keras.weight_files import model_name


def load_official(path: str | Path) -> DnCNN:
    """Loads one of the authors' MATLAB files into a `DnCNN`.

    The files are `model/specifics/sigma=NN.mat` (DnCNN-S, depth 17) and
    `model/GD_Gray_Blind.mat` (DnCNN-B, depth 20) of https://github.com/cszn/DnCNN; their batch
    norm is already folded into the convolutions. They serve to prove an evaluation right: with
    them it must give the published PSNR.

    A `.mat` file of MATLAB 7.3 is HDF5: `net/layers` refers to the layers in turn, and a layer
    of type "conv" has `weights`, references to its filters and its bias. Axes come in reverse
    order, and MATLAB drops singleton axes at the end, which are then the first here.

    Args:
        path: Path of the `.mat` file.

    Returns:
        A `DnCNN` with `batch_norm=False` and the depth of the file, named after it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds something else.

    Example (with a file downloaded from there):

        model = load_official("sigma=25.mat")
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with h5py.File(path) as file:
            layers = [file[reference] for reference in file["net/layers"][()].ravel()]
            convolutions = [_read(file, layer) for layer in layers if _type(layer) == "conv"]
        depth, (kernel, _) = len(convolutions), convolutions[0]
        channels, filters = kernel.shape[2:]
        model = DnCNN(depth, filters, channels, batch_norm=False, name=model_name(path.stem))
        for index, weights in enumerate(convolutions, start=1):
            model.get_layer(f"conv_{index}").set_weights(weights)
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(
            f"{path}: not one of the authors' DnCNN files, or damaged; "
            "download it again from https://github.com/cszn/DnCNN (folder model)"
        ) from error
    return model


def _type(layer):
    return bytes(layer["type"][()].astype(np.uint8).ravel()).decode()


def _read(file, layer):
    """Returns a convolution's kernel `(3, 3, in, out)` and bias `(out,)`."""
    kernel, bias = (file[reference][()] for reference in layer["weights"][()].ravel())
    kernel = kernel.reshape((1,) * (4 - kernel.ndim) + kernel.shape)
    return kernel.transpose(3, 2, 1, 0), bias.ravel()
