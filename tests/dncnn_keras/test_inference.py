import numpy as np
import pytest
import tensorflow as tf

from dncnn_keras import DnCNN, denoise, pretrained
from dncnn_keras.denoisers import dncnn
from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from dncnn_keras.images import from_float, to_float
from dncnn_keras.inference import find_denoiser
from dncnn_keras.pretrained import save_pretrained


class _AddSigma(Denoiser):
    """A denoiser whose result tells how it was called."""

    name = "add-sigma"

    def denoise_image(self, noisy, sigma):
        return noisy + (sigma or 0) / 255


def _model(channels=1, batch_norm=True):
    model = DnCNN(depth=4, filters=8, channels=channels, batch_norm=batch_norm, name="mine")
    generator = np.random.default_rng(0)
    for variable in model.variables:
        if "conv" in variable.path:
            variable.assign(generator.normal(0.0, 0.2, variable.shape))
        else:
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model


def _noisy(*shape):
    return np.random.default_rng(1).normal(0.5, 0.3, shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_denoiser_computes_what_the_model_does(channels, batch_norm):
    model = _model(channels, batch_norm)
    noisy = _noisy(2, 21, 17, channels)
    denoiser = DnCNNDenoiser(model, dtype="float32")
    assert (denoiser.name, denoiser.needs_sigma) == ("mine", False)
    expected = model(noisy, training=False).numpy()
    assert np.abs(expected - noisy).max() > 0.1
    np.testing.assert_allclose(denoiser(noisy), expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(denoiser(noisy, sigma=25), denoiser(noisy))


def test_grey_model_takes_colours_one_by_one():
    model = _model()
    noisy = _noisy(1, 12, 9, 3)
    clean = DnCNNDenoiser(model, dtype="float32")(noisy)
    for channel in range(3):
        part = noisy[..., channel : channel + 1]
        np.testing.assert_allclose(clean[..., channel : channel + 1], model(part), atol=1e-5)


def test_colour_model_refuses_grey():
    with pytest.raises(ValueError, match="mine: the network takes images of 3 channels, got 1"):
        DnCNNDenoiser(_model(channels=3))(_noisy(1, 9, 9, 1))


def test_too_little_memory_is_said_as_such(monkeypatch):
    def run_out(noisy):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    denoiser = DnCNNDenoiser(_model())
    monkeypatch.setattr(denoiser, "_network", run_out)
    with pytest.raises(MemoryError, match="mine: too little memory for 9x5 pixels"):
        denoiser(_noisy(1, 5, 9, 1))


def test_large_images_go_through_in_tiles(monkeypatch):
    model = _model()
    noisy = _noisy(1, 70, 50, 1)
    monkeypatch.setattr(dncnn, "TILE", 24)
    denoiser = DnCNNDenoiser(model, dtype="float32")
    network, shapes = denoiser._network, set()
    denoiser._network = lambda window: shapes.add(window.shape) or network(window)
    np.testing.assert_allclose(denoiser(noisy), model(noisy), rtol=0, atol=1e-5)
    assert len(shapes) == 1
    assert max(shapes.pop()[1:3]) <= 24


def test_tiles_show_no_seam_in_the_format_that_the_machine_is_fast_at(monkeypatch):
    monkeypatch.setattr(dncnn, "TILE", 24)
    denoiser, noisy = DnCNNDenoiser(_model()), _noisy(1, 70, 50, 1)
    whole = denoiser._network(noisy)
    np.testing.assert_allclose(denoiser(noisy), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("fast", "gpu", "expected"),
    [
        ("float32", False, "float32"),
        ("float32", True, "float32"),
        ("mixed_bfloat16", False, "bfloat16"),
        ("mixed_bfloat16", True, "float16"),
    ],
)
def test_denoises_in_the_format_that_the_machine_is_fast_at(monkeypatch, fast, gpu, expected):
    chosen = []
    monkeypatch.setattr(dncnn, "fast_dtype", lambda: fast)
    monkeypatch.setattr(dncnn, "on_gpu", lambda: gpu)
    monkeypatch.setattr(dncnn, "_compile", lambda model, dtype: chosen.append(dtype))
    DnCNNDenoiser(_model())
    assert chosen == [expected]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_integers_only_a_window_at_a_time_becomes_floats(monkeypatch, dtype):
    monkeypatch.setattr(dncnn, "TILE", 24)
    shapes = set()
    monkeypatch.setattr(dncnn, "to_float", lambda part: shapes.add(part.shape) or to_float(part))
    denoiser = DnCNNDenoiser(_model(), dtype="float32")
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, (1, 70, 50, 3), dtype, endpoint=True)
    expected = from_float(denoiser(to_float(pixels)), dtype)
    np.testing.assert_array_equal(denoiser.denoise_pixels(pixels), expected)
    assert len(shapes) == 1
    assert max(shapes.pop()[1:3]) <= 24
    with pytest.raises(ValueError, match="mine: expected images, got nothing"):
        denoiser.denoise_pixels(np.zeros((1, 0, 4, 1), dtype))


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [("bfloat16", 1e-5, 2.0**-6), ("float16", 1e-6, 2.0**-9)]
)
def test_shorter_formats_round_the_hidden_layers_only(dtype, least, most):
    model = _model()
    noisy = _noisy(1, 16, 16, 1)
    exact = DnCNNDenoiser(model, dtype="float32")(noisy)
    error = np.abs(DnCNNDenoiser(model, dtype=dtype)(noisy) - exact).max()
    assert least < error < most * np.abs(noisy - exact).max()

    no_residual = DnCNN(depth=3, filters=2)
    no_residual.get_layer("conv_3").kernel.assign(np.zeros((3, 3, 2, 1)))
    np.testing.assert_array_equal(DnCNNDenoiser(no_residual, dtype=dtype)(noisy), noisy)


def test_later_training_does_not_change_the_denoiser():
    model = _model()
    denoiser = DnCNNDenoiser(model)
    before = denoiser(_noisy(1, 8, 8, 1))
    for variable in model.variables:
        variable.assign(variable + 1)
    np.testing.assert_array_equal(denoiser(_noisy(1, 8, 8, 1)), before)


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3), (2, 9, 7, 1), (2, 9, 7, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_keeps_shape_and_dtype(shape, dtype):
    if np.issubdtype(dtype, np.integer):
        top = np.iinfo(dtype).max
        image = np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True)
        expected = np.minimum(np.rint(image + top * 51 / 255), top).astype(dtype)
    else:
        image = np.random.default_rng(0).normal(0.5, 0.4, shape).astype(dtype)
        expected = image + 0.2
    clean = denoise(image, _AddSigma(), sigma=51)
    assert (clean.shape, clean.dtype) == (shape, dtype)
    np.testing.assert_allclose(clean, expected, atol=1e-6)


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((4, 4), np.int32), "must be uint8, uint16 or float, got int32"),
        (np.zeros((4, 4), bool), "must be uint8, uint16 or float, got bool"),
        (np.zeros((4, 4, 4)), r"got \(4, 4, 4\)"),
        (np.zeros(4), r"got \(4,\)"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.zeros((0, 4)), "expected images"),
    ],
)
def test_refuses_other_images(image, message):
    with pytest.raises(ValueError, match=message):
        denoise(image, _AddSigma())


def test_takes_a_model_a_name_or_a_path(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    model = _model()
    path = save_pretrained(model, "released-for-test", tmp_path, {})
    image = _noisy(11, 8)
    expected = DnCNNDenoiser(model)(image[None, :, :, None])[0, :, :, 0]
    assert np.abs(expected - image).max() > 0.1
    for what in (model, "released-for-test", path, str(path)):
        np.testing.assert_array_equal(denoise(image, what), expected)


def test_the_denoiser_of_a_name_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    save_pretrained(_model(), "kept-for-test", tmp_path, {})
    assert find_denoiser("kept-for-test") is find_denoiser("kept-for-test")


def test_unknown_model():
    with pytest.raises(FileNotFoundError, match="no weights named 'dncnn-psychic'"):
        denoise(np.zeros((4, 4)), "dncnn-psychic")


@pytest.mark.parametrize("model", [None, 3, np.zeros(3), Denoiser])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(ValueError, match="the model must be a name, .* or a Denoiser, got"):
        denoise(np.zeros((4, 4)), model)
