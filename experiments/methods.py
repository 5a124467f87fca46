"""The methods that Table 1 compares, each with all that decides its results."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pydantic

from dncnn_keras import load_official, load_pretrained, paths
from dncnn_keras.denoisers.bm3d import BM3D
from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from dncnn_keras.denoisers.ksvd import KSVD
from dncnn_keras.denoisers.nlm import NLM
from dncnn_keras.images import from_float, to_float
from dncnn_keras.pretrained import weights_file
from dncnn_keras.weight_files import description_of, read_description, sha256_of

OFFICIAL_FOLDER = "official_dncnn"


class TrainingRecord(pydantic.BaseModel):
    """What a network's description tells of its training, where it does.

    Attributes:
        date: When it ended.
        validation_psnr: PSNR in dB at the end, for every sigma of the validation.
        validation_curve: Points (steps, seconds, mean PSNR over these sigmas).
    """

    date: str = ""
    validation_psnr: dict[str, float] = {}
    validation_curve: list[tuple[int, float, float]] = []


@dataclass(frozen=True)
class Method:
    """A column of the table.

    Attributes:
        name: Its short name, also that of its results file.
        title: Its heading.
        make: Function that makes the denoiser for a sigma.
        made_with: JSON-like dict; results are used again only if it is unchanged.
        slow: Whether its results are kept with the project rather than measured in every clone.
        sigmas: The noise levels that it exists for, or `None` for all.
        published: Its column in the paper's tables, where it has one, as `published` calls it.
        training: What the description of a network tells of its training.
    """

    name: str
    title: str
    make: Callable[[float], Denoiser]
    made_with: dict
    slow: bool = False
    sigmas: tuple[float, ...] | None = None
    published: str | None = None
    training: TrainingRecord | None = None

    @property
    def is_network(self):
        """Whether it is a network, which runs on any device; the others run on the processor."""
        return "weights_sha256" in self.made_with


class Identity(Denoiser):
    """Returns its input: the yardstick of doing nothing."""

    name = "noisy"

    def denoise_image(self, noisy, sigma):
        """Returns the noisy image."""
        return noisy


class Quantised(Denoiser):
    """A denoiser that is given what an 8-bit file would hold: clipped and rounded noise."""

    needs_sigma = True

    def __init__(self, denoiser):
        self.name = f"{denoiser.name}-8bit"
        self.denoiser = denoiser

    def denoise_image(self, noisy, sigma):
        """Clips and rounds the noisy image before it is denoised."""
        return self.denoiser.denoise_image(to_float(from_float(noisy, np.uint8)), sigma)


def classical_methods(protocol):
    """NLM, K-SVD and BM3D; under the paper's protocol BM3D sees an 8-bit image."""
    nlm, ksvd = ({"settings": vars(denoiser())} for denoiser in (NLM, KSVD))
    methods = [
        Method("noisy", "Noisy", lambda sigma: Identity(), {}, published="noisy"),
        Method("nlm", "NLM", lambda sigma: NLM(), nlm, slow=True, published="nlm"),
        Method("ksvd", "K-SVD", lambda sigma: KSVD(), ksvd, slow=True, published="ksvd"),
    ]
    if protocol == "paper":
        name, make = "bm3d-8bit", lambda sigma: Quantised(BM3D())
        made_with = {"input": "8 bit", "profile": "np"}
    else:
        name, make, made_with = "bm3d", lambda sigma: BM3D(), {"profile": "np"}
    return [*methods, Method(name, "BM3D", make, made_with, slow=True, published="bm3d")]


def pretrained_method(name):
    """A released model, or one of the user's given by the path of its `.weights.h5`."""
    file = weights_file(name)
    titles = {"dncnn-blind": "DnCNN (Adam)", "dncnn-blind-meta": "DnCNN (meta-trained)"}
    label = file.name.removesuffix(".weights.h5")
    about, _ = read_description(file, "model")
    try:
        training = TrainingRecord.model_validate(about)
    except pydantic.ValidationError as error:
        key = error.errors()[0]["loc"][0]
        raise ValueError(
            f"{description_of(file)}: damaged: {key!r} is not as it was written"
        ) from None
    by_adam = {"dncnn-blind-small": "dncnn-blind", "dncnn-blind-paper": "dncnn-blind"}
    return Method(
        label,
        titles.get(label, label),
        lambda sigma: DnCNNDenoiser(load_pretrained(name)),
        {"weights_sha256": about["sha256"]},
        published=by_adam.get(label, label),
        training=training,
    )


def refuse_two_of_a_name(names):
    """Refuses models whose results would be kept in one file.

    Args:
        names: List of the models' names.

    Raises:
        ValueError: If two are the same.
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"models: two are called {twice}; rename the weights of one")


def _sigma_of(file):
    try:
        return float(file.stem.partition("=")[2])
    except ValueError:
        raise ValueError(f"{file}: must be called sigma=NUMBER.mat; rename or remove it") from None


def official_methods():
    """The authors' DnCNN-S and DnCNN-B, where the user has their files."""
    folder = paths.data_dir() and paths.data_dir() / OFFICIAL_FOLDER
    if not folder or not folder.is_dir():
        return []
    methods = []
    files = {_sigma_of(file): file for file in sorted(folder.glob("sigma=*.mat"))}
    if files:
        methods.append(
            Method(
                "official-dncnn-s",
                "DnCNN-S (its authors')",
                lambda sigma: DnCNNDenoiser(load_official(files[sigma])),
                {"weights_sha256": {f.name: sha256_of(f) for f in files.values()}},
                sigmas=tuple(sorted(files)),
            )
        )
    blind = folder / "GD_Gray_Blind.mat"
    if blind.exists():
        methods.append(
            Method(
                "official-dncnn-b",
                "DnCNN-B (its authors')",
                lambda sigma: DnCNNDenoiser(load_official(blind)),
                {"weights_sha256": sha256_of(blind)},
            )
        )
    return methods
