"""Networks of a few channels in float64, for values and derivatives to many digits."""

import numpy as np
import pytest

from meta_aux import MaskNetwork, MultiTask, RealDenoiser

FILTERS = (2, 3, 4)


def scale_up(model, generator):
    """Gives a model weights under which all of it matters, unlike the small initial ones."""
    for weight in model.trainable_variables:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        weight.assign(generator.normal(0, 0.8 / np.sqrt(fan_in), weight.shape))


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def denoiser(generator):
    model = RealDenoiser(MultiTask(FILTERS, dtype="float64"), MaskNetwork(2, dtype="float64"))
    scale_up(model, generator)
    return model


@pytest.fixture
def pair(generator):
    """A noisy and a clean batch of two 8x8 images."""
    clean = generator.uniform(0, 1, (2, 8, 8, 3))
    return clean + generator.normal(0, 0.1, clean.shape), clean
