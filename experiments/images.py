"""The images of an experiment: those that are trained on, those held out, and their noise."""

import numpy as np

from dncnn_keras import datasets, noise, seeds
from dncnn_keras.datasets.sample import load_sample
from dncnn_keras.images import to_float


def split_images(data, channels):
    """Loads the images and holds some of them out, spread evenly over the set.

    Args:
        data: A `schema.Data`.
        channels: Channels that the images must have.

    Returns:
        Two lists of `NamedImage`: for training, and held out.

    Raises:
        ValueError: If an image has other channels, or too many are held out.
        DataUnavailableError: If the images are not there.
    """
    images = _load(data, "train", channels)
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
    return _load(data, data.split, channels=3)


def noisy_image(image, sigma, seed):
    """Adds noise to an image: the same for every method and on every machine.

    Args:
        image: A `datasets.NamedImage`.
        sigma: Noise level in grey levels of 255.
        seed: The experiment's seed.

    Returns:
        Pair (noisy, clean) of float32 arrays of shape `(height, width, channels)`; the noisy one
        is not clipped.
    """
    clean = to_float(image.pixels)
    seed = seeds.derive(seed, "test", image.name, f"{sigma:g}")
    return noise.add_gaussian(clean, sigma, seed).numpy(), clean


def _load(data, split, channels):
    if data.folder is not None:
        images = datasets.load_folder(data.folder, data.unreadable)
    elif data.dataset == "sample":
        images = load_sample(split, channels)
    else:
        images = datasets.load_images(data.dataset, split, unreadable=data.unreadable)
    for image in images:
        if image.pixels.shape[-1] != channels:
            raise ValueError(
                f"{data.folder or data.dataset}: {image.name} has {image.pixels.shape[-1]} "
                f"channels, needed are {channels} (of a DnCNN: network.channels)"
            )
    return images
