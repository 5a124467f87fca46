"""Damage to files: to their bytes, to what they hold, and to where they lie."""

import copy
import math
import os
import shutil

NASTY = (
    None, True, False, 0, -1, 2, 3.5, 10**9, 10**30, 1e308, math.nan, math.inf, -math.inf,
    "", "\0", "a\nb", "\x1b[31m", "../../x", "ä\u202e", "1", "nan", "x" * 5000, "!!python/name:os",
    [], {}, [[]], [None], ["a"] * 500, {"a": {}}, {"": 0}, [[[[[[[[[[1]]]]]]]]]], {"a\nb": 1},
)  # fmt: skip


def damage_bytes(generator, data):
    """Damages a file's content.

    Returns:
        What was done, and the new content.
    """
    data = bytearray(data)
    what = generator.choice(
        ["cut off", "bits flipped", "bytes inserted", "bytes removed", "bytes overwritten", "empty"]
    )
    start = generator.randrange(len(data))
    stop = min(len(data), start + generator.choice([1, 4, 64]))
    match what:
        case "cut off":
            del data[start:]
        case "bits flipped":
            for _ in range(generator.choice([1, 2, 8])):
                data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        case "bytes inserted":
            data[start:start] = generator.randbytes(generator.choice([1, 4, 64]))
        case "bytes removed":
            del data[start:stop]
        case "bytes overwritten":
            data[start:stop] = bytes([generator.choice([0, 10, 32, 255])]) * (stop - start)
        case "empty":
            data.clear()
    return what, bytes(data)


def damage_tree(generator, tree):
    """Damages what a JSON or YAML file holds: nested dicts and lists.

    Returns:
        What was done, and the new content.
    """
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places or generator.random() < 0.05:
        return "another content", copy.deepcopy(generator.choice(NASTY))
    container, key = generator.choice(places)
    what = generator.choice(["wrong value", "wrong value", "missing", "unknown key", "swapped"])
    match what:
        case "missing":
            del container[key]
        case "unknown key" if isinstance(container, dict):
            container[generator.choice(["x", "", "a\nb", "name", "kind"])] = container.pop(key)
        case "swapped":
            other, place = generator.choice(places)
            container[key] = copy.deepcopy(other[place])
        case _:
            what = "wrong value"
            container[key] = copy.deepcopy(generator.choice(NASTY))
    return what, tree


def displace(generator, path):
    """Puts something else in the place of a file.

    Returns:
        What was done.
    """
    choices = ["missing", "a folder", "a link to nowhere", "a link to itself", "a link to a folder"]
    if os.geteuid() != 0:  # who may read everything
        choices.append("not readable")
    what = generator.choice(choices)
    if what == "not readable":
        path.chmod(0)
        return what
    path.unlink()
    match what:
        case "a folder":
            path.mkdir()
        case "a link to nowhere":
            path.symlink_to(path.with_name("nowhere"))
        case "a link to itself":
            path.symlink_to(path)
        case "a link to a folder":
            path.symlink_to(path.parent)
    return what


def empty_folder(path):
    """Makes a folder, or empties it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def _places(tree):
    """Yields every `(container, key)` of nested dicts and lists."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
