"""Arrays of every shape, type and range, noise levels and models, given to what denoises."""

import functools

import numpy as np

from dncnn_keras import DnCNN, denoise
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from dncnn_keras.denoisers.ksvd import KSVD
from dncnn_keras.denoisers.nlm import NLM
from meta_aux import MaskNetwork, MultiTask, RealDenoiser
from meta_aux.adaptive_denoiser import AdaptiveDenoiser
from tests.fuzz.kind import Kind, check_line

DENOISERS = {
    "grey": lambda: DnCNNDenoiser(DnCNN(depth=2, filters=1, name="grey")),
    "colour": lambda: DnCNNDenoiser(DnCNN(depth=2, filters=1, channels=3, name="colour")),
    "nlm": NLM,
    "ksvd": lambda: KSVD(atoms=16, training_patches=50),
    "real": lambda: AdaptiveDenoiser(RealDenoiser(MultiTask((1, 1, 1)), MaskNetwork(1)), steps=1),
}
SIDES = (9, 1, 2, 3, 5, 8, 16, 24, 0)
# Of each the first is right.
CHOICES = {
    "model": (*DENOISERS, "nope", "x.weights.h5", "", None, 3, np.zeros(3), object),
    "call": ("denoise", "contract"),
    "axes": ("bhwc", "hw", "hwc", "", "h", "bbhwc"),
    "height": SIDES,
    "width": SIDES,
    "channels": (3, 1, 2, 4, 0),
    "batch": (1, 2, 0),
    "dtype": ("f4", "f8", "f2", "u1", "u2", "i1", "i4", "u4", "?", "c8", "O", "U1"),
    "values": ("noisy", "black", "NaN", "Inf", "-Inf", "levels", "1e30", "1e300", "-1e4", "tiny"),
    "sigma": (25, None, 0, 1e-30, 255.0, np.float32(5), True, -1, 256, 1e30, np.nan, np.inf,
              "25", [25], np.ones(2), 2 + 3j, {}),
    "seed": range(100),
}  # fmt: skip


class Arrays(Kind):
    """A choice of everything, most of it right."""

    name = "arrays"

    def make(self, generator):
        """See `Kind.make`."""
        choice = {
            name: generator.choice(values if generator.random() < 0.25 else values[:1])
            for name, values in CHOICES.items()
        }
        if generator.random() < 0.9:
            choice["model"] = generator.choice(list(DENOISERS))
        # What is named in the counts: there may be more that is unusual.
        names = ["dtype", "values", "sigma", "axes", "height", "width", "channels", "call"]
        unusual = [name for name in names if choice[name] is not CHOICES[name][0]]
        return unusual[0] if unusual else "model", lambda: check(choice)


def check(choice):
    """Denoises, checks what comes of it, and returns whether the input was accepted."""
    image, sigma = make_image(choice), choice["sigma"]
    before = image.copy()
    try:
        model = choice["model"]
        is_model = isinstance(model, str) and model in DENOISERS
        if is_model:
            model = _denoiser(model)
        if is_model and choice["call"] == "contract":
            clean, dtype = model(image, sigma), np.float32
        else:
            clean, dtype = denoise(image, model, sigma), image.dtype
    except (ValueError, FileNotFoundError) as error:
        check_line(str(error), "")
        assert not (is_model and _is_right(image, choice)), error
        return False
    assert is_model and _is_right(image, choice)
    assert isinstance(clean, np.ndarray)
    assert (clean.shape, clean.dtype) == (image.shape, dtype)
    assert np.isfinite(clean).all()
    np.testing.assert_array_equal(image, before)
    return True


def make_image(choice):
    """Makes the array that is chosen; a type that cannot hold the values holds what it can."""
    sides = {"h": "height", "w": "width", "c": "channels", "b": "batch"}
    generator = np.random.default_rng(choice["seed"])
    image = generator.normal(0.5, 0.2, [choice[sides[axis]] for axis in choice["axes"]])
    match choice["values"]:
        case "noisy":
            pass
        case "black":
            image *= 0
        case "levels":
            image *= 255
        case "tiny":
            image *= 1e-40
        case value if image.size:
            image.flat[generator.integers(image.size)] = float(value)
    if choice["dtype"] in ("u1", "u2"):
        image = np.nan_to_num(np.clip(image, 0, 1)) * np.iinfo(choice["dtype"]).max
    with np.errstate(all="ignore"):
        return np.asarray(image).astype(choice["dtype"])


@functools.cache
def _denoiser(name):
    return DENOISERS[name]()


def _is_right(image, choice):
    """What the documentation of `denoise` and of `Denoiser` says."""
    floats = np.issubdtype(image.dtype, np.floating)
    dimensions = {"denoise": (2, 3, 4), "contract": (4,)}[choice["call"]]
    if image.ndim not in dimensions or 0 in image.shape:
        return False
    if floats and not np.all(np.abs(image) <= 10):
        return False
    if not floats and (image.dtype not in (np.uint8, np.uint16) or choice["call"] == "contract"):
        return False
    channels = image.shape[-1] if image.ndim > 2 else 1
    if image.ndim == 3 and channels not in (1, 3):
        return False
    height, width = image.shape[1:3] if image.ndim == 4 else image.shape[:2]
    model, sigma = choice["model"], choice["sigma"]
    if model in ("colour", "real") and channels != 3:
        return False
    if model == "ksvd" and min(height, width) < 8:
        return False
    if sigma is None:
        return model not in ("nlm", "ksvd")
    return isinstance(sigma, (int, float, np.floating)) and 0 <= sigma <= 255
