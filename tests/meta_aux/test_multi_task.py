import keras
import numpy as np
import pytest
import tensorflow as tf

from meta_aux import MultiTask
from tests.meta_aux.conftest import FILTERS
from tests.meta_aux.reference import multi_task


@pytest.fixture
def network(denoiser):
    return denoiser.network


def test_has_the_papers_parameters():
    network = MultiTask()
    heads = [network.heads.get_layer(name) for name in ("primary_head", "auxiliary_head")]
    assert network.body.count_params() == 544_608
    assert [head.count_params() for head in heads] == [37_728, 21_024]
    assert network.heads.count_params() == 58_752
    assert network.count_params() == 603_360


def test_initial_weights_have_the_papers_variance():
    for kernel in MultiTask().trainable_variables:
        fan_in = np.prod(kernel.shape[:-1])
        values = kernel.numpy()
        assert abs(values).max() <= 1 / np.sqrt(fan_in) + 1e-6
        # Six standard errors of the variance of that many uniform numbers.
        error = 6 * np.sqrt(0.8 / values.size)
        assert abs(values.var() * 3 * fan_in - 1) < error


def test_is_the_papers_network(network, generator):
    noisy = generator.uniform(size=(2, 8, 4, 3))
    results = network(noisy)
    for number, image in enumerate(noisy):
        expected = multi_task(image, network.get_weights())
        for result, reference in zip(results, expected, strict=True):
            np.testing.assert_allclose(result[number], reference, rtol=1e-11, atol=1e-12)


def test_plain_functional_and_adapted_use_are_one_pass(network, generator):
    noisy = generator.uniform(size=(1, 8, 8, 3))
    plain = network(noisy)
    weights = [tf.convert_to_tensor(w) for w in network.trainable_variables]
    heads = [tf.convert_to_tensor(w) for w in network.heads.trainable_variables]
    features = network.body(noisy)
    functional, _ = network.stateless_call(weights, [], noisy)
    adapted, _ = network.heads.stateless_call(heads, [], [features, noisy])
    for a, b, c in zip(plain, functional, adapted, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    # They take the weights that are given to them.
    functional, _ = network.stateless_call([0.9 * w for w in weights], [], noisy)
    adapted, _ = network.heads.stateless_call([0.9 * w for w in heads], [], [features, noisy])
    assert not np.allclose(functional[0], plain[0])
    assert not np.allclose(adapted[0], plain[0])
    np.testing.assert_array_equal(network(noisy)[0], plain[0])


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 6)])
def test_any_size(size, network, generator):
    noisy = generator.uniform(size=(1, *size, 3))
    clean, predicted = network(noisy)
    assert clean.shape == predicted.shape == noisy.shape
    added = [(0, -side % 4) for side in size]
    padded = np.pad(noisy, [(0, 0), *added, (0, 0)], "reflect")
    features = network.body(padded)[:, : size[0], : size[1]]
    np.testing.assert_allclose(network.body(noisy), features, rtol=1e-12)


def test_mixed_precision_is_near_and_gives_float32(generator):
    noisy = generator.uniform(size=(1, 9, 6, 3)).astype(np.float32)
    full, mixed = (MultiTask(FILTERS, dtype=d) for d in ("float32", "mixed_bfloat16"))
    mixed.set_weights(full.get_weights())
    for a, b in zip(full(noisy), mixed(noisy), strict=True):
        assert b.dtype == "float32"
        assert 0 < np.abs(a - b).max() < 0.05


def test_comes_back_from_its_configuration():
    network = MultiTask(FILTERS, channels=1, dtype="mixed_bfloat16", name="mine")
    again = MultiTask.from_config(network.get_config())
    assert again.get_config() == network.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in network.weights]


def test_weights_can_be_stored(network, tmp_path):
    network.save_weights(tmp_path / "a.weights.h5")
    again = MultiTask(FILTERS, dtype="float64")
    again.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_global_dtype_policy_is_the_default():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert MultiTask(FILTERS).get_config()["dtype"] == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
