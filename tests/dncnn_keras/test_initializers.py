import keras
import numpy as np
import pytest

from dncnn_keras import DnCNN
from dncnn_keras.initializers import IdentityOrthogonal


@pytest.mark.parametrize("sides", [(3, 3), (1, 1), (5, 3)])
def test_is_the_identity_plus_an_orthogonal_matrix(sides):
    kernel = np.array(IdentityOrthogonal(gain=0.5, seed=1)((*sides, 6, 6)), np.float64)
    kernel[sides[0] // 2, sides[1] // 2] -= np.eye(6)
    matrix = kernel.reshape(-1, 6) / 0.5
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(6), atol=1e-5)


def test_without_gain_every_channel_is_passed_on():
    layer = keras.layers.Conv2D(
        4, 3, padding="same", kernel_initializer=IdentityOrthogonal(gain=0.0)
    )
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 4)).astype(np.float32)
    np.testing.assert_allclose(layer(x), x, atol=1e-6)


def test_seeds_decide():
    first, same, other = (
        np.array(IdentityOrthogonal(seed=seed)((3, 3, 4, 4))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.05


def test_a_config_makes_the_same_initializer():
    config = keras.initializers.serialize(IdentityOrthogonal(gain=0.3, seed=7))
    again = keras.initializers.deserialize(config)
    assert isinstance(again, IdentityOrthogonal)
    assert (again.gain, again.seed) == (0.3, 7)


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (2, 3, 4, 4), (3, 4, 4, 4)])
def test_refuses_kernels_that_have_no_identity(shape):
    with pytest.raises(ValueError, match="odd sides and as many outputs as inputs, got shape"):
        IdentityOrthogonal()(shape)


def test_the_hidden_layers_of_a_dncnn_start_so():
    model = DnCNN(depth=4, filters=8)
    for number in (2, 3):
        kernel = model.get_layer(f"conv_{number}").kernel.numpy()
        center = np.mean(np.diag(kernel[1, 1]))
        assert abs(center - 1) < 0.3
        kernel[1, 1] -= np.eye(8)
        assert np.abs(kernel).max() < 0.5
