"""Damaged results of earlier runs: a method's on a data set, and a race's."""

import contextlib
import json
import math
import shutil
from pathlib import Path
from unittest import mock

import numpy as np

from dncnn_keras.datasets import NamedImage
from experiments import race_dncnn
from experiments.__main__ import main
from experiments.evaluation import evaluate
from experiments.methods import Identity
from experiments.provenance import provenance
from experiments.results_file import ResultsFile
from tests.fuzz.kind import Kind, check_line, run_command
from tests.fuzz.mutations import damage_bytes, damage_tree, displace, empty_folder

MADE_WITH = {"seed": 0, "settings": "default"}
RACE = """
kind: race-dncnn
name: trial
validation_sigmas: [25]
horizons: [10]
curve: 2
seeds: 2
contenders:
  - {title: SGD, optimizer: {name: sgd, learning_rate: 0.1}}
  - {title: Adam, optimizer: {name: adam}, learning_rates: [0.001, 0.01]}
"""


class ResultFiles(Kind):
    """Half of them a method's results, half of them a race's."""

    name = "results"

    def __init__(self, folder):
        super().__init__(folder)
        pixels = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 1), np.uint8)
        self._images = [NamedImage(name, each) for name, each in zip("ab", pixels, strict=True)]
        good = empty_folder(folder / "good")
        evaluate(
            Identity, self._images, 25, 0, ResultsFile(good / "noisy.json", MADE_WITH), "noisy"
        )
        (good / "trial.yaml").write_text(RACE)
        with contextlib.chdir(good):
            assert _race()[0] == 0
        self._runs = sorted(path.name for path in (good / "results" / "trial").iterdir())

    def make(self, generator):
        """See `Kind.make`."""
        folder = self.folder / "in"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "good", folder)
        if generator.random() < 0.5:
            file = folder / "noisy.json"
            return _damage(generator, file), lambda: self._give_evaluation(file)
        for summary in folder.glob("results/trial.*"):
            summary.unlink()
        file = folder / "results" / "trial" / generator.choice(self._runs)
        return f"race: {_damage(generator, file)}", lambda: self._give_race(folder)

    def _give_evaluation(self, file):
        before = sorted(file.parent.iterdir())
        try:
            results = ResultsFile(file, MADE_WITH)
            row = evaluate(Identity, self._images, 25, 0, results, "noisy")
        except (ValueError, OSError) as error:
            check_line(str(error), file, "[Errno ")
            return False
        finally:
            assert {*file.parent.iterdir()} - {file} <= {*before}
        assert all(isinstance(value, float) for value in row.values())
        assert {"psnr", "psnr_unclipped", "ssim", "ssim_range_2", "seconds"} <= row.keys()
        made_by = results.made_by(25)
        assert f"{made_by['cores']} cores of {made_by['processor']}, {made_by['date'][:10]}"
        return True

    def _give_race(self, folder):
        with contextlib.chdir(folder):
            code, printed = _race()
        written = {path.name for path in folder.glob("results/*")} - {"trial"}
        if code == 0:
            assert printed == ""
            assert written == {"trial.json", "trial.md"}
            json.loads((folder / "results" / "trial.json").read_text("utf-8"))
            return True
        assert code == 2
        check_line(printed.removesuffix("\n"), "error: results/trial/", "error: [Errno ")
        assert not written
        return False


def _damage(generator, file):
    what = generator.choice(["bytes", "tree", "tree", "tree", "place"])
    match what:
        case "bytes":
            what, data = damage_bytes(generator, file.read_bytes())
            file.write_bytes(data)
        case "tree":
            what, tree = damage_tree(generator, json.loads(file.read_text("utf-8")))
            file.write_text("[" * 10**5 if generator.random() < 0.02 else json.dumps(tree))
        case "place":
            what = displace(generator, file)
    return what


def _race():
    """Runs the race; what it would train is as good as its learning rate."""

    def train(training, run):
        run.mkdir(parents=True, exist_ok=True)
        psnr = 30 + math.log10(training.optimizer.learning_rate)
        steps = training.training.epoch
        curve = [[steps * (1 + n), 1.5 * (1 + n), psnr - 1 + n] for n in range(2)]
        told = {"validation_psnr": {"25": psnr}, "validation_curve": curve, "dtype": "float32"}
        (run / f"{training.name}.json").write_text(json.dumps(told | provenance()))

    with (
        mock.patch.object(race_dncnn, "train_dncnn", train),
        mock.patch.object(race_dncnn, "race_curves", lambda sections, file: None),
    ):
        return run_command(main, "run", Path("trial.yaml"))
