"""BSD68: the grey test set on which denoisers are compared since 2005."""

from dncnn_keras.datasets.image_set import ImageSet


class BSD68(ImageSet):
    """68 grey Berkeley photographs of 481x321 or 321x481 pixels, split `test`."""

    name = "bsd68"
    URL = (
        "https://github.com/cszn/DnCNN/tree/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/testsets/BSD68"
    )
    SPLIT = "test"
    CITATION = (
        "D. Martin et al.: A database of human segmented natural images, ICCV 2001; "
        "S. Roth, M. J. Black: Fields of experts, CVPR 2005"
    )
