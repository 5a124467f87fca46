"""Kills of a meta-training."""

from tests.chaos.kind import Kind, count_rows, read_json, read_weights

EXPERIMENT = """
kind: meta-train
name: trial
rule: rnnprop
tasks: [{task: quadratics, functions: 8, dimensions: 3}]
training: {updates: 200, epoch: 5, window: 5, horizons: [20], learning_rate: 0.01}
held_out:
  tasks: [{task: quadratics, functions: 16, dimensions: 3}]
  steps: 20
  every: 2
"""


class MetaTraining(Kind):
    """A small rule, which is judged and kept between its updates."""

    name = "meta-training"
    experiment = EXPERIMENT
    units = 40

    def progress(self, folder):
        """See `Kind.progress`."""
        return count_rows(folder / "runs/trial/log.csv")

    def results(self, folder):
        """See `Kind.results`."""
        run = folder / "runs/trial"
        about = ["experiment", "meta_updates", "held_out_losses", "sha256"]
        texts = ["log.csv", "held_out.csv", "trajectories_before.json", "trajectories_best.json"]
        return {
            "weights": read_weights(run / "trial.weights.h5"),
            "state": read_weights(run / "checkpoint.weights.h5"),
            "about": read_json(run / "trial.json", about),
            **{name: (run / name).read_text() for name in [*texts]},
        }
