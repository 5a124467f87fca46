"""DIV2K: 800 and 100 colour photographs of about 2 megapixels (Agustsson and Timofte, 2017)."""

from pathlib import Path

from dncnn_keras import paths
from dncnn_keras.datasets.tfds_sets import load_from_tfds

ADDRESS = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
_FOLDERS = {"train": "DIV2K_train_HR", "validation": "DIV2K_valid_HR"}


def find_folder(split, data_dir=None):
    """Finds the folder of a split's PNG files.

    Args:
        split: `"train"` or `"validation"`.
        data_dir: Folder that may hold `div2k/DIV2K_train_HR` and `div2k/DIV2K_valid_HR`, as they
            are unpacked; by default the one that `DENOISE_DATA` names.

    Returns:
        Its `Path`, or `None` where it is not there.

    Raises:
        ValueError: If there is no such split.
    """
    if split not in _FOLDERS:
        raise ValueError(f"div2k: there is no split {split!r}, choose train or validation")
    parent = Path(data_dir) if data_dir else paths.data_dir()
    folder = parent and parent / "div2k" / _FOLDERS[split]
    return folder if folder and folder.is_dir() else None


def read_from_tfds(split):
    """Yields the name and the pixels of each photograph, which TensorFlow Datasets downloads once.

    Args:
        split: `"train"` or `"validation"`.

    Yields:
        A name, which numbers the photographs, and a uint8 array of shape `(height, width, 3)`.

    Raises:
        DataUnavailableError: If they are not there and cannot be downloaded.
    """
    file = f"{_FOLDERS[split]}.zip"
    remedy = f"unpack {file} of {ADDRESS} in a folder div2k"
    # It has no configuration without the smaller images of super-resolution.
    examples = load_from_tfds("div2k/bicubic_x2", split, "DIV2K", ADDRESS + file, remedy)
    for number, example in enumerate(examples, 1):
        yield f"{split}-{number:04}", example["hr"]
