import errno
import os
import stat
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from dncnn_keras.images import PixelFormat, from_float, read_image, to_float, write_image


def _pixels(dtype, channels, size=(23, 17)):
    """Random pixels, red first."""
    shape = (*size, channels) if channels > 1 else size
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def _store(path, pixels):
    if pixels.ndim == 3:
        pixels = pixels[:, :, [2, 1, 0, *range(3, pixels.shape[2])]]
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_reads_and_writes_without_loss(tmp_path, suffix, dtype, channels):
    pixels = _pixels(dtype, channels)
    source, copy = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    _store(source, pixels)
    image, pixel_format = read_image(source)
    assert pixel_format.dtype == dtype
    if channels == 4:
        np.testing.assert_array_equal(pixel_format.alpha, pixels[:, :, 3])
    else:
        assert pixel_format.alpha is None
    colours = np.atleast_3d(pixels)[:, :, :3]
    np.testing.assert_array_equal(image, colours)
    assert image.dtype == dtype

    before = cv2.imdecode(np.fromfile(source, np.uint8), cv2.IMREAD_UNCHANGED)
    for each in (image, to_float(image)):
        write_image(copy, each, pixel_format)
        again = cv2.imdecode(np.fromfile(copy, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(again, before)
        assert again.dtype == dtype


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(tmp_path, channels):
    image = np.linspace(0, 1, 24 * 16, dtype=np.float32).reshape(24, 16, 1)
    image = image * np.array([1.0, 0.5, 0.0], np.float32)[:channels]
    write_image(tmp_path / "x.JPG", image)
    again, pixel_format = read_image(tmp_path / "x.JPG")
    assert pixel_format == PixelFormat(np.uint8, None)
    assert again.shape == image.shape
    assert np.abs(to_float(again) - image).max() < 0.05


def test_jpeg_is_turned_upright(tmp_path):
    jpeg = cv2.imencode(".jpg", np.zeros((8, 24), np.uint8))[1].tobytes()
    # A TIFF header and one entry: tag 0x112 (orientation), type short, value 6 (quarter turn).
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    (tmp_path / "x.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert read_image(tmp_path / "x.jpg")[0].shape == (24, 8, 1)


def test_float_conversion_clips_and_rounds():
    image = np.array([[-0.1, 0.0, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 1.0, 1.3]])
    np.testing.assert_array_equal(from_float(image, np.uint8), [[0, 0, 0, 1, 255, 255]])
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(from_float(to_float(every), np.uint16), every)


def test_unicode_path(tmp_path):
    path = tmp_path / "Bäume 木" / "фото ü.png"
    path.parent.mkdir()
    write_image(path, np.full((4, 5, 1), 0.2, np.float32))
    np.testing.assert_array_equal(read_image(path)[0], 51)


def test_the_longest_name(tmp_path):
    path = tmp_path / f"{'木' * 83}.tif"  # 253 bytes of 255
    write_image(path, np.full((4, 5, 1), 0.2, np.float32))
    np.testing.assert_array_equal(read_image(path)[0], 51)


def test_refuses_integers_of_another_dtype(tmp_path):
    pixels = np.full((4, 5, 1), 1000, np.uint16)
    with pytest.raises(ValueError, match="the image is of uint16, its format of uint8"):
        write_image(tmp_path / "x.png", pixels)
    assert not list(tmp_path.iterdir())
    write_image(tmp_path / "x.png", pixels, PixelFormat(np.uint16))
    np.testing.assert_array_equal(read_image(tmp_path / "x.png")[0], pixels)


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_image(tmp_path / "x.png", np.zeros((4, 4, 1), np.float32))
    assert (tmp_path / "x.png").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "x.png").stat().st_mode & stat.S_IRUSR


def _cut_off(suffix, share):
    def make(path):
        _store(path, _pixels(np.uint8, 3, (200, 150)))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return f"x{suffix}", make, "damaged"


def _pages(path):
    pages = [np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)]
    path.write_bytes(cv2.imencodemulti(".tiff", pages)[1])


def _damaged_second_page(path):
    _pages(path)
    path.write_bytes(path.read_bytes()[:-30])  # the directory of the second page ends the file


def _huge(path):
    """A JPEG whose header speaks of 32767x32767 pixels, which the decoder would fill with grey."""
    _store(path, _pixels(np.uint8, 3))
    data = bytearray(path.read_bytes())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = b"\x7f\xff\x7f\xff"
    path.write_bytes(data)


def _tiff(samples, *tags):
    """A TIFF file of uncompressed pixels, as tools write it that tell what its alpha is."""

    def make(path):
        deep = dict(tags).get(258, 8) > 8
        pixels = np.full((4, 4, samples), 100, np.uint16 if deep else np.uint8).tobytes()
        entries = {256: 4, 257: 4, 258: 8, 259: 1, 262: 2 if samples == 4 else 1}
        entries |= {273: 8, 277: samples, 278: 4, 279: len(pixels), 338: 2} | dict(tags)
        directory = b"".join(
            struct.pack("<HHII", tag, 3, 1, value) for tag, value in sorted(entries.items())
        )
        path.write_bytes(
            struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
            + pixels
            + struct.pack("<H", len(entries))
            + directory
            + bytes(4)
        )

    return make


BAD_FILES = {
    "missing": ("x.png", lambda path: None, "there is no such file"),
    "empty": ("x.png", lambda path: path.touch(), "damaged"),
    "text": ("x.jpg", lambda path: path.write_text("hello"), "damaged"),
    "folder": ("x.png", lambda path: path.mkdir(), "cannot be read"),
    "cut off png": _cut_off(".png", 0.7),
    "cut off tiff": _cut_off(".tif", 0.7),
    "cut off jpeg": _cut_off(".jpg", 0.7),
    "jpeg without its last byte": _cut_off(".jpg", 0.99999),
    "jpeg of few bytes and many pixels": ("x.jpg", _huge, "damaged"),
    "float": (
        "x.tif",
        lambda path: _store(path, np.zeros((4, 4), np.float32)),
        "float32 are not supported",
    ),
    "pages": ("x.tiff", _pages, "several pages"),
    "damaged second page": ("x.tiff", _damaged_second_page, "several pages"),
    "straight alpha": ("x.tif", _tiff(4), "the alpha of this TIFF file cannot be read"),
    "grey with alpha": ("x.tif", _tiff(2), "the alpha of this TIFF file cannot be read"),
    "planes": ("x.tif", _tiff(4, (284, 2), (338, 1)), "the alpha of this TIFF file cannot be read"),
    "negative of 16 bits": ("x.tif", _tiff(1, (258, 16), (262, 0)), "16 bits that are negative"),
    "12 bits": ("x.tif", _tiff(1, (258, 12)), "or of fewer bits cannot be read"),
    "planes of 16 bits": (
        "x.tif",
        _tiff(3, (258, 16), (262, 2), (284, 2)),
        "in planes or of fewer bits cannot be read",
    ),
    "other format": ("x.gif", lambda path: path.touch(), "not a name of a PNG, JPEG or TIFF"),
}


def test_a_name_that_is_no_text_is_as_good_as_any(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.tif")
    _store(path, _pixels(np.uint8, 1))
    assert read_image(path)[0].shape == (23, 17, 1)
    _pages(path)
    with pytest.raises(ValueError, match="several pages"):
        read_image(path)


def test_a_flat_jpeg_is_not_taken_for_damaged(tmp_path):
    _store(tmp_path / "x.jpg", np.zeros((3000, 3000), np.uint8))
    assert read_image(tmp_path / "x.jpg")[0].shape == (3000, 3000, 1)


@pytest.mark.parametrize("case", BAD_FILES)
def test_unreadable_file_is_one_line_with_its_name(tmp_path, case):
    name, make, message = BAD_FILES[case]
    make(tmp_path / name)
    with pytest.raises((ValueError, OSError)) as error:
        read_image(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name, pixel_format, message",
    [
        ("x.jpg", PixelFormat(np.uint16), "JPEG cannot hold 16 bits"),
        ("x.jpg", PixelFormat(np.uint8, np.ones((4, 4), np.uint8)), "JPEG cannot hold an alpha"),
        ("x.bmp", PixelFormat(), "not a name of a PNG, JPEG or TIFF"),
        ("missing/x.png", PixelFormat(), "no such folder"),
    ],
)
def test_refuses_what_cannot_be_written(tmp_path, name, pixel_format, message):
    with pytest.raises((ValueError, OSError), match=message):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.float32), pixel_format)
    assert not list(tmp_path.iterdir())


def test_an_image_that_is_too_large_for_its_format_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=r"x\.jpg: this format cannot hold 1x70000 pixels"):
        write_image(path, np.zeros((1, 70_000, 1), np.float32))
    assert path.read_bytes() == b"old"


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def write_bytes(self, data):
        with open(self, "wb") as file:
            file.write(bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(OSError, match=r"x\.png: cannot be written: No space left on device"):
        write_image(path, np.zeros((4, 4, 1), np.float32))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
