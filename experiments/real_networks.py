"""The networks that tables of real photographs compare: those that adapt, and their rivals."""

from pathlib import Path

import numpy as np

from dncnn_keras.weight_files import SUFFIX, load_model, read_description, save_model
from meta_aux import MIRNet, RealDenoiser, RIDNet, adapt
from meta_aux.pretrained import load_pretrained, save_pretrained
from meta_aux.self_supervision import LOSSES

RIVALS = {"RIDNet": RIDNet, "MIRNet": MIRNet}


def denoise(network, noisy, steps):
    """Denoises a photograph in each way that the network can.

    Args:
        network: A `RealDenoiser` or one of the `RIVALS`.
        noisy: Float32 array of shape `(height, width, 3)` in [0, 1].
        steps: Steps of adaptation.

    Yields:
        The clean image before and, of what adapts, after adaptation by each of
        `self_supervision.LOSSES`, all clipped.
    """
    if isinstance(network, RealDenoiser):
        yield adapt(network, noisy, 0)
        for loss in LOSSES:
            yield adapt(network, noisy, steps, loss=loss)
    else:
        yield np.clip(network.predict_on_batch(noisy[None])[0], 0, 1)


def save_network(network, name, folder, provenance):
    """Writes a network's weights and their description, for `load_network`.

    Arguments and result are those of `meta_aux.pretrained.save_pretrained`.
    """
    if isinstance(network, RealDenoiser):
        return save_pretrained(network, name, folder, provenance)
    config = {key: n for key, n in network.get_config().items() if key not in ("dtype", "name")}
    plain = type(network)(**config, dtype="float32")  # not compiled
    plain.set_weights(network.get_weights())
    config = {"network": type(network).__name__, **config}
    return save_model(plain, name, folder, {**provenance, "model": config})


def load_network(name):
    """Loads what `save_network` wrote, or released weights.

    Args:
        name: A released name, or the path of a `.weights.h5` file with its `.json` beside it.

    Returns:
        A `RealDenoiser` or one of the `RIVALS`.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the files are damaged or do not belong together.
    """
    weights = Path(name)
    if str(name).endswith(SUFFIX) and weights.is_file():
        _, config = read_description(weights, "model")
        if config.get("network") in RIVALS:
            make = RIVALS[config.pop("network")]
            return load_model(weights, make, config, list(config))
    return load_pretrained(name)
