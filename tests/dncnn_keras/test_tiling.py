import numpy as np
import pytest

from dncnn_keras import DnCNN
from dncnn_keras.tiling import apply_tiled


class _Recorder:
    """A network of receptive radius 4 whose border differs, and the shapes that it was given."""

    def __init__(self):
        self.model = DnCNN(depth=4, filters=4, batch_norm=False)
        generator = np.random.default_rng(0)
        for variable in self.model.variables:
            variable.assign(generator.normal(0.0, 0.4, variable.shape))
        self.shapes = []

    def __call__(self, image):
        self.shapes.append(image.shape)
        return self.model(image).numpy()


@pytest.mark.parametrize("height, width", [(61, 47), (20, 64), (21, 20), (5, 90), (3, 2)])
def test_tiled_equals_untiled(height, width):
    network = _Recorder()
    image = np.random.default_rng(1).random((2, height, width, 1), np.float32)
    whole = network(image)
    network.shapes.clear()
    tiled = apply_tiled(network, image, tile=20, overlap=4)
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
    assert len(set(network.shapes)) == 1
    assert max(network.shapes[0][1:3]) <= 20
    assert (len(network.shapes) > 1) == (max(height, width) > 20)


def test_integers_stay_what_they_are():
    image = np.random.default_rng(1).integers(0, 2**16, (2, 21, 47, 3), np.uint16)
    tiled = apply_tiled(lambda window: 65535 - window, image, tile=20, overlap=4)
    assert tiled.dtype == np.uint16
    np.testing.assert_array_equal(tiled, 65535 - image)


def test_windows_do_no_needless_work():
    network = _Recorder()
    apply_tiled(network, np.zeros((1, 21, 21, 1), np.float32), tile=20, overlap=4)
    assert network.shapes == [(1, 15, 15, 1)] * 4


def test_an_overlap_below_the_receptive_radius_shows():
    network = _Recorder()
    image = np.random.default_rng(1).random((1, 40, 40, 1), np.float32)
    tiled = apply_tiled(network, image, tile=20, overlap=3)
    assert np.abs(tiled - network(image)).max() > 1e-3


def test_refuses_a_tile_that_is_all_overlap():
    with pytest.raises(ValueError, match=r"tile \(8\) must be larger than twice the overlap"):
        apply_tiled(lambda x: x, np.zeros((1, 40, 40, 1), np.float32), tile=8, overlap=4)
