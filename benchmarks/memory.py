"""Resident memory in MB, each time of a process of its own (Linux).

Of a training it is what the process has allocated, without the pages of mapped files, which the
system drops where it needs their memory. Of the command it is the peak of all.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from dncnn_keras import DnCNN
from dncnn_keras.patches import SCALES, PatchSampler, noisy_patches
from dncnn_keras.pretrained import save_pretrained

ROOT = Path(__file__).parent.parent
FEW, MANY, SIDE, STEPS = 40, 4000, 180, 1000
PHOTOGRAPH = (5774, 8660, 3)


def measure():
    """Yields lines: training on few and on many images, its steps, and a large photograph."""
    few, many = (in_own_process(__name__, "training", str(images)) for images in (FEW, MANY))
    for images, memory in ((FEW, few), (MANY, many)):
        yield f"{f'training on {images:,} images, 100 steps':<40}{memory['first'] / 1e6:8.0f} MB"
    pixels = (MANY - FEW) * SIDE**2 * sum(scale**2 for scale in SCALES) / 1e6
    yield f"{'  the additional images, in files':<40}{pixels:8.0f} MB at their four scales"
    growth = (many["last"] - many["first"]) / 1e6
    yield f"{f'{STEPS:,} further steps':<40}{growth:+8.0f} MB"
    with tempfile.TemporaryDirectory() as folder:
        noisy = np.resize(np.random.default_rng(0).integers(0, 256, 10**6, np.uint8), PHOTOGRAPH)
        cv2.imwrite(f"{folder}/noisy.png", noisy)
        # A hidden layer's memory is freed before the next but one, so depth costs time alone.
        weights = save_pretrained(DnCNN(depth=3), "model", folder, {})
        arguments = ["denoise", f"{folder}/noisy.png", f"{folder}/clean.png", "--model"]
        peak = in_own_process(__name__, "command", *arguments, str(weights))["last"]
    megapixels = PHOTOGRAPH[0] * PHOTOGRAPH[1] / 1e6
    name = f"dncnn-keras denoise, {megapixels:.0f} megapixels, colour"
    yield f"{name:<40}{peak / 1e6:8.0f} MB; the target is 2000 MB"


def in_own_process(module, *arguments):
    """Runs a module of the benchmarks, and returns what the last line it prints holds as JSON."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def resident(what):
    """This process's in bytes; `getrusage` counts that of the process before it too."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{what}:\s+(\d+)", status)[1])


def _training(images):
    generator = np.random.default_rng(0)
    images = (generator.integers(0, 256, (SIDE, SIDE, 1), dtype=np.uint8) for _ in range(images))
    sampler = PatchSampler(images, patch_size=40, seed=0)
    model = DnCNN(depth=5, filters=16)
    model.compile(optimizer="adam", loss="mse", jit_compile=False)
    batches = noisy_patches(sampler, (5, 90), batch_size=16)
    memory = {}
    for name, steps in (("first", 100), ("last", STEPS)):
        model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
        memory[name] = resident("RssAnon")
    return memory


def _command(*arguments):
    from dncnn_keras.cli import main

    assert main(arguments) == 0
    return {"last": resident("VmHWM")}


if __name__ == "__main__":
    what, *values = sys.argv[1:]
    print(json.dumps(_training(int(values[0])) if what == "training" else _command(*values)))
