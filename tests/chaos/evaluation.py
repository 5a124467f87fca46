"""Kills of an evaluation."""

import json

import keras

from meta_aux import MaskNetwork, MultiTask, RealDenoiser
from meta_aux.pretrained import save_pretrained
from tests.chaos.kind import Kind, read_json

MODELS = 4
EXPERIMENT = f"""
kind: real-table
name: trial
dataset: sample
steps: 1
models: [{", ".join(f"model{number}.weights.h5" for number in range(MODELS))}]
zoom: [0, 0, 32]
"""


class Evaluation(Kind):
    """Several denoisers on the embedded pairs; each image's result is kept."""

    name = "evaluation"
    experiment = EXPERIMENT
    units = 2 * (2 + MODELS)
    setback = 0

    def prepare(self, folder):
        """See `Kind.prepare`."""
        super().prepare(folder)
        keras.utils.set_random_seed(0)
        for number in range(MODELS):
            model = RealDenoiser(MultiTask((1, 1, 1)), MaskNetwork(1))
            save_pretrained(model, f"model{number}", folder, {})

    def progress(self, folder):
        """See `Kind.progress`."""
        files = folder.glob("runs/real-table/sample/*.json")
        return sum(len(json.loads(file.read_text())["results"]["0"]) for file in files)

    def results(self, folder):
        """See `Kind.results`."""
        summary = read_json(folder / "runs/trial.json", ["experiment", "images", "methods"])
        for row in summary["methods"]:
            del row["test"]["seconds"], row["provenance"]
        return {**summary, "picture": (folder / "runs/trial.png").read_bytes()}
