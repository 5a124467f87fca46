"""Measures denoisers on images, one (method, image, sigma) at a time, on all devices."""

import queue
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dncnn_keras import metrics
from experiments.images import noisy_image


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
