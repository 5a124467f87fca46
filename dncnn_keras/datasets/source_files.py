"""The files a set is made of: found in the user's folder or downloaded, and always verified.

Beside each builder lies `<name>.tsv`, which records every file's path, size and SHA-256. What
is downloaded is kept in TFDS's `downloads` folder of the cache, in the same layout as the user's folder, so
an interrupted download goes on where it was.
"""

import concurrent.futures
import csv
import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import NamedTuple

import tqdm

from dncnn_keras import paths

_TIMEOUT = 5  # seconds for each connection attempt and each read


class DataUnavailableError(RuntimeError):
    """A set is neither in the user's folder nor can it be downloaded."""


class RecordedFile(NamedTuple):
    """One line of a set's TSV file: the path within the set, the size in bytes, the SHA-256."""

    path: str
    size: int
    sha256: str

    def matches(self, content):
        return (
            len(content) == self.size and hashlib.sha256(content).hexdigest() == self.sha256
        )


def recorded_files(name):
    """Returns the list of `RecordedFile` of the set `name`, in the set's order."""
    with open(Path(__file__).with_name(f"{name}.tsv"), newline="") as lines:
        return [
            RecordedFile(row["path"], int(row["size"]), row["sha256"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def find_or_download(name, url, data_dir=None):
    """Makes sure that all files of a set are on this machine and are the recorded ones.

    Args:
        name: String, the set's name and the name of its folder.
        url: String, the public address under which the files lie, with a final slash.
        data_dir: Folder that may hold the set's folder `name`; by default `DENOISE_DATA`.
            Where it does not, the files are downloaded.

    Returns:
        List of `pathlib.Path`, in the set's order.

    Raises:
        FileNotFoundError: If `data_dir` holds the set's folder but not all of its files.
        ValueError: If a file in that folder is not the recorded one.
        DataUnavailableError: If the files are not there and cannot be downloaded either.
    """
    files = recorded_files(name)
    data_dir = Path(data_dir) if data_dir else paths.data_dir()
    if data_dir and (data_dir / name).is_dir():
        _verify(files, data_dir / name, url)
        return [data_dir / name / file.path for file in files]
    folder = paths.cache_dir() / "datasets" / "downloads" / name
    _download(name, files, folder, url)
    return [folder / file.path for file in files]


def _verify(files, folder, url):
    remedy = f"get it from {url}{{}} (or remove {folder}, then the set is downloaded)"
    for file in files:
        path = folder / file.path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing; " + remedy.format(file.path))
        if not file.matches(path.read_bytes()):
            raise ValueError(
                f"{path}: not the recorded file (size or SHA-256 differs); "
                + remedy.format(file.path)
            )


def _download(name, files, folder, url):
    def fetch(file):
        content = read_url(url + file.path)
        if not file.matches(content):
            raise OSError(f"{url}{file.path} is not the recorded file any more")
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            partial.write_bytes(content)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def is_there(file):
        path = folder / file.path
        return path.is_file() and file.matches(path.read_bytes())

    missing = [file for file in files if not is_there(file)]
    bar = tqdm.tqdm(total=len(missing), desc=f"downloading {name}", unit="file", disable=None)
    with concurrent.futures.ThreadPoolExecutor(8) as pool, bar:
        try:
            # The first failure cancels what has not begun: without a network that is at once.
            for _ in pool.map(fetch, missing):
                bar.update()
        except (OSError, http.client.HTTPException) as error:
            raise DataUnavailableError(
                f"{name}: its {len(files)} files are in no folder, and downloading failed: {error}\n"
                f"  They come from {url}\n"
                f"  Put them into a folder as FOLDER/{name}/{files[0].path} to "
                f"FOLDER/{name}/{files[-1].path}\n"
                f"  and try again with DENOISE_DATA=FOLDER in front of the same command."
            ) from None


def read_url(url):
    """Returns the bytes that lie at a public address."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        return response.read()
