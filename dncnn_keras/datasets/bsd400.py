"""BSD400: the training set of the DnCNN paper."""

from dncnn_keras.datasets.image_set import ImageSet


class BSD400(ImageSet):
    """400 grey 180x180 crops of Berkeley photographs ("Train400"), split `train`.

    None of them is cut from a photograph of BSD68.
    """

    name = "bsd400"
    URL = (
        "https://github.com/cszn/DnCNN/tree/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/"
        "TrainingCodes/DnCNN_TrainingCodes_v1.0/data/Train400"
    )
    SPLIT = "train"
    CITATION = (
        "Y. Chen, T. Pock: Trainable nonlinear reaction diffusion, IEEE TPAMI 39(6), 2017; "
        "K. Zhang et al.: Beyond a Gaussian denoiser, IEEE TIP 26(7), 2017"
    )
