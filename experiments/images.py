"""The images of an experiment: those that are trained on, and those held out."""

import numpy as np

from dncnn_keras import datasets
from dncnn_keras.datasets.sample import load_sample


def split_images(data, channels):
    """Loads the images and holds some of them out, spread evenly over the set.

    Args:
        data: A `schema.Data`.
        channels: Channels that the images must have.

    Returns:
        Two lists of `NamedImage`: for training, and held out.

    Raises:
        ValueError: If an image has other channels, or too many are held out.
    """
    if data.folder is not None:
        images = datasets.load_folder(data.folder)
    else:
        images = datasets.load_images(data.dataset, split="train")
    wrong = next((image for image in images if image.pixels.shape[-1] != channels), None)
    if wrong is not None:
        raise ValueError(
            f"network.channels is {channels}, but image {wrong.name} has {wrong.pixels.shape[-1]}"
        )
    if data.holdout >= len(images):
        raise ValueError(f"data.holdout: {data.holdout} of only {len(images)} images")
    held_out = set(np.linspace(0, len(images) - 1, data.holdout).round().astype(int))
    return (
        [image for number, image in enumerate(images) if number not in held_out],
        [image for number, image in enumerate(images) if number in held_out],
    )


def colour_images(data):
    """Loads images that noise is added to.

    Args:
        data: A `schema.ColourImages`, or what else has its attributes.

    Returns:
        List of `NamedImage`, all of three channels.

    Raises:
        ValueError: If an image is grey.
        DataUnavailableError: If the images are not there.
    """
    if data.folder is not None:
        images = datasets.load_folder(data.folder)
    elif data.dataset == "sample":
        images = load_sample(data.split, channels=3)
    else:
        images = datasets.load_images(data.dataset, data.split)
    grey = [image.name for image in images if image.pixels.shape[-1] != 3]
    if grey:
        raise ValueError(f"{data.folder}: {grey[0]} is grey; colour images are needed")
    return images
