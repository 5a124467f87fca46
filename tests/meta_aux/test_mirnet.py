import keras
import numpy as np
import pytest

from meta_aux import MIRNet, mirnet
from tests.meta_aux import reference


@pytest.fixture
def network():
    return MIRNet(filters=8, groups=1, blocks=1)


def test_has_the_published_parameters():
    assert MIRNet().count_params() == 31_787_419


def test_streams_share_their_attention_units(network):
    # The number of passes of a stream does not change what there is to learn.
    assert MIRNet(filters=8, groups=1, blocks=1, width=3).count_params() == network.count_params()


@pytest.fixture
def by_shape(generator):
    """Function of a network that draws its weights, and lists them by their shapes."""

    def draw(network):
        weights = {}
        for weight in network.trainable_variables:
            weight.assign(generator.normal(0.05, 0.3, weight.shape))
            weights.setdefault(tuple(weight.shape), []).append(weight.numpy())
        return weights

    return draw


def test_a_dual_attention_unit_is_the_papers_figure(by_shape, generator):
    policy = keras.DTypePolicy("float64")
    unit = mirnet._dual_attention(16, mirnet._prelu(policy), policy)
    weights = by_shape(unit)
    x = generator.normal(size=(1, 5, 6, 16))
    expected = reference.dual_attention(
        x[0],
        *weights[3, 3, 16, 16],
        *weights[1, 1, 1],
        *weights[5, 5, 2, 1],
        *weights[1, 1, 16, 2],
        *weights[1, 1, 2, 16],
        *weights[1, 1, 32, 16],
    )
    assert np.abs(expected - x[0]).max() > 0.1
    np.testing.assert_allclose(unit(x)[0], expected, rtol=1e-6, atol=1e-6)


def test_the_fusion_is_the_papers_figure(by_shape, generator):
    fusion = mirnet._selective_kernel_fusion(8, 3, keras.DTypePolicy("float64"))
    weights = by_shape(fusion)
    streams = [generator.normal(size=(1, 5, 6, 8)) for _ in range(3)]
    expected = reference.selective_kernel_fusion(
        [stream[0] for stream in streams],
        *weights[1, 1, 8, 4],
        *weights[1, 1, 1],
        weights[1, 1, 4, 8],
    )
    np.testing.assert_allclose(fusion(streams)[0], expected, rtol=1e-6, atol=1e-6)


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
