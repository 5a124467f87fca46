"""Images by the name of their set, or from a folder of the user's own."""

import math
from pathlib import Path

import numpy as np

from dncnn_keras import paths
from dncnn_keras.datasets import div2k
from dncnn_keras.datasets.named_image import NamedImage
from dncnn_keras.datasets.sample import load_sample
from dncnn_keras.datasets.unreadable import Unreadable, check_unreadable, fail_or_skip
from dncnn_keras.mapped_file import MappedFile
from dncnn_keras.quiet import import_tensorflow, stderr_silenced


def load_images(
    name: str,
    split: str | None = None,
    data_dir: str | Path | None = None,
    unreadable: Unreadable = "fail",
) -> list[NamedImage]:
    """Loads a named set of images, and prepares it first where that is not done yet.

    Args:
        name: `"bsd400"`, `"bsd68"`, `"set12"`, `"bsd80"`, `"bsds500"`, `"div2k"` (from
            TensorFlow Datasets, or a folder of its PNG files), or `"sample"` for the embedded
            photographs that need neither a network nor a folder.
        split: String, e.g. `"train"`, or splits in TFDS's notation: a part, e.g.
            `"train[:90%]"`, or several, e.g. `"train+test"` of `"bsds500"`, whose `"val"` contains
            BSD68. `"sample"` and `"div2k"` (`"train"`, `"validation"`) take single ones alone. May
            be left out where the set has only one.
        data_dir: Folder that holds the set's files as a folder `name`, e.g. `bsd68/test001.png`
            or `bsds500/train/100075.jpg`, by default the one that `DENOISE_DATA` names. A set
            that is not there is downloaded.
        unreadable: As for `load_folder`, for `"div2k"` alone: the files of the others are checked
            against recorded checksums.

    Returns:
        List of `NamedImage` in the set's order: grey ones of shape `(height, width, 1)`, those
        of `"bsds500"` and `"div2k"` of shape `(height, width, 3)`. They lie in a file in the cache
        folder that is mapped into memory.

    Raises:
        ValueError: If there is no such set or split, if a file in the folder is not the recorded
            one, or if the prepared copy in the cache folder is damaged.
        FileNotFoundError: If the folder does not exist or holds only a part of the set.
        DataUnavailableError: If the set is neither in the folder nor can be downloaded.

    Example:

    >>> load_images("sample", split="test")[0].pixels.shape
    (512, 512, 1)
    """
    check_unreadable(unreadable)
    if name == "sample":
        return load_sample(split)
    import_tensorflow()
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from dncnn_keras.datasets.bsd68 import BSD68
    from dncnn_keras.datasets.bsd80 import BSD80
    from dncnn_keras.datasets.bsd400 import BSD400
    from dncnn_keras.datasets.bsds500 import BSDS500
    from dncnn_keras.datasets.set12 import Set12

    data_dir = Path(data_dir) if data_dir else paths.data_dir()
    if data_dir and not data_dir.is_dir():
        raise FileNotFoundError(f"{data_dir}: there is no such folder")
    if name == "div2k":
        folder = div2k.find_folder(split, data_dir)
        return load_folder(folder, unreadable) if folder else _map(div2k.read_from_tfds(split))
    sets = {image_set.name: image_set for image_set in (BSD400, BSD68, Set12, BSD80, BSDS500)}
    if name not in sets:
        raise ValueError(
            f"there is no data set {name!r}, choose one of {', '.join(sets)}, div2k, sample"
        )
    builder = sets[name](files_dir=data_dir)
    builder.prepare()
    splits = list(builder.info.splits)
    if split is None and len(splits) == 1:
        split = splits[0]
    try:
        examples = builder.as_dataset(split=split or "")
    except ValueError:
        raise ValueError(
            f"{name}: there is no split {split!r}, choose one of {', '.join(splits)} "
            f"or a slice such as {splits[0]}[:90%]"
        ) from None
    try:
        return _map(
            (example["name"].decode(), example["image"]) for example in tfds.as_numpy(examples)
        )
    except tf.errors.OpError as error:
        raise ValueError(
            f"{builder.data_dir}: damaged ({type(error).__name__}); remove this folder, and the "
            "set is prepared again"
        ) from error


def load_folder(path: str | Path, unreadable: Unreadable = "fail") -> list[NamedImage]:
    """Loads a folder of the user's own images.

    Args:
        path: Folder of PNG, JPEG and TIFF files. Folders in it and hidden files are passed over;
            an alpha channel is dropped (a TIFF file that `read_image` refuses is unreadable),
            and 16 bits a channel are reduced to 8.
        unreadable: What to do where a file cannot be read, is damaged or no such image: `"fail"`,
            or `"skip"` to name it in one line on stderr and leave it out.

    Returns:
        List of `NamedImage`, sorted by name. The names are the file names; grey images have
        shape `(height, width, 1)`, colour ones `(height, width, 3)`. They lie in a file in the
        cache folder that is mapped into memory, so that there may be more of them than memory.

    Raises:
        FileNotFoundError: If the folder does not exist or is empty.
        ValueError: If a file is not an image or is damaged (under `"fail"`), or none is left.
    """
    check_unreadable(unreadable)
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
    if not files:
        raise FileNotFoundError(f"{folder}: the folder holds no images")
    images = _map(_read(files, unreadable))
    if not images:
        raise ValueError(f"{folder}: none of its {len(files)} files is an image that can be read")
    return images


def _read(files, unreadable):
    """Yields the name and the pixels of each file."""
    from dncnn_keras.images import read_eight_bit

    for file in files:
        try:
            with stderr_silenced():
                pixels = read_eight_bit(file)
        except (OSError, ValueError, MemoryError) as error:
            fail_or_skip(unreadable, file.name, error)
        else:
            yield file.name, pixels


def _map(images):
    """Makes `NamedImage`s of pairs (name, pixels), which are never in memory all at once."""
    names, shapes = [], []
    with MappedFile() as file:
        for name, pixels in images:
            file.add(pixels)
            names.append(name)
            shapes.append(pixels.shape)
        if not names:
            return []
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        parts = np.split(file.array(), ends[:-1])
    return [
        NamedImage(name, part.reshape(shape))
        for name, part, shape in zip(names, parts, shapes, strict=True)
    ]
