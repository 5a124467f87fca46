"""An image with its name, and how it is read from a file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np


class NamedImage(NamedTuple):
    """An image and the name under which results are reported.

    Attributes:
        name: String, unique within its set, e.g. `"test001"`.
        pixels: uint8 array of shape `(height, width, channels)`, grey or RGB.
    """

    name: str
    pixels: np.ndarray


def read_image(path, channels=None):
    """Reads a PNG, JPEG, TIFF or other image file that OpenCV knows.

    Args:
        path: Path of the file.
        channels: 1 for grey, 3 for RGB, `None` for what the file holds. An alpha channel is
            dropped, and 16 bits a channel are reduced to 8.

    Returns:
        uint8 array of shape `(height, width, channels)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an image or is damaged.

    Example:

    >>> from importlib.resources import files
    >>> read_image(files("skimage") / "data" / "camera.png").shape
    (512, 512, 1)
    """
    import cv2

    content = np.frombuffer(Path(path).read_bytes(), np.uint8)
    # Converting afterwards, because each file format's own conversion rounds in its own way.
    mode = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_ANYCOLOR
    pixels = cv2.imdecode(content, mode) if content.size else None
    if pixels is None:
        raise ValueError(f"{path}: not an image, or damaged; remove or replace the file")
    if pixels.ndim == 3:
        to_grey_or_rgb = cv2.COLOR_BGR2GRAY if channels == 1 else cv2.COLOR_BGR2RGB
        pixels = cv2.cvtColor(pixels, to_grey_or_rgb)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
