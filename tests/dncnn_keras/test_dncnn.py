import keras
import numpy as np
import pytest

from dncnn_keras import DnCNN


def _noisy(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def test_parameter_count_of_the_full_network():
    model = DnCNN()
    kernels = 9 * 64 + 15 * 9 * 64 * 64 + 9 * 64
    trainable = kernels + 64 + 1 + 15 * 2 * 64
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == trainable == 556_097
    assert model.count_params() == trainable + 15 * 2 * 64


def test_has_batch_norm_in_the_hidden_layers_only():
    names = [layer.name for layer in DnCNN(depth=5, filters=4).layers]
    assert [name for name in names if "batch_norm" in name] == [
        "batch_norm_2",
        "batch_norm_3",
        "batch_norm_4",
    ]
    assert names[-2:] == ["conv_5", "clean"]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_subtracts_what_a_plain_stack_of_convolutions_predicts(batch_norm):
    model = DnCNN(depth=4, filters=5, channels=3, batch_norm=batch_norm)
    generator = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(
            generator.uniform(0.2, 0.7, variable.shape) - 0.3 * ("conv" in variable.path)
        )
    noisy = _noisy(2, 7, 9, 3)
    x = noisy.astype(np.float64)
    for index in range(1, 5):
        x = _convolve(x, model.get_layer(f"conv_{index}"))
        if batch_norm and 1 < index < 4:
            layer = model.get_layer(f"batch_norm_{index}")
            gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in layer.weights)
            x = (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta
        if index < 4:
            x = np.maximum(x, 0)
    np.testing.assert_allclose(model(noisy), noisy - x, rtol=2e-4, atol=2e-4)


def _convolve(x, layer):
    kernel = np.asarray(layer.kernel, np.float64)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    result = sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3)
    )
    return result + (np.asarray(layer.bias, np.float64) if layer.use_bias else 0)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (40, 40)])
def test_takes_images_of_any_size(size):
    noisy = _noisy(1, *size, 1)
    assert DnCNN(depth=3, filters=4)(noisy).shape == noisy.shape


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_survives_saving(tmp_path, dtype):
    model = DnCNN(depth=3, filters=4, dtype=dtype)
    noisy = _noisy(2, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(restored, DnCNN)
    np.testing.assert_array_equal(restored(noisy), model(noisy))


def test_bfloat16_keeps_the_image_itself_in_float32():
    model = DnCNN(depth=3, filters=4, dtype="mixed_bfloat16")
    last = model.get_layer("conv_3")
    last.kernel.assign(np.zeros(last.kernel.shape))
    noisy = _noisy(1, 8, 8, 1)
    np.testing.assert_array_equal(model(noisy), noisy)


def test_a_short_training_lowers_the_loss():
    keras.utils.set_random_seed(0)
    clean = np.full((16, 12, 12, 1), 0.5, np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape).astype(np.float32)
    model = DnCNN(depth=4, filters=8)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse", jit_compile=False)
    losses = model.fit(noisy, clean, epochs=40, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * 0.1**2 < losses[0]


@pytest.mark.parametrize("wrong", [{"depth": 1}, {"filters": 0}, {"channels": 1.5}])
def test_refuses_impossible_arguments(wrong):
    with pytest.raises(ValueError, match=f"DnCNN: {next(iter(wrong))} must be an integer"):
        DnCNN(**wrong)
