"""Sets that come with TensorFlow Datasets, which downloads them once."""

import contextlib
import io
import sys

from dncnn_keras import paths
from dncnn_keras.datasets.source_files import DataUnavailableError, check_answer
from dncnn_keras.one_line import one_line
from dncnn_keras.quiet import import_tensorflow


def load_from_tfds(name, split, title, address, remedy, **arguments):
    """Loads a set into the cache folder without a word on stdout.

    Args:
        name: What `tfds.load` calls it.
        split: Its split.
        title: What users call it.
        address: That of a file which is downloaded.
        remedy: What they can do where it cannot be downloaded, for the error.
        **arguments: Others of `tfds.load`.

    Returns:
        What `tfds.load` returns, of NumPy arrays.

    Raises:
        DataUnavailableError: If it is not there and cannot be downloaded.
    """
    import_tensorflow()  # before TFDS does, which would not keep it quiet
    import tensorflow_datasets as tfds

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    folder = paths.cache_dir() / "datasets"
    try:
        if not tfds.builder(name, data_dir=folder).data_path.exists():
            check_answer(address)  # TFDS would try for minutes, in silence
        with contextlib.redirect_stdout(io.StringIO()):
            return tfds.as_numpy(tfds.load(name, split=split, data_dir=folder, **arguments))
    except Exception as error:  # TFDS lets every kind of download error through
        raise DataUnavailableError(
            f"{title} can be neither downloaded nor found ({type(error).__name__}: "
            f"{one_line(error)}): {remedy}, name its parent by the environment variable "
            f"{paths.DATA_VARIABLE}, and try again"
        ) from error
