"""What a result must say about how it was made."""

import contextlib
import datetime
import functools
import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def provenance():
    """Describes the software, the hardware and the moment of a result.

    Returns:
        JSON-like dict with the date, the git revision (with `+` where files have changed since),
        the versions of the packages that compute, the processor, its cores and the GPUs.
    """
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    # TensorFlow is asked itself, since its package has several names (tensorflow-cpu...).
    versions = {"tensorflow": tf.__version__}
    for name in ("keras", "numpy", "scikit-image", "bm3d"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "revision": git_revision(),
        "python": platform.python_version(),
        "versions": versions,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpus": gpus,
    }


@functools.cache
def git_revision():
    """Returns the git revision of the program, or `None` where it does not run in a checkout.

    It is looked up once, so that what is committed during a run is not credited with it. Files of
    `results/` that have changed do not count: they do not decide what is computed.
    """
    root = Path(__file__).parents[1]
    commands = (
        ["rev-parse", "--show-toplevel"],  # it may be installed within another project's checkout
        ["describe", "--always", "--abbrev=12", "--exclude=*"],
        ["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)results"],
    )
    try:
        top, revision, changed = (
            subprocess.run(
                ["git", *command], cwd=root, capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    if Path(top).resolve() != root.resolve():
        return None
    return f"{revision}+" if changed else revision


@functools.cache
def hash_of_program():
    """Returns a checksum of all code that computes, which is known without git, too.

    What is kept for the same program alone is computed anew after a change that is not committed.
    """
    root = Path(__file__).parents[1]
    packages = ("dncnn_keras", "experiments", "learned_optim", "meta_aux")
    files = sorted(file for package in packages for file in (root / package).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def hardware(made_by):
    """Names the GPUs of a result, after a comma each, or nothing where there were none.

    Args:
        made_by: What `provenance` returned.

    Returns:
        String.
    """
    return "".join(f", {gpu}" for gpu in made_by["gpus"])


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
