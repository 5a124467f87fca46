import numpy as np
import pytest

from meta_aux import MIRNet, mirnet


@pytest.fixture
def network():
    return MIRNet(filters=8, groups=1, blocks=1)


def test_has_the_published_parameters():
    assert MIRNet().count_params() == 31_787_419


def test_streams_share_their_attention_units(network):
    # The number of passes of a stream does not change what there is to learn.
    assert MIRNet(filters=8, groups=1, blocks=1, width=3).count_params() == network.count_params()


@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_any_size_and_precision(size, network, generator):
    noisy = generator.uniform(size=(1, *size, 3)).astype(np.float32)
    mixed = MIRNet(filters=8, groups=1, blocks=1, dtype="mixed_bfloat16")
    mixed.set_weights(network.get_weights())
    a, b = network(noisy), mixed(noisy)
    assert a.shape == noisy.shape and b.dtype == "float32"
    assert 0 < np.abs(a - b).max() < 0.05


def test_adds_a_residual_to_the_image(network, generator):
    noisy = generator.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    assert not np.array_equal(network(noisy), noisy)
    last = network.trainable_variables[-1]
    assert last.shape == (3, 3, 8, 3)
    last.assign(np.zeros(last.shape))
    np.testing.assert_array_equal(network(noisy), noisy)


def test_halving_blurs_with_a_binomial_kernel(generator):
    x = generator.normal(size=(1, 6, 4, 2))
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    expected = np.zeros((1, 3, 2, 2))
    for row, a in enumerate((1, 2, 1)):
        for column, b in enumerate((1, 2, 1)):
            expected += a * b / 16 * padded[:, row : row + 6 : 2, column : column + 4 : 2]
    result = mirnet._BlurredHalf(dtype="float64")(x)
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-14)


def test_comes_back_from_its_configuration(network):
    assert MIRNet.from_config(network.get_config()).get_config() == network.get_config()
