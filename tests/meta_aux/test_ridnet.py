import keras
import numpy as np
import pytest

from meta_aux import RIDNet
from tests.meta_aux import reference


def test_has_the_published_parameters():
    assert RIDNet().count_params() == 1_499_347


def test_is_the_papers_figure(generator):
    network = RIDNet(filters=4, blocks=1, reduction=2, dtype="float64")
    for weight in network.trainable_variables:
        weight.assign(generator.normal(0.05, 0.3, weight.shape))
    convolutions = [
        (layer.kernel.numpy(), layer.bias.numpy(), layer.dilation_rate[0])
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert [dilation for *_, dilation in convolutions] == [1, 1, 3, 2, 4] + [1] * 9
    noisy = generator.uniform(size=(1, 7, 9, 3))
    expected = reference.ridnet(noisy[0], convolutions)
    assert np.abs(expected - noisy[0]).max() > 0.1
    np.testing.assert_allclose(network(noisy)[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_any_size_and_precision(size, generator):
    noisy = generator.uniform(size=(2, *size, 3)).astype(np.float32)
    network, mixed = (
        RIDNet(filters=4, blocks=1, reduction=2, dtype=dtype) for dtype in (None, "mixed_bfloat16")
    )
    mixed.set_weights(network.get_weights())
    a, b = network(noisy), mixed(noisy)
    assert a.shape == noisy.shape and b.dtype == "float32"
    assert 0 < np.abs(a - b).max() < 0.05


def test_adds_a_residual_to_the_image(generator):
    network = RIDNet(filters=4, blocks=1, reduction=2)
    noisy = generator.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    assert not np.array_equal(network(noisy), noisy)
    kernel, bias = network.trainable_variables[-2:]
    kernel.assign(np.zeros(kernel.shape))
    bias.assign([0.1, 0.2, 0.3])
    np.testing.assert_allclose(network(noisy), noisy + np.float32([0.1, 0.2, 0.3]))


def test_sees_as_far_as_its_dilated_convolutions():
    network = RIDNet(filters=4, blocks=1, reduction=2, dtype="float64")
    # Attention looks at the whole image: a constant in its place leaves the convolutions.
    # Kernels above zero on light images: no unit is dead.
    for weight in network.trainable_variables:
        attends = weight.shape[:2] == (1, 1) and 2 in weight.shape[2:]
        weight.assign(np.zeros(weight.shape) if attends else np.abs(weight))
    noisy = np.random.default_rng(0).uniform(1, 2, size=(1, 1, 64, 3))
    other = noisy.copy()
    other[0, 0, 0] += 1
    changed = np.abs(network(noisy) - network(other)).max(axis=(0, 1, 3)) > 0
    # 1 first, 3 + 4 + 1 merge-and-run, 2 residual, 2 enhanced residual, 1 last.
    assert np.flatnonzero(changed).max() == 14


def test_comes_back_from_its_configuration():
    network = RIDNet(filters=4, blocks=1, reduction=2, dtype="mixed_bfloat16")
    assert RIDNet.from_config(network.get_config()).get_config() == network.get_config()
