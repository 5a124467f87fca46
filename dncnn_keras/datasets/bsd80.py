"""BSD80: the 80 test images of the meta-optimizer paper."""

from dncnn_keras.datasets.bsd68 import BSD68
from dncnn_keras.datasets.image_set import ImageSet
from dncnn_keras.datasets.set12 import Set12
from dncnn_keras.datasets.source_files import DataUnavailableError


class BSD80(ImageSet):
    """The 68 images of BSD68, then the 12 of Set12, split `test`.

    The names tell where an image is from: `bsd68/test001`, `set12/01`.
    """

    name = "bsd80"
    URL = "https://github.com/cszn/DnCNN/tree/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/testsets"
    SPLIT = "test"
    CITATION = f"{BSD68.CITATION}; {Set12.CITATION}"

    @classmethod
    def source_files(cls, files_dir=None):
        """Returns `{"test": {image name: path}}` of the files of the two other sets."""
        try:
            parts = [(part.name, part.source_files(files_dir)["test"]) for part in (BSD68, Set12)]
        except DataUnavailableError as error:
            raise DataUnavailableError(f"bsd80 is bsd68 and set12 together. {error}") from None
        return {
            "test": {
                f"{part}/{name}": path for part, files in parts for name, path in files.items()
            }
        }
