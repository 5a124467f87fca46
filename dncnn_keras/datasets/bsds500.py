"""BSDS500: the Berkeley photographs in colour."""

import io

import cv2

from dncnn_keras.datasets.image_set import ImageSet
from dncnn_keras.datasets.source_files import find_or_download


class BSDS500(ImageSet):
    """500 colour photographs of 481x321 or 321x481 pixels.

    Splits `train` (200), `val` (100) and `test` (200). `val` contains the 68 photographs of
    BSD68: never train on it.
    """

    name = "bsds500"
    URL = (
        "https://github.com/BIDS/BSDS500/tree/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/"
        "BSDS500/data/images"
    )
    CHANNELS = 3
    CITATION = (
        "P. Arbelaez et al.: Contour detection and hierarchical image segmentation, "
        "IEEE TPAMI 33(5), 2011"
    )

    @classmethod
    def source_files(cls, files_dir=None):
        """Returns `{split: {image name: path}}`; each split is a folder."""
        splits: dict[str, dict] = {"train": {}, "val": {}, "test": {}}
        for path in find_or_download(cls.name, cls.URL, files_dir):
            splits[path.parent.name][path.stem] = path
        return splits

    def _generate_examples(self, files):
        # The files are JPEG, which TensorFlow decodes 1.2 grey levels off on average, because it
        # asks for a fast transform. OpenCV decodes exactly; what is stored is PNG.
        for index, example in super()._generate_examples(files):
            image = cv2.imread(str(example["image"]))
            _, png = cv2.imencode(".png", image)  # type: ignore[arg-type]  # its SHA-256 is right
            yield index, {**example, "image": io.BytesIO(png.tobytes())}
