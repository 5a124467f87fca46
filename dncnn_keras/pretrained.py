"""Released weights: a Keras weight file and a JSON file that says what is in it.

`NAME.json` holds `model` (the arguments of `DnCNN`), `sha256` of the weight file, and how the
weights were made; `NAME.weights.h5`, beside it, is what `DnCNN.save_weights` writes.
"""

from pathlib import Path

from dncnn_keras.dncnn import DnCNN
from dncnn_keras.weight_files import (
    SUFFIX,
    description_of,
    load_model,
    model_name,
    names_in,
    read_description,
    save_model,
)

WEIGHTS = Path(__file__).parent / "weights"


def available():
    """Names of the weights that come with the package, sorted."""
    return names_in(WEIGHTS)


def weights_file(name):
    """Path of the weight file of a name out of `available()`; a path is returned as it is.

    Raises:
        FileNotFoundError: If there are no such weights.
    """
    if str(name).endswith(SUFFIX):
        return Path(name)
    if str(name) in available():
        return WEIGHTS / f"{name}{SUFFIX}"
    raise FileNotFoundError(
        f"there are no weights named {str(name)!r}; available: "
        f"{', '.join(available()) or 'none'}, or the path of a {SUFFIX} file"
    )


def load_pretrained(name: str | Path = "dncnn-blind") -> DnCNN:
    """Loads released weights.

    Args:
        name: A name out of `available()`, or the path of a `.weights.h5` file that
            `save_pretrained` wrote, with its `.json` beside it.

    Returns:
        A `DnCNN` of that name, ready for inference or for training on.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the files are damaged or do not belong together.

    Example:

        model = load_pretrained("dncnn-blind")
    """
    weights = weights_file(name)
    description = description_of(weights)
    for path in (weights, description):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such file")
    _, config = read_description(weights, "model")
    config["name"] = model_name(description.stem)
    return load_model(weights, DnCNN, config, ["depth", "filters", "channels"])


def save_pretrained(model, name, folder, provenance):
    """Writes a model's weights and their description, for `load_pretrained`.

    Args:
        model: A `DnCNN`. Float32 weights are stored, without optimizer state.
        name: Name of the release; the files are `name.weights.h5` and `name.json`.
        folder: Folder for the two files, made where it is missing.
        provenance: Dict of how the weights were made (data, steps, seed, figures...), which
            JSON can hold; added to the description.

    Returns:
        Path of the weight file.

    Example:

    >>> path = save_pretrained(DnCNN(depth=5), "small", tempfile.mkdtemp(), {"seed": 0})
    >>> load_pretrained(path).depth
    5
    """
    config = {key: getattr(model, key) for key in ("depth", "filters", "channels", "batch_norm")}
    plain = DnCNN(**config, dtype="float32")  # without the optimizer that a compiled model saves
    plain.set_weights(model.get_weights())
    return save_model(plain, name, folder, {**provenance, "model": config})
