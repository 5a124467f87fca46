"""The embedded default of noisy and clean pairs: scikit-image's pictures with a camera's noise.

They need neither a network nor a folder. The noise is synthetic, and they are not a benchmark:
figures measured on them cannot be compared with any paper's.
"""

import numpy as np

from dncnn_keras.datasets.named_pair import NamedPair
from dncnn_keras.datasets.sample import load_sample

_SPLITS = {
    "train": ["astronaut", "motorcycle_left"],
    "validation": ["rocket"],
    "test": ["chelsea", "coffee"],
}
_SIGMAS = (8.0, 20.0)


def load_sample_pairs(split):
    """Loads the colour photographs of the sample, and makes a noisy picture of each.

    The noise is that of `noise.add_camera`, of a strength between 8 and 20 grey levels that
    depends on the photograph alone, so that the pairs are always the same.

    Args:
        split: `"train"`, `"validation"` or `"test"`; no photograph is in two of them.

    Returns:
        List of `NamedPair`.

    Raises:
        ValueError: If there is no such split.

    Example:

    >>> [pair.name for pair in load_sample_pairs("validation")]
    ['rocket']
    """
    if split not in _SPLITS:
        raise ValueError(f"sample: there is no split {split!r}, choose one of {', '.join(_SPLITS)}")
    photographs = load_sample("test" if split == "test" else "train", channels=3)
    return [
        NamedPair(image.name, image.name, _with_noise(image), image.pixels)
        for image in photographs
        if image.name in _SPLITS[split]
    ]


def _with_noise(image):
    from dncnn_keras import images, noise, seeds

    seed = seeds.derive(0, "sample pairs", image.name)
    sigma = noise.uniform(*_SIGMAS, seeds.fold(seed, 0))
    noisy = noise.add_camera(images.to_float(image.pixels), sigma, seeds.fold(seed, 1))
    return images.from_float(noisy.numpy(), np.uint8)
