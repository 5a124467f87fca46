"""Weight files that may be damaged: `NAME.weights.h5`, and `NAME.json`, which says what is in it.

Nothing in them is run: the one holds arrays, the other text, numbers and lists.
"""

import hashlib
import io
import json
import os
import re
import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np

from dncnn_keras.one_line import one_line

SUFFIX = ".weights.h5"


def names_in(folder):
    """Names of the weights in a folder, a `Path`, that have a description, sorted."""
    names = (path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    return sorted(name for name in names if (folder / f"{name}.json").is_file())


def description_of(weights):
    """Path of the description that lies beside a weight file."""
    return weights.with_name(weights.name.removesuffix(SUFFIX) + ".json")


def model_name(stem):
    """A file's name as a model's: with a dash for what TensorFlow takes in no name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", stem).lstrip("_-") or "model"


def sha256_of(file):
    """SHA-256 of a file's content in hexadecimal digits; `file` is a `Path`."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_description(weights, section):
    """Reads the description of a weight file, and checks that the two belong together.

    Args:
        weights: `Path` of the weight file.
        section: Key under which the description holds what its model is made of.

    Returns:
        The description, and the dict under that key.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the files are damaged or do not belong together.
    """
    description = description_of(weights)
    try:
        about = json.loads(description.read_text(encoding="utf-8"))
        config, sha256 = dict(about[section]), about["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{description}: must be JSON with {section!r} and 'sha256', as it is written "
            "with the weights"
        ) from error
    if sha256_of(weights) != sha256:
        raise ValueError(
            f"{weights}: damaged, or not the file that {description.name} describes "
            "(its SHA-256 differs); install or copy the two again"
        )
    return about, config


def is_complete(weights, section):
    """Whether a weight file and its description are there, undamaged, and belong together."""
    try:
        read_description(weights, section)
    except (OSError, ValueError):
        return False
    return True


def load_model(weights, make, config, sizes):
    """Makes a model and loads its weights.

    Args:
        weights: `Path` of the weight file.
        make: Function of `**config` that makes the `keras.Model`.
        config: Dict of what it is made of, as `read_description` returns it.
        sizes: Keys of `config` that are numbers of layers or their widths, or lists of them.

    Returns:
        The model.

    Raises:
        ValueError: If the file holds something else, or weights that are not finite.

    Example:

    >>> _, config = read_description(path, "model")
    >>> model = load_model(path, DnCNN, config, ["depth", "filters", "channels"])
    """
    try:
        _check_sizes(weights, [config[key] for key in sizes if key in config])
        model = make(**config)
        load_weights(model, weights)
    except MemoryError:
        raise
    except Exception as error:  # whatever Keras and h5py come to at a strange value
        name = description_of(weights).name
        raise ValueError(
            one_line(f"{weights}: not the weights of the model in {name}, {config}: {error}")
        ) from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(f"{weights}: damaged, holds NaN or infinite weights")
    return model


def load_weights(model, weights):
    """Loads weights into a model: all of them, or none that can be relied on and an error.

    Args:
        model: A built `keras.Model`.
        weights: `Path` of the weight file.

    Raises:
        ValueError: If the file is damaged or does not fit the model, in one line that says why.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers it skips
            model.load_weights(weights)
    except MemoryError:
        raise
    except Exception as error:  # Keras, TensorFlow and h5py raise what they happen to
        raise ValueError(one_line(str(error).partition("\n")[0])) from error


def save_model(model, name, folder, about):
    """Writes a model's weights and their description.

    Both files are complete under temporary names before either gets its own, so that an
    interruption leaves nothing half-written. One that falls between the two, where there were older
    files, leaves a pair that does not belong together, and its checksum says so.

    Args:
        model: A `keras.Model` that is not compiled: the state of an optimizer would be saved too.
        name: The files are `name.weights.h5` and `name.json`.
        folder: Folder for the two files, made where it is missing.
        about: Dict that JSON can hold, the description but for the checksum.

    Returns:
        Path of the weight file.

    Raises:
        OSError: If they cannot be written; its `filename` is that of the weight file.
    """
    target = Path(folder) / f"{name}{SUFFIX}"
    temporary = target.with_name(f".{name}.new")
    weights = temporary / target.name
    description = description_of(weights)
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
        temporary.mkdir(parents=True)
        content = weights_as_bytes(model)
        weights.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        text = json.dumps({**about, "sha256": sha256}, indent=2) + "\n"
        description.write_text(text, encoding="utf-8")
        for path in (weights, description):
            os.replace(path, target.with_name(path.name))
    except OSError as error:
        error.filename = str(target)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def weights_as_bytes(model):
    """Returns what `model.save_weights` writes, as bytes.

    HDF5 must not write to a disk that may be full: its library crashes there, and the process with
    it.

    Args:
        model: A built `keras.Model`; of a compiled one its optimizer's state is saved too.
    """
    memory = _Memory()
    model.save_weights(memory)
    return memory.getvalue()


class _Memory(io.BytesIO):
    """Keras writes to a file object as well, where it has the name of a weight file."""

    def __str__(self):
        return f"memory{SUFFIX}"


def _check_sizes(weights, sizes):
    """Compares sizes with those in the file: a wrong one would have the model fill the memory."""
    shapes = []

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            if item.nbytes > weights.stat().st_size:  # they are never compressed
                raise ValueError(f"{name} is larger than the file")
            shapes.append(item.shape)

    with h5py.File(weights) as file:
        file.visititems(note)
    # Each layer has weights of its own, and each width is a dimension of some of them.
    largest = max(len(shapes), *(extent for shape in shapes for extent in shape), 0)
    for size in sizes:
        for each in size if isinstance(size, list) else [size]:
            if each is not None and (type(each) is not int or not 1 <= each <= largest):
                raise ValueError(f"sizes must be integers from 1 to {largest}, got {each!r}")
