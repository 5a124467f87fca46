"""Damaged weight files and their descriptions, given to what loads networks and rules."""

import hashlib
import json
import shutil

import h5py
import numpy as np

from dncnn_keras import DnCNN, load_pretrained
from dncnn_keras.pretrained import save_pretrained
from learned_optim import load_rule, save_rule
from learned_optim.rules import make_rule
from meta_aux import MaskNetwork, MultiTask, RealDenoiser
from meta_aux import pretrained as real
from tests.fuzz.kind import Kind, check_line
from tests.fuzz.mutations import damage_bytes, damage_tree, displace

# A network for real photographs takes a hundred times as long to make as the others.
LOADERS = {"dncnn": load_pretrained, "rule": load_rule, "real": real.load_pretrained}
SHARES = {"dncnn": 12, "rule": 12, "real": 1}
SAVE = {
    "dncnn": lambda folder: save_pretrained(DnCNN(depth=3, filters=2), "dncnn", folder, {}),
    "rule": lambda folder: save_rule(make_rule("adam", units=2), "rule", folder, 0.1, {}),
    "real": lambda folder: real.save_pretrained(
        RealDenoiser(MultiTask((2, 3, 4)), MaskNetwork(2)), "real", folder, {}
    ),
}
SIZES = (0, -1, 1, 2, 3, 4, 1.5, True, "2", None, [2], 1000, 10**9, 10**30)


class WeightFiles(Kind):
    """Files whose checksum is wrong, and files that are wrong although it is right."""

    name = "weights"

    def make(self, generator):
        """See `Kind.make`."""
        (name,) = generator.choices(list(SHARES), SHARES.values())
        if not (self.folder / name).is_dir():
            SAVE[name](self.folder / name)
        folder = self.folder / "in"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / name, folder)
        weights, description = folder / f"{name}.weights.h5", folder / f"{name}.json"
        what = generator.choice(["bytes", "text", "values", "sizes", "sizes", "HDF5", "HDF5", "-"])
        match what:
            case "bytes":
                what, data = damage_bytes(generator, weights.read_bytes())
                weights.write_bytes(data)
                if generator.random() < 0.5:
                    what = f"checksum right, {what}"
                    _correct_checksum(weights, description)
            case "text":
                what, data = damage_bytes(generator, description.read_bytes())
                what = f"description: {what}"
                description.write_bytes(data)
            case "values":
                what, about = damage_tree(generator, json.loads(description.read_text()))
                what = f"description: {what}"
                description.write_text(json.dumps(about))
            case "sizes":
                what = "description: another size"
                _change_sizes(generator, description)
            case "HDF5":
                what = f"HDF5: {_change_hdf5(generator, weights)}"
                _correct_checksum(weights, description)
            case _:
                what = displace(generator, generator.choice([weights, description]))
        return what, lambda: self._give(LOADERS[name], weights)

    def _give(self, load, weights):
        try:
            model = load(weights)
        except (ValueError, OSError) as error:
            check_line(str(error), "there are no ", weights.parent, "[Errno ")
            return False
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        if load is load_rule:
            assert 0 < model.learning_rate < np.inf
        return True


def _correct_checksum(weights, description):
    about = json.loads(description.read_text())
    about["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    description.write_text(json.dumps(about))


def _change_sizes(generator, description):
    about = json.loads(description.read_text())
    config = about.get("model") or about["rule"]
    key = generator.choice(list(config))
    value = generator.choice(SIZES)
    if isinstance(config[key], list) and generator.random() < 0.7:
        config[key][generator.randrange(3)] = value
    else:
        config[key] = value
    description.write_text(json.dumps(about))


def _change_hdf5(generator, weights):
    """Changes a variable in a weight file, and returns how."""
    with h5py.File(weights, "r+") as file:
        names = []
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        name = generator.choice(names)
        values = file[name][()]
        del file[name]
        what = generator.choice(
            ["missing", "another shape", "another type", "NaN", "huge", "a group", "a link",
             "another variable", "a hole", "unknown"]
        )  # fmt: skip
        match what:
            case "another shape":
                file[name] = values[..., None] if generator.random() < 0.5 else values.ravel()[:-1]
            case "another type":
                kind = generator.choice(["S3", "c8", "?", "i8", "f2", "O", "V4", "f8"])
                text = ["x"] * values.size
                other = np.array(text, object) if kind == "O" else values.ravel().astype(kind)
                dtype = h5py.string_dtype() if kind == "O" else None
                file.create_dataset(name, data=other.reshape(values.shape), dtype=dtype)
            case "NaN":
                values.flat[0] = generator.choice([np.nan, np.inf, -np.inf])
                file[name] = values
            case "huge":
                shape = generator.choice([(2**40,), (2**20, 2**20), (10**4,) * 4])
                file.create_dataset(name, shape, "f4", chunks=(1,) * len(shape))
            case "a group":
                file.create_group(name)
            case "a link":
                link = generator.choice(
                    [h5py.SoftLink("/nowhere"), h5py.SoftLink("/"), h5py.ExternalLink("x.h5", "/")]
                )
                file[name] = link
            case "another variable":
                file[name] = file[generator.choice([each for each in names if each != name])][()]
            case "a hole":
                file.create_dataset(name, (0,), "f4")
            case "unknown":
                file[name] = values
                file[f"{name}x"] = generator.choice([np.zeros(3), "text"])
                file["layers/other/vars/0"] = np.zeros(3)
    return what
