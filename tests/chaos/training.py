"""Kills of a training."""

import csv

import cv2
import numpy as np

from tests.chaos.kind import Kind, count_rows, read_json, read_weights

EXPERIMENT = """
kind: train-dncnn
name: trial
devices: cpu
data: {folder: images, holdout: 1, patch_size: 16, scales: [1.0], sigma: [5, 50]}
network: {depth: 3, filters: 4}
optimizer: {learning_rate: 0.01}
training: {steps: 300, batch_size: 4, epoch: 5, validate_every: 1}
validation_sigmas: [25]
"""


class Training(Kind):
    """A small network; its checkpoints follow each other closely."""

    name = "training"
    experiment = EXPERIMENT
    units = 60

    def prepare(self, folder):
        """See `Kind.prepare`."""
        super().prepare(folder)
        (folder / "images").mkdir()
        generator = np.random.default_rng(0)
        for number in range(3):
            noise = generator.integers(0, 256, (40, 50), dtype=np.uint8)
            cv2.imwrite(str(folder / f"images/{number}.png"), cv2.GaussianBlur(noise, (0, 0), 2))

    def progress(self, folder):
        """See `Kind.progress`."""
        return count_rows(folder / "runs/trial/log.csv")

    def results(self, folder):
        """See `Kind.results`."""
        run = folder / "runs/trial"
        with (run / "log.csv").open(newline="") as log:
            rows = [{**row, "seconds": None} for row in csv.DictReader(log)]
        return {
            "weights": read_weights(run / "trial.weights.h5"),
            "state": read_weights(run / "checkpoint.weights.h5"),
            "log": rows,
            "about": read_json(run / "trial.json", ["experiment", "validation_psnr", "sha256"]),
        }
