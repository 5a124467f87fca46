"""The files a set is made of: found in the user's folder or downloaded, and always verified.

Beside each builder lies `<name>.tsv`, which records every file's path, size and SHA-256. What
is downloaded stays in the cache, in the same layout as in the user's folder, so that an
interrupted download goes on where it was. (TFDS has checksums too, but its downloads retry for
minutes where there is no network, and leave a temporary folder for each file.)
"""

import concurrent.futures
import csv
import hashlib
import http.client
import os
import urllib.error
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
        """Tells whether a file's bytes are the recorded ones."""
        return len(content) == self.size and hashlib.sha256(content).hexdigest() == self.sha256


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
        url: String, the address of the GitHub page (at a commit) that shows the set's files.
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
    remedy = f"get it again from {url}, or move {folder} away and the set is downloaded"
    for file in files:
        path = folder / file.path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing; {remedy}")
        if not file.matches(path.read_bytes()):
            raise ValueError(f"{path}: size or SHA-256 is not the recorded one; {remedy}")


def _download(name, files, folder, url):
    raw = url.replace("github.com", "raw.githubusercontent.com").replace("/tree/", "/")

    def fetch(file):
        content = read_url(f"{raw}/{file.path}")
        if not file.matches(content):
            raise OSError(f"{raw}/{file.path} is not the recorded file")
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
            # The first file alone: where there is no network, one attempt shows it.
            for start, stop in ((0, 1), (1, None)):
                for _ in pool.map(fetch, missing[start:stop]):
                    bar.update()
        except (OSError, http.client.HTTPException) as error:
            raise DataUnavailableError(
                f"{name}: there is no folder with its files, and downloading failed ({error}).\n"
                f"  Get the {len(files)} files from {url}\n"
                f"  as FOLDER/{name}/{files[0].path} ... FOLDER/{name}/{files[-1].path}\n"
                f"  set the environment variable {paths.DATA_VARIABLE}=FOLDER, and try again"
            ) from None


def read_url(url):
    """Returns the bytes that lie at a public address."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        return response.read()


def check_answer(url):
    """Asks a public address for no more than a sign of life.

    Args:
        url: String, the address of a file.

    Raises:
        OSError: If nothing answers there.
    """
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()
    except urllib.error.HTTPError as error:  # an answer, too
        error.close()
