"""What a result must say about how it was made."""

import contextlib
import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def provenance():
    """Describes the software, the hardware and the moment of a result.

    Returns:
        JSON-like dict with the date, the git revision (with `+` where files were changed since),
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
        "revision": _git_revision(),
        "python": platform.python_version(),
        "versions": versions,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpus": gpus,
    }


def _git_revision():
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
