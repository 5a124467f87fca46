"""The one place that knows where data, caches and runs live."""

import os
from pathlib import Path

DATA_VARIABLE = "DENOISE_DATA"
CACHE_VARIABLE = "DENOISE_CACHE"

# Both lie where the command is started: what is measured for the project, and what is the user's.
RESULTS = Path("results")
RUNS = Path("runs")


def data_dir():
    """Folder of image files that the user downloaded by hand.

    Returns:
        The folder named by the environment variable `DENOISE_DATA` as an absolute `Path`,
        or `None` where the variable is unset or empty.

    Raises:
        FileNotFoundError: If the variable names a folder that does not exist.
    """
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        return None
    path = Path(value).expanduser().resolve()
    if not path.is_dir():
        raise FileNotFoundError(f"{DATA_VARIABLE}={value}: there is no such folder")
    return path


def cache_dir():
    """Folder for prepared data sets: `DENOISE_CACHE`, by default `~/.cache/meta-denoise`."""
    value = os.environ.get(CACHE_VARIABLE)
    return Path(value).expanduser().resolve() if value else Path.home() / ".cache" / "meta-denoise"
