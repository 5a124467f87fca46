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

    modes = {None: cv2.IMREAD_ANYCOLOR, 1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}
    content = np.frombuffer(Path(path).read_bytes(), np.uint8)
    pixels = cv2.imdecode(content, modes[channels]) if content.size else None
    if pixels is None:
        raise ValueError(f"{path}: not an image, or damaged; remove or replace the file")
    return pixels[:, :, None] if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
