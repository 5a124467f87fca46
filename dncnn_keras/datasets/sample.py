"""The embedded default: photographs that ship inside scikit-image.

They need neither a network nor a folder. They are not a benchmark: figures measured on them
cannot be compared with any paper's.
"""

from importlib.resources import files

from dncnn_keras.datasets.named_image import NamedImage

# Grey or colour is what the file holds. Only files that lie in scikit-image's wheel are named:
# `skimage.data` would download the others.
_GREY = {"train": ["brick", "coins", "grass", "gravel", "moon"], "test": ["camera"]}
_COLOUR = {
    "train": ["astronaut", "motorcycle_left", "rocket"],
    "test": ["chelsea", "coffee"],
}


def load_sample(split, channels=1):
    """Loads photographs that are installed together with scikit-image.

    Args:
        split: `"train"` or `"test"`; no photograph is in both.
        channels: 1 for all photographs in grey, 3 for those that are in colour.

    Returns:
        List of `NamedImage`, each of shape `(height, width, channels)`.

    Raises:
        ValueError: If `split` is neither `"train"` nor `"test"`.

    Example:

    >>> [image.name for image in load_sample("test")]
    ['camera', 'chelsea', 'coffee']
    """
    if split not in _GREY:
        raise ValueError(f"sample: there is no split {split!r}, choose 'train' or 'test'")
    names = _COLOUR[split] + (_GREY[split] if channels == 1 else [])
    folder = files("skimage") / "data"
    return [NamedImage(name, _read(folder / _file_name(name), channels)) for name in sorted(names)]


def _read(file, channels):
    import cv2

    from dncnn_keras.images import read_eight_bit

    pixels = read_eight_bit(file)
    if channels < pixels.shape[-1]:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None]
    return pixels


def _file_name(name):
    return "rocket.jpg" if name == "rocket" else f"{name}.png"
