"""Weight files that may be damaged: `NAME.weights.h5`, and `NAME.json`, which says what is in it.

Nothing in them is run: the one holds arrays, the other text, numbers and lists.
"""

import hashlib
import json
import warnings

import h5py
import numpy as np

from dncnn_keras.one_line import one_line

SUFFIX = ".weights.h5"


def description_of(weights):
    """Path of the description that lies beside a weight file."""
    return weights.with_name(weights.name.removesuffix(SUFFIX) + ".json")


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
    if hashlib.sha256(weights.read_bytes()).hexdigest() != sha256:
        raise ValueError(
            f"{weights}: damaged, or not the file that {description.name} describes "
            "(its SHA-256 differs); install or copy the two again"
        )
    return about, config


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
    except Exception as error:  # Keras, TensorFlow and h5py raise what they happen to
        raise ValueError(one_line(str(error).partition("\n")[0])) from error


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
