"""Damaged image files, given to the command `dncnn-keras denoise`."""

import os
import struct
import zlib
from unittest import mock

import cv2
import numpy as np

from dncnn_keras import DnCNN, cli, pretrained
from dncnn_keras.images import SUFFIXES, read_image
from dncnn_keras.inference import find_denoiser
from dncnn_keras.pretrained import save_pretrained
from tests.fuzz.kind import Kind, check_line, run_command
from tests.fuzz.mutations import damage_bytes, displace, empty_folder

MODEL = "fuzz-tiny"
NAMES = ("a", "ä 木", "a\nb", os.fsdecode(b"\xff\xfe"), "%s{}", "x" * 250)
NUMBERS = (0, 1, 2, 3, 4, 8, 16, 17, 32, 255, 4096, 20000, 32767, 65535, 2**31 - 1, 2**32 - 1)


class ImageFiles(Kind):
    """Damaged files, and files and folders that are not where they should be."""

    name = "images"

    def __init__(self, folder):
        super().__init__(folder)
        save_pretrained(DnCNN(depth=2, filters=1), MODEL, folder / "weights", {})
        with mock.patch.object(pretrained, "WEIGHTS", folder / "weights"):
            find_denoiser(MODEL)  # which keeps what has a name
        pages = [np.zeros((4, 4), np.uint8)] * 2
        self._files = [(".tif", cv2.imencodemulti(".tif", pages)[1].tobytes())]
        self._files += [
            (suffix, _encode(suffix, dtype, channels, size))
            for suffix in SUFFIXES
            for dtype, channels in ((np.uint8, 1), (np.uint8, 3), (np.uint16, 4))
            for size in ((1, 1), (13, 18))
            if not (suffix.startswith(".jp") and channels == 4)
        ]

    def make(self, generator):
        """See `Kind.make`."""
        suffix, data = generator.choice(self._files)
        source = empty_folder(self.folder / "in") / f"{generator.choice(NAMES)}{suffix}"
        target = empty_folder(self.folder / "out") / f"clean{generator.choice(SUFFIXES)}"
        if generator.random() < 0.2:
            target.write_bytes(b"old")
        what = generator.choice(["bytes", "bytes", "header", "header", "place", "suffix", "target"])
        match what:
            case "bytes":
                what, data = damage_bytes(generator, data)
            case "header":
                what, data = _damage_header(generator, data)
            case "suffix":
                what = "another suffix"
                source = source.with_suffix(generator.choice((*SUFFIXES, ".gif", ".PNG", "")))
        source.write_bytes(data)
        match what:
            case "place":
                what = displace(generator, source)
            case "target":
                what, target = _misplace(generator, source, target)
            case _ if generator.random() < 0.1:
                return f"{what}, in a folder", lambda: self._give_folder(source)
        return what, lambda: self._give(source, target)

    def _give(self, source, target):
        written = target / source.name if target.is_dir() else target
        before = _contents(self.folder)
        code, printed = _denoise(source, target)
        after = _contents(self.folder)
        if code == 0:
            assert printed == ""
            assert after == before | {written: after[written]}
            _check_is_like(written, source)
            return True
        assert code == 2
        check_line(printed.removesuffix("\n"), "dncnn-keras: ")
        assert after == before, "what was refused left something behind"
        return False

    def _give_folder(self, source):
        good, target = source.with_name("good.png"), self.folder / "new"
        good.write_bytes(_encode(".png", np.uint8, 1, (5, 5)))
        empty_folder(target).rmdir()
        code, printed = _denoise(source.parent, target)
        _check_is_like(target / good.name, good)
        written = {path.name for path in target.iterdir()} - {good.name}
        if code == 0:
            assert printed == ""
            assert written <= {source.name}
            return True
        assert code == 1
        check_line(printed.removesuffix("\n"), "dncnn-keras: skipped ")
        assert not written
        return False


def _denoise(source, target):
    return run_command(cli.main, "denoise", source, target, f"--model={MODEL}")


def _encode(suffix, dtype, channels, size):
    generator = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    pixels = generator.integers(0, top, (*size, channels), dtype, endpoint=True)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def _damage_header(generator, data):
    """Changes what a file says of itself, its size above all; a PNG's checksum stays right."""
    data = bytearray(data)
    first, second = generator.choice(NUMBERS), generator.choice(NUMBERS)
    if data.startswith(b"\x89PNG"):
        struct.pack_into(">II", data, 16, first % 2**31, second % 2**31)
        if generator.random() < 0.3:
            data[24 + generator.randrange(5)] = generator.choice([0, 1, 2, 3, 4, 6, 8, 16, 255])
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif data.startswith(b"\xff\xd8"):
        start = data.index(b"\xff\xc0")
        struct.pack_into(">HH", data, start + 5, first % 2**16, second % 2**16)
        if generator.random() < 0.3:
            data[start + generator.choice([1, 4, 9, 10, 11])] = generator.randrange(256)
    else:
        (directory,) = struct.unpack_from("<I", data, 4)
        (entries,) = struct.unpack_from("<H", data, directory)
        for _ in range(generator.choice([1, 2])):
            entry = directory + 2 + 12 * generator.randrange(entries)
            position = entry + generator.choice([2, 4, 8, 8, 8])
            struct.pack_into("<I", data, position, generator.choice(NUMBERS))
    return "another header", bytes(data)


def _misplace(generator, source, target):
    """Returns what is wrong with the target, and the target."""
    match generator.randrange(4):
        case 0:
            target.unlink(missing_ok=True)
            target.mkdir()
            return "target a folder", target
        case 1:
            return "no folder for the target", target.parent / "no" / target.name
        case 2:
            return "target is the input", source
        case _:
            return "target of another format", target.with_suffix(".bmp")


def _contents(folder):
    """Every file below a folder and what it holds."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def _check_is_like(written, source):
    image, pixel_format = read_image(written)
    original, original_format = read_image(source)
    assert image.shape == original.shape
    assert pixel_format.dtype == original_format.dtype
    np.testing.assert_array_equal(pixel_format.alpha, original_format.alpha)
