"""Damaged files in the folder of a run that was stopped, and goes on."""

import contextlib
import io
import json
import shutil

import keras
import numpy as np

from experiments.checkpoint import Checkpoint
from experiments.csv_log import trim_log
from experiments.schema import Section
from tests.fuzz.kind import Kind, check_line
from tests.fuzz.mutations import damage_bytes, damage_tree, displace


class Trial(Section):
    """What an experiment may look like."""

    name: str
    training: dict[str, float]
    scales: tuple[float, ...]


SETTINGS = Trial(name="trial", training={"steps": 8, "rate": 0.1}, scales=(1.0, 0.5))
LOG = "epoch,loss,note\n0,1.5,NA\n1,1.25,0.5\n2,1.0,NA\n"


class RunFiles(Kind):
    """Settings, log and checkpoint, of which there is one more."""

    name = "runs"

    def __init__(self, folder):
        super().__init__(folder)
        self._model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        self._model.compile(optimizer="adam", loss="mse", jit_compile=False)
        good, data = folder / "good", np.zeros((1, 2))
        checkpoint = Checkpoint(good, SETTINGS, 1)
        self._model.fit(data, data, epochs=2, verbose=0, callbacks=[checkpoint])
        (good / "log.csv").write_text(LOG)

    def make(self, generator):
        """See `Kind.make`."""
        folder = self.folder / "in"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "good", folder)
        name = generator.choice(["settings.json", "log.csv", "checkpoint.weights.h5"])
        file = folder / name
        what = generator.choice(["bytes", "bytes", "bytes", "tree", "place"])
        match what:
            case "tree" if name == "settings.json":
                what, tree = damage_tree(generator, SETTINGS.model_dump(mode="json"))
                file.write_text(json.dumps(tree))
            case "place":
                what = displace(generator, file)
            case _:
                what, data = damage_bytes(generator, file.read_bytes())
                file.write_bytes(data)
        return f"{name.partition('.')[0]}: {what}", lambda: self._give(folder)

    def _give(self, folder):
        try:
            checkpoint = Checkpoint(folder, SETTINGS, 1)
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                done = checkpoint.restore(self._model)
            trim_log(folder / "log.csv", done)
        except (ValueError, OSError) as error:
            check_line(str(error), folder, "[Errno ")
            return False
        assert not list(folder.glob(".*"))
        assert json.loads((folder / "settings.json").read_text("utf-8")) == SETTINGS.model_dump(
            mode="json"
        )
        assert 0 <= done <= 2
        assert printed.getvalue().count("\n") <= 1
        return True
