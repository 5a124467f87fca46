"""Set12: the twelve classical test images."""

from dncnn_keras.datasets.image_set import ImageSet


class Set12(ImageSet):
    """12 grey images of 256x256 or 512x512 pixels (Cameraman, House, Lena...), split `test`."""

    name = "set12"
    URL = (
        "https://github.com/cszn/DnCNN/tree/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/testsets/Set12"
    )
    SPLIT = "test"
    CITATION = "K. Zhang et al.: Beyond a Gaussian denoiser, IEEE TIP 26(7), 2017"
