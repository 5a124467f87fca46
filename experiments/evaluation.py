"""Measures denoisers on images, one (method, image, sigma) at a time, and remembers each."""

import json
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pydantic
import tensorflow as tf
from tqdm import tqdm

from dncnn_keras import metrics, noise, seeds
from dncnn_keras.images import to_float
from experiments.atomic_write import write_atomically
from experiments.kept_results import Provenance, read_kept
from experiments.provenance import provenance

Result = TypeVar("Result")


class Measurement(pydantic.BaseModel):
    """What `evaluate` measures of an image."""

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

    def take_the_place_of(self, other):
        """Replaces a file, and takes over what it holds for sigmas that this one has not.

        Args:
            other: A `ResultsFile` made with the same settings.
        """
        for key in ("provenance", "results"):
            self.content[key] = {**other.content[key], **self.content[key]}
        self._write()
        self.path = self.path.replace(other.path)

    def _write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self.content, indent=1) + "\n")


def noisy_image(image, sigma, seed):
    """The noisy version of an image: the same for every method and on every machine.

    Args:
        image: A `datasets.NamedImage`.
        sigma: Noise level in grey levels of 255.
        seed: The experiment's seed.

    Returns:
        Pair (noisy, clean) of float32 arrays of shape `(height, width, channels)`; the noisy one
        is not clipped.
    """
    clean = to_float(image.pixels)
    seed = seeds.derive(seed, "test", image.name, f"{sigma:g}")
    return noise.add_gaussian(clean, sigma, seed).numpy(), clean


def evaluate(
    make_denoiser, images, sigma, seed, results, label, devices=("",), on_image=lambda: None
):
    """Denoises images at a noise level and measures the results, or takes them from the file.

    Args:
        make_denoiser: Function without arguments that returns the denoiser; called only if
            something is missing in the file, so that an optional package is needed only then.
        images: List of `datasets.NamedImage`.
        sigma: Noise level in grey levels of 255.
        seed: The experiment's seed.
        results: A `ResultsFile`.
        label: What the progress bar calls the method.
        devices: Names of devices, which share the images; by default the one of TensorFlow's
            choice.
        on_image: Function without arguments that is called after each image that is measured.

    Returns:
        Dict of the means over the images: `psnr` in dB of the clipped output, `psnr_unclipped`,
        `ssim`, `ssim_range_2` (with the paper's wrong data range), and the median `seconds`, which
        a first call's tracing does not move.

    Raises:
        FloatingPointError: If the denoiser returns NaN or infinite values.
    """
    missing = [image for image in images if results.get(sigma, image.name) is None]
    if missing:
        measured = measure_all(
            make_denoiser,
            lambda denoiser, image: _measure(denoiser, image, sigma, seed),
            missing,
            devices,
        )
        title = f"{label}, sigma {sigma:g}"
        bar = tqdm(measured, title, len(missing), leave=None, unit="image", disable=None)
        for image, result in zip(missing, bar, strict=True):
            results.put(sigma, image.name, result)
            on_image()
    rows = [results.get(sigma, image.name) for image in images]
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    return {**means, "seconds": float(np.median([row["seconds"] for row in rows]))}


def measure_all(make_denoiser, measure, images, devices):
    """Measures images on several devices, each of which takes the next one when it is free.

    Args:
        make_denoiser: Function without arguments that returns a denoiser; every device gets its
            own.
        measure: Function of a denoiser and an image.
        images: List of images.
        devices: Names of devices.

    Yields:
        What `measure` returns for each image, in their order.
    """
    free = queue.SimpleQueue()
    for device in devices:
        with tf.device(device):
            free.put((device, make_denoiser()))

    def run(image):
        device, denoiser = free.get()
        try:
            with tf.device(device):
                return measure(denoiser, image)
        finally:
            free.put((device, denoiser))

    with ThreadPoolExecutor(len(devices)) as pool:
        # A single device's images stay in this thread, which Ctrl-C stops at once.
        yield from (pool.map if len(devices) > 1 else map)(run, images)


def _measure(denoiser, image, sigma, seed):
    noisy, clean = noisy_image(image, sigma, seed)
    started = time.perf_counter()
    output = denoiser(noisy[None], sigma)[0]
    seconds = time.perf_counter() - started
    denoised = np.clip(output, 0, 1)
    return {
        "psnr": round(metrics.psnr(clean, denoised), 4),
        "psnr_unclipped": round(metrics.psnr(clean, output), 4),
        "ssim": round(metrics.ssim(clean, denoised), 5),
        "ssim_range_2": round(metrics.ssim(clean, denoised, data_range=2.0), 5),
        "seconds": round(seconds, 3),
    }
