"""An image with its name."""

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
