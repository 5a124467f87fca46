"""Handwritten digits: MNIST, and the small set that needs no download."""

import gzip
import zlib

import numpy as np

from dncnn_keras import paths
from dncnn_keras.datasets.tfds_sets import load_from_tfds

_ADDRESS = "https://storage.googleapis.com/cvdf-datasets/mnist/"
# Of each split, those of its images and of its labels.
_FILES = {
    split: [f"{stem}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    for split, stem in (("train", "train"), ("test", "t10k"))
}
_REMEDY = f"put {', '.join([*_FILES['train'], *_FILES['test']])} of {_ADDRESS} in a folder mnist"
# A fifth of those that scikit-learn bundles.
_TEST_DIGITS = 359


def load_digits(name="mnist", split="train"):
    """Loads handwritten digits.

    Args:
        name: `"mnist"` (60,000 and 10,000 digits of 28x28), from the folder `mnist` of
            `DENOISE_DATA` with its four `idx` files, else through TensorFlow Datasets; or
            `"digits"`, scikit-learn's 1,797 of 8x8, which come with the package.
        split: `"train"` or `"test"`.

    Returns:
        Images, float32 of shape `(count, pixels)` in [0, 1], and labels, int64 of shape
        `(count,)`.

    Raises:
        ValueError: If there is no such set or split, or a file is damaged.
        DataUnavailableError: If MNIST is neither in the folder nor can be downloaded.

    Example:

    >>> load_digits("digits", "test")[0].shape
    (359, 64)
    """
    if split not in _FILES:
        raise ValueError(f"digits: there is no split {split!r}, choose train or test")
    if name == "digits":
        from sklearn.datasets import load_digits as bundled

        images, labels = bundled(return_X_y=True)
        rows = slice(_TEST_DIGITS, None) if split == "train" else slice(_TEST_DIGITS)
        return (images[rows] / 16).astype(np.float32), labels[rows].astype(np.int64)
    if name != "mnist":
        raise ValueError(f"there are no digits {name!r}, choose mnist or digits")
    folder = paths.data_dir()
    if folder and (folder / "mnist").is_dir():
        images, labels = (_read_idx(folder / "mnist" / name) for name in _FILES[split])
        if len(images) != len(labels):
            raise ValueError(
                f"{folder / 'mnist'}: {len(images)} digits of the split {split!r}, but "
                f"{len(labels)} labels; get its files again"
            )
    else:
        images, labels = _from_tfds(split)
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(np.int64)


def _read_idx(path):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; {_REMEDY}, and try again")
    try:
        with gzip.open(path) as file:
            content = file.read()
        dimensions = content[3]
        shape = np.frombuffer(content, ">u4", dimensions, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise ValueError(f"{path}: damaged, not an idx file ({error}); get it again") from error


def _from_tfds(split):
    address = _ADDRESS + _FILES[split][0]
    digits = load_from_tfds("mnist", split, "MNIST", address, _REMEDY, batch_size=-1)
    return digits["image"], digits["label"]
