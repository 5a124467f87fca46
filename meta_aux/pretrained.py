"""Released weights: a Keras weight file and a JSON file that says what is in it.

`NAME.json` holds `model` (what the model is made of), `sha256` of the weight file, and how the
weights were made; `NAME.weights.h5`, beside it, is what `RealDenoiser.save_weights` writes.
"""

from pathlib import Path

from dncnn_keras.weight_files import (
    SUFFIX,
    description_of,
    load_model,
    model_name,
    names_in,
    read_description,
    save_model,
)
from meta_aux.mask import MaskNetwork
from meta_aux.multi_task import MultiTask
from meta_aux.parallel_heads import ParallelHeads
from meta_aux.real_denoiser import RealDenoiser

WEIGHTS = Path(__file__).parent / "weights"
NETWORKS = {"MultiTask": MultiTask, "ParallelHeads": ParallelHeads}


def available():
    """Names of the weights that come with the package, sorted."""
    return names_in(WEIGHTS)


def weights_of(name: str | Path) -> Path:
    """Path of the weight file that `load_pretrained` reads for a name."""
    return Path(name) if str(name).endswith(SUFFIX) else WEIGHTS / f"{name}{SUFFIX}"


def load_pretrained(name: str | Path = "real-mtl") -> RealDenoiser:
    """Loads released weights.

    Args:
        name: A name out of `available()`, or the path of a `.weights.h5` file that
            `save_pretrained` wrote, with its `.json` beside it.

    Returns:
        A `RealDenoiser` of that name, ready for `adapt` or for training on.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the files are damaged or do not belong together.

    Example:

        model = load_pretrained("real-mtl")
    """
    weights = weights_of(name)
    description = description_of(weights)
    for path in (weights, description):
        if not path.is_file():
            raise FileNotFoundError(
                f"there are no real-noise weights {str(name)!r} ({path} is missing); "
                f"available: {', '.join(available()) or 'none'}, or the path of a {SUFFIX} file"
            )
    _, config = read_description(weights, "model")
    config["name"] = model_name(description.stem)
    return load_model(weights, _make, config, ["filters", "channels", "mask_filters"])


def save_pretrained(model, name, folder, provenance):
    """Writes a model's weights and their description, for `load_pretrained`.

    Args:
        model: A `RealDenoiser`. Float32 weights are stored.
        name: Name of the release; the files are `name.weights.h5` and `name.json`.
        folder: Folder for the two files, made where it is missing.
        provenance: Dict of how the weights were made (data, steps, seed, figures...), which
            JSON can hold; added to the description.

    Returns:
        Path of the weight file.

    Example:

    >>> model = RealDenoiser(MultiTask(), MaskNetwork())
    >>> path = save_pretrained(model, "mine", tempfile.mkdtemp(), {"seed": 0})
    >>> load_pretrained(path).network.count_params()
    603360
    """
    network, mask_network = model.network, model.mask_network
    config = {
        "network": type(network).__name__,
        "filters": list(network.filters),
        "channels": network.channels,
        "mask_filters": None if mask_network is None else mask_network.filters,
    }
    plain = _make(**config)  # float32 and not compiled
    plain.set_weights(model.get_weights())
    return save_model(plain, name, folder, {**provenance, "model": config})


def _make(network, filters, channels, mask_filters, name="real_denoiser"):
    dtype = "float32"
    mask_network = None
    if mask_filters is not None:
        mask_network = MaskNetwork(mask_filters, channels, dtype)
    return RealDenoiser(NETWORKS[network](filters, channels, dtype), mask_network, name)
