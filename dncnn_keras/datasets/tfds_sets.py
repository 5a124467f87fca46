"""Sets that come with TensorFlow Datasets, which downloads them once."""

import contextlib
import io
import sys

from dncnn_keras import paths
from dncnn_keras.datasets.source_files import DataUnavailableError
from dncnn_keras.one_line import one_line


def load_from_tfds(name, split, title, remedy, **arguments):
    """Loads a set into the cache folder without a word on stdout.

    Args:
        name: What `tfds.load` calls it.
        split: Its split.
        title: What users call it.
        remedy: What they can do where it cannot be downloaded, for the error.
        **arguments: Others of `tfds.load`.

    Returns:
        What `tfds.load` returns.

    Raises:
        DataUnavailableError: If it is not there and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    folder = paths.cache_dir() / "datasets"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return tfds.load(name, split=split, data_dir=folder, **arguments)
    except Exception as error:  # TFDS lets every kind of download error through
        raise DataUnavailableError(
            f"{title} can be neither downloaded nor found ({type(error).__name__}: "
            f"{one_line(error)}): {remedy}, and name its parent by {paths.DATA_VARIABLE}=FOLDER"
        ) from error
