"""A noisy and a clean picture of one scene, and how each is read from a file."""

from typing import NamedTuple

import numpy as np


class NamedPair(NamedTuple):
    """A noisy picture, the clean one of the same view, and where they belong.

    Attributes:
        name: String, unique within its set, e.g. `"Sony_4_200_3200_door_10"`.
        scene: String, what the picture shows. No scene is in two splits of a set.
        noisy: uint8 array of shape `(height, width, 3)`, RGB.
        clean: uint8 array of the same shape.
    """

    name: str
    scene: str
    noisy: np.ndarray
    clean: np.ndarray

    def centre(self, side):
        """Returns the pair of the pictures' centres of at most `side` x `side` pixels."""

        def cut(image):
            top, left = (max(0, (extent - side) // 2) for extent in image.shape[:2])
            return image[top : top + side, left : left + side].copy()  # a view would keep it all

        return self._replace(noisy=cut(self.noisy), clean=cut(self.clean))


class UnreadableFileError(ValueError):
    """A file of a pair cannot be read, is damaged, or is no image."""


def read_rgb(path):
    """Reads one picture of a pair.

    Args:
        path: Path of a PNG, JPEG or TIFF file in colour. An alpha channel is dropped, and 16
            bits a channel are reduced to 8.

    Returns:
        uint8 array of shape `(height, width, 3)`.

    Raises:
        UnreadableFileError: If the file cannot be read, is damaged or is no such image.
        ValueError: If the picture is grey.
    """
    from dncnn_keras import images

    try:
        image = images.read_eight_bit(path)
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableFileError(str(error)) from error
    if image.shape[-1] != 3:
        raise ValueError(f"{path}: the picture is grey; noisy and clean ones must be in colour")
    return image
