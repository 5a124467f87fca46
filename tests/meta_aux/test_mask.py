import numpy as np

from meta_aux import MaskNetwork
from tests.meta_aux.conftest import scale_up
from tests.meta_aux.reference import convolve, residual_block


def test_has_the_papers_parameters():
    assert MaskNetwork().count_params() == 56_449


def test_is_the_papers_network(generator):
    network = MaskNetwork(2, dtype="float64")
    slopes = [w for w in network.trainable_variables if w.path.startswith("prelu")]
    assert [slope.numpy().item() for slope in slopes] == [0.25]
    scale_up(network, generator)
    slopes[0].assign(np.full(slopes[0].shape, 0.3))
    noisy = generator.uniform(size=(5, 7, 3))
    kernels = iter(w.numpy() for w in network.trainable_variables if w is not slopes[0])
    x = convolve(noisy, next(kernels))
    for _ in range(3):
        x = residual_block(x, kernels, slope=0.3)
    expected = 1 / (1 + np.exp(-convolve(x, next(kernels))))
    mask = network(noisy[None])
    assert mask.shape == (1, 5, 7, 1)
    np.testing.assert_allclose(mask[0], expected, rtol=1e-12)


def test_mixed_precision_gives_float32():
    mask = MaskNetwork(2, dtype="mixed_bfloat16")(np.zeros((1, 3, 3, 3), np.float32))
    assert mask.dtype == "float32"


def test_comes_back_from_its_configuration():
    network = MaskNetwork(3, channels=1, name="mine")
    assert MaskNetwork.from_config(network.get_config()).get_config() == network.get_config()
