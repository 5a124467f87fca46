"""The image sets: one TFDS builder a file, the real pairs, the embedded samples, own folders.

Importing this package loads neither TensorFlow nor OpenCV; reading images does.
"""

from dncnn_keras.datasets.load import load_folder, load_images
from dncnn_keras.datasets.named_image import NamedImage
from dncnn_keras.datasets.named_pair import NamedPair
from dncnn_keras.datasets.pairs import load_pairs
from dncnn_keras.datasets.source_files import DataUnavailableError

__all__ = [
    "DataUnavailableError",
    "NamedImage",
    "NamedPair",
    "load_folder",
    "load_images",
    "load_pairs",
]
