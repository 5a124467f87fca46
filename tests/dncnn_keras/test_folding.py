import keras
import numpy as np
import pytest

from dncnn_keras import DnCNN, fold_batch_norm


def _trained(depth=5, channels=1):
    """A model with batch-norm statistics and parameters far from their initial values."""
    model = DnCNN(depth=depth, filters=4, channels=channels, name="trained")
    generator = np.random.default_rng(0)
    for variable in model.variables:
        if "batch_norm" in variable.path:
            variable.assign(generator.uniform(0.3, 1.5, variable.shape))
        else:
            variable.assign(generator.normal(0.0, 0.3, variable.shape))
    return model


@pytest.mark.parametrize("depth, channels", [(5, 1), (3, 3), (2, 1)])
def test_denoises_like_the_unfolded_model(depth, channels):
    model = _trained(depth, channels)
    folded = fold_batch_norm(model)
    noisy = np.random.default_rng(1).random((2, 13, 11, channels), np.float32)
    assert not folded.batch_norm
    assert folded.name == "trained"
    expected = model(noisy, training=False)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(folded(noisy), expected, rtol=0, atol=1e-5)


def test_a_folded_model_stays_as_it_is():
    folded = fold_batch_norm(_trained())
    again = fold_batch_norm(folded)
    for before, after in zip(folded.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_is_float32_whatever_the_global_policy(policy):
    model = _trained()
    expected = fold_batch_norm(model).get_weights()
    keras.config.set_dtype_policy(policy)
    try:
        folded = fold_batch_norm(model)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {folded.get_layer(f"conv_{i}").compute_dtype for i in range(1, 6)} == {"float32"}
    for mine, theirs in zip(folded.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_copies_the_weights():
    model = _trained()
    folded = fold_batch_norm(model)
    before = folded.get_weights()
    for variable in model.variables:
        variable.assign(variable + 1)
    for old, new in zip(before, folded.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
