"""What is measured of each image, kept in a file, so that a stopped measurement goes on."""

import json
from pathlib import Path
from typing import Generic, TypeVar

import pydantic

from experiments.atomic_write import write_atomically
from experiments.kept_results import Provenance, read_kept
from experiments.provenance import provenance

Result = TypeVar("Result")


class Measurement(pydantic.BaseModel):
    """What `evaluation.evaluate` measures of an image."""

    psnr: float
    psnr_unclipped: float
    ssim: float
    ssim_range_2: float
    seconds: float


class Kept(pydantic.BaseModel, Generic[Result]):
    """What a `ResultsFile` holds: for every sigma each image's result, and what measured them."""

    made_with: dict
    provenance: dict[str, Provenance]
    results: dict[str, dict[str, Result]]

    @pydantic.model_validator(mode="after")
    def _says_what_measured_all(self):
        if not self.results.keys() <= self.provenance.keys():
            raise ValueError("there are results that nothing says the origin of")
        return self


class ResultsFile:
    """Results of one method on one data set, kept in a JSON file that grows image by image.

    Args:
        path: The file. What it holds is used again only if it was made with the same `made_with`.
        made_with: JSON-like dict of all that decides the results: seed, settings, weights.
        result: Type of an image's result, as pydantic takes it.

    Raises:
        ValueError: If the file is damaged.
    """

    def __init__(self, path, made_with, result=Measurement):
        self.path = Path(path)
        self.content = {"made_with": made_with, "provenance": {}, "results": {}}
        if self.path.exists():
            content = read_kept(self.path, Kept[result])
            if content["made_with"] == made_with:
                self.content = content

    def get(self, sigma, image):
        """Returns the result for an image at a sigma, or `None`."""
        return self.content["results"].get(f"{sigma:g}", {}).get(image)

    def put(self, sigma, image, result):
        """Adds a result and writes the file."""
        if f"{sigma:g}" not in self.content["provenance"]:
            self.content["provenance"][f"{sigma:g}"] = provenance()
        self.content["results"].setdefault(f"{sigma:g}", {})[image] = result
        self._write()

    def made_by(self, sigma):
        """Returns the provenance of the results at a sigma, that of the first of them."""
        return self.content["provenance"][f"{sigma:g}"]

    def take_the_place_of(self, other, sigmas):
        """Replaces a file, whose results of other sigmas stay.

        Args:
            other: The `ResultsFile` that is replaced, which lends its `made_with`, too.
            sigmas: Noise levels of which this one holds all results.
        """
        complete = {f"{sigma:g}" for sigma in sigmas}
        for key in ("provenance", "results"):
            own = {s: value for s, value in self.content[key].items() if s in complete}
            self.content[key] = {**other.content[key], **own}
        self.content["made_with"] = other.content["made_with"]
        self._write()
        self.path = self.path.replace(other.path)

    def _write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self.content, indent=1) + "\n")
