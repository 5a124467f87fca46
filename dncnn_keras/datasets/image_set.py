"""What the TFDS builders of the image sets have in common."""

import contextlib
import fcntl
import io
import sys

import tensorflow_datasets as tfds

from dncnn_keras import paths
from dncnn_keras.datasets.source_files import find_or_download


class ImageSet(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base class of the builders: a set of named images in a fixed order.

    A subclass names its `URL`, `SPLIT` and `CITATION`; its docstring describes the set. Each
    example has an `image` (uint8, `(height, width, CHANNELS)`) and a `name`.

    Args:
        data_dir: Folder of TFDS's prepared data, by default `datasets/` in `paths.cache_dir()`.
        files_dir: Folder of image files that holds a folder of the set's name, by default the
            one that `DENOISE_DATA` names. Without it the files are downloaded.
    """

    VERSION = tfds.core.Version("1.0.0")
    CHANNELS = 1
    URL: str
    SPLIT: str
    CITATION: str

    def __init__(self, *, data_dir=None, files_dir=None, **kwargs):
        self.files_dir = files_dir
        super().__init__(data_dir=data_dir or paths.cache_dir() / "datasets", **kwargs)

    @classmethod
    def source_files(cls, files_dir=None):
        """Returns `{split: {image name: path}}` of verified files, in the set's order."""
        files = find_or_download(cls.name, cls.URL, files_dir)
        return {cls.SPLIT: {path.stem: path for path in files}}

    def prepare(self):
        """Prepares the data where that is not done yet; says nothing but what goes wrong.

        TFDS writes into a folder `incomplete.*` and renames it at the end. The lock lets one
        process at a time do this, so what lies there before is what a killed one left.
        """
        if not self.data_path.exists():
            self.data_path.parent.mkdir(parents=True, exist_ok=True)
            with open(f"{self.data_path.parent}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._prepare_alone()
        if not self.info.splits:  # another builder did it after this one was made
            self.info.read_from_directory(self.data_dir)

    def _prepare_alone(self):
        if self.data_path.exists():
            return
        for leftover in self.data_path.parent.glob("incomplete.*"):
            leftover.rmtree()
        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            self.download_and_prepare()

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, self.CHANNELS)),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=self.URL,
            citation=self.CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # see source_files.py
        splits = self.source_files(self.files_dir)
        return {split: self._generate_examples(files) for split, files in splits.items()}

    def _generate_examples(self, files):
        for index, (name, path) in enumerate(files.items()):
            yield index, {"image": path, "name": name}
