"""Real noisy and clean pairs by the name of their set."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dncnn_keras.datasets.named_pair import NamedPair, UnreadableFileError
from dncnn_keras.datasets.pair_sets import PAIR_SETS
from dncnn_keras.datasets.sample_pairs import load_sample_pairs
from dncnn_keras.datasets.unreadable import Unreadable, check_unreadable, fail_or_skip
from dncnn_keras.quiet import stderr_silenced


def load_pairs(
    name: str,
    split: str,
    data_dir: str | Path | None = None,
    unreadable: Unreadable = "fail",
) -> list[NamedPair]:
    """Loads a named set of noisy and clean pairs, and checks all of it before it returns.

    The sets are not downloaded. Where a set has splits for training and validation, they are
    split by scene: no scene is in both.

    | name           | folder       | splits                        | pairs        |
    |----------------|--------------|-------------------------------|--------------|
    | `"polyu"`      | `polyu`      | `train`, `validation`         | 82, 18       |
    | `"sidd-small"` | `sidd_small` | `train`, `validation`         | 130, 30      |
    | `"nam-cc15"`   | `nam_cc15`   | `test`                        | 15           |
    | `"nam"`        | `nam`        | `test`                        | whole scenes |
    | `"sample"`     | none needed  | `train`, `validation`, `test` | 2, 1, 2      |

    Pictures must be in colour; an alpha channel is dropped, and 16 bits a channel are reduced
    to 8. Of `"nam"` the centre of 1024x1024 pixels is taken. The files' layouts are told in
    `pair_sets.py`, and by the error where a folder is missing.

    Args:
        name: The set's name.
        split: One of the set's splits.
        data_dir: Folder that holds the set's folder, by default the one that `DENOISE_DATA`
            names. A folder of another name is given by a link of the expected one.
        unreadable: What to do where a file cannot be read or is damaged: `"fail"`, or `"skip"`
            to name it in one line on stderr and leave its pair out.

    Returns:
        List of `NamedPair`, sorted by name.

    Raises:
        ValueError: If there is no such set or split, if a file is damaged (under `"fail"`), or
            if the pictures of a pair are grey or differ in size.
        FileNotFoundError: If `data_dir` does not exist, or the set's folder has another layout
            or lacks a picture.
        DataUnavailableError: If the set's folder is missing.

    Example:

    >>> load_pairs("sample", "validation")[0].noisy.shape
    (427, 640, 3)
    """
    check_unreadable(unreadable)
    if name == "sample":
        return load_sample_pairs(split)
    if name not in PAIR_SETS:
        raise ValueError(
            f"there are no pairs {name!r}, choose one of {', '.join(PAIR_SETS)}, sample"
        )
    pair_set = PAIR_SETS[name]
    if split not in pair_set.splits:
        raise ValueError(
            f"{name}: there is no split {split!r}, choose one of {', '.join(pair_set.splits)}"
        )

    def read(files):
        try:
            return pair_set.read(files)
        except UnreadableFileError as error:
            return error

    found = pair_set.find(split, data_dir)
    with stderr_silenced(), ThreadPoolExecutor(8) as pool:
        read_ones = list(pool.map(read, found))
    pairs = []
    for files, pair in zip(found, read_ones, strict=True):
        if isinstance(pair, UnreadableFileError):
            fail_or_skip(unreadable, f"the pair {files.name}", pair)
        else:
            pairs.append(pair)
    if not pairs:
        raise ValueError(
            f"{name}: no pair of the split {split!r} is left; get them again from {pair_set.URL}"
        )
    return pairs
