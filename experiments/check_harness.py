"""Proves the evaluation right with the authors' own weights: `kind: check-harness`."""

import numpy as np

from dncnn_keras import datasets, paths
from experiments.evaluation import evaluate
from experiments.lock import alone
from experiments.methods import OFFICIAL_FOLDER, official_methods
from experiments.provenance import hash_of_program
from experiments.published import DNCNN_S_PSNR
from experiments.results_file import ResultsFile
from experiments.strategy import device_names


def check_harness(experiment):
    """Denoises BSD68 and Set12 with the published DnCNN-S and compares with the published PSNR.

    Args:
        experiment: A `schema_dncnn.CheckHarness`.

    Returns:
        Whether every difference is within the tolerance.

    Raises:
        FileNotFoundError: If the authors' weights are not in the data folder, all of them.
        ValueError: If a device is not there.
    """
    method = next((m for m in official_methods() if m.sigmas), None)
    needed = {sigma for published in DNCNN_S_PSNR.values() for sigma in published}
    missing = sorted(needed.difference(method.sigmas if method else ()))
    if missing:
        files = ", ".join(f"sigma={sigma:g}.mat" for sigma in missing)
        raise FileNotFoundError(
            f"the authors' weights are needed: put {files} out of model/specifics/ of "
            f"github.com/cszn/DnCNN into {OFFICIAL_FOLDER}/ of the folder that "
            f"{paths.DATA_VARIABLE} names, and run this again"
        )
    # Kept until all is measured and no longer: what is checked is today's code.
    file = paths.RUNS / experiment.name / f"{method.name}.json"
    with alone(file.parent):
        return _check(experiment, method, file)


def _check(experiment, method, file):
    made_with = {"seed": experiment.seed, "program": hash_of_program(), **method.made_with}
    results = ResultsFile(file, made_with)
    devices = device_names(experiment.devices)
    passed = True
    print(f"{'set':8}{'sigma':>6}{'published':>11}{'measured':>10}{'difference':>12}")
    for dataset, published in DNCNN_S_PSNR.items():
        images = datasets.load_images("bsd80")
        images = [image for image in images if image.name.startswith(dataset)]
        for sigma, expected in published.items():
            row = evaluate(
                lambda s=sigma: method.make(s),
                images,
                sigma,
                experiment.seed,
                results,
                dataset,
                devices,
            )
            difference = row["psnr"] - expected
            fails = not np.abs(difference) <= experiment.tolerance
            passed = passed and not fails
            mark = "  FAILS" if fails else ""
            print(
                f"{dataset:8}{sigma:6}{expected:11.2f}{row['psnr']:10.3f}{difference:+12.3f}{mark}"
            )
    file.unlink()
    print("the harness is right" if passed else f"beyond {experiment.tolerance} dB")
    return passed
