"""The image sets: one TFDS builder a file, the embedded sample, and the user's own folders.

Importing this package loads neither TensorFlow nor OpenCV; reading images does.
"""

from dncnn_keras.datasets.load import load_folder, load_images
from dncnn_keras.datasets.named_image import NamedImage
from dncnn_keras.datasets.source_files import DataUnavailableError

__all__ = ["DataUnavailableError", "NamedImage", "load_folder", "load_images"]
