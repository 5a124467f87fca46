import numpy as np

from dncnn_keras.datasets import NamedImage
from experiments.images import noisy_image

GENERATOR = np.random.default_rng(0)
IMAGES = [
    NamedImage(f"set/{n}", GENERATOR.integers(0, 256, (24, 32, 1), dtype=np.uint8)) for n in "ab"
]


def test_noise_of_a_test_image_is_its_own():
    (first, clean), (again, _), (other, _) = (
        noisy_image(image, 25, 0) for image in (IMAGES[0], IMAGES[0], IMAGES[1])
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose((first - clean).std() * 255, 25, rtol=0.1)
    assert not np.allclose(other - IMAGES[1].pixels / 255, first - clean)
    assert not np.allclose(noisy_image(IMAGES[0], 25, 1)[0], first)
