"""BM3D by its authors' own package, an optional extra."""

from dncnn_keras.denoisers.denoiser import Denoiser

MIN_SIZE = 9


class BM3D(Denoiser):
    """Block-matching and 3-D filtering (Dabov et al., 2007) by the PyPI package `bm3d`.

    The package is Tampere University's own, in its 2020 version, with the profile `np`. Its
    licence allows **nonprofit, noncommercial use only**, which is why it does not come with
    this project but has to be asked for: `pip install bm3d`. It uses all cores,
    and its results differ by rounding errors (1e-6) from run to run.

    Reference:

    - Y. Mäkinen, L. Azzari, A. Foi, "Collaborative filtering of correlated noise: exact
      transform-domain variance for improved shrinkage and patch matching", IEEE Transactions on
      Image Processing 29, 2020.

    Raises:
        ImportError: If the package is not installed.

    Example:

    >>> import numpy as np
    >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(1, 32, 32, 1))
    >>> BM3D()(noisy, sigma=25.5).shape
    (1, 32, 32, 1)
    """

    name = "BM3D"
    needs_sigma = True

    def __init__(self):
        try:
            from bm3d import bm3d
        except ImportError:
            raise ImportError(
                "BM3D: the optional package bm3d is missing (noncommercial licence): "
                "pip install bm3d"
            ) from None
        self._bm3d = bm3d

    def denoise_image(self, noisy, sigma):
        """Denoises one float32 image of shape `(height, width)`, at least 9x9 pixels."""
        # The package refuses images below its 8x8 blocks, and crashes the process on 8x8 itself.
        if min(noisy.shape) < MIN_SIZE:
            height, width = noisy.shape
            raise ValueError(
                f"{self.name}: needs images of at least {MIN_SIZE}x{MIN_SIZE} pixels, "
                f"got {height}x{width}"
            )
        if sigma == 0:
            return noisy
        return self._bm3d(noisy, sigma / 255, profile="np")
