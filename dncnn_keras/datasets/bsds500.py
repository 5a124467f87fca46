"""BSDS500: the Berkeley photographs in colour."""

from dncnn_keras.datasets.image_set import ImageSet
from dncnn_keras.datasets.source_files import find_or_download


class BSDS500(ImageSet):
    """500 colour photographs of 481x321 or 321x481 pixels, as JPEG.

    Splits `train` (200), `val` (100) and `test` (200). `val` contains the 68 photographs of
    BSD68: never train on it.
    """

    name = "bsds500"
    URL = (
        "https://raw.githubusercontent.com/BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/"
        "BSDS500/data/images/"
    )
    CHANNELS = 3
    CITATION = (
        "P. Arbelaez et al.: Contour detection and hierarchical image segmentation, "
        "IEEE TPAMI 33(5), 2011"
    )

    @classmethod
    def source_files(cls, files_dir=None):
        splits = {"train": {}, "val": {}, "test": {}}
        for path in find_or_download(cls.name, cls.URL, files_dir):
            splits[path.parent.name][path.stem] = path
        return splits
