"""Image files as arrays, and back: PNG, JPEG and TIFF of 8 or 16 bits."""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


class PixelFormat(NamedTuple):
    """What an image file holds beside the image itself, to write one like it.

    Attributes:
        dtype: `np.uint8` or `np.uint16`.
        alpha: Opacity, an array of that dtype and of shape `(height, width)`, or `None`.
    """

    dtype: type = np.uint8
    alpha: np.ndarray | None = None


EIGHT_BIT = PixelFormat()


def to_float(pixels):
    """Converts uint8 or uint16 pixels to float32 in [0, 1]."""
    image = pixels.astype(np.float32)
    image /= np.iinfo(pixels.dtype).max
    return image


def from_float(image, dtype):
    """Converts a float image to uint8 or uint16: clipped to [0, 1] and rounded."""
    pixels = np.empty(image.shape, dtype)
    for row in np.ndindex(image.shape[:-2]):  # row by row: no second float image
        pixels[row] = np.rint(np.clip(image[row], 0.0, 1.0) * np.iinfo(dtype).max)
    return pixels


def read_image(path):
    """Reads an image file.

    A JPEG is turned upright as its EXIF orientation says. Colour profile and other metadata are
    not read, so a copy that is written lacks them.

    Args:
        path: Path of a PNG, JPEG or TIFF file with 8 or 16 bits a channel, grey or colour, with
            or without alpha.

    Returns:
        The pixels, uint8 or uint16 of shape `(height, width, 1)` or, red first,
        `(height, width, 3)`, and their `PixelFormat`.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If the file cannot be read.
        ValueError: If it is damaged or not such an image, or a TIFF file that OpenCV misreads: of
            several pages, with an alpha of some kinds, of 16 bits and negative or in planes, or of
            9 to 15 bits.
        MemoryError: If it needs more memory than there is.

    Example:

        pixels, pixel_format = read_image("noisy.png")
    """
    path = Path(path)
    check_suffix(path)
    try:
        data = path.read_bytes()
        pixels = _decode(data)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except OSError as error:
        raise OSError(f"{path}: cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise MemoryError(f"{path}: needs more memory than there is") from error
    if pixels is None:
        raise ValueError(f"{path}: damaged, or not a PNG, JPEG or TIFF image of up to 2^30 pixels")
    if data[:2] in (b"II", b"MM"):
        _check_tiff(path, data, pixels)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype not in (np.uint8, np.uint16) or channels not in (1, 3, 4):
        raise ValueError(
            f"{path}: {channels} channels of {pixels.dtype} are not supported; "
            "save it as grey or colour of 8 or 16 bits"
        )
    if channels == 1:
        return pixels.reshape(*pixels.shape[:2], 1), PixelFormat(pixels.dtype.type)
    alpha = pixels[:, :, 3].copy() if channels == 4 else None
    return pixels[:, :, 2::-1], PixelFormat(pixels.dtype.type, alpha)


def read_eight_bit(path):
    """Reads an image file as 8 bits a channel and without alpha.

    Args:
        path: As for `read_image`.

    Returns:
        uint8 array of shape `(height, width, 1)` or `(height, width, 3)`.

    Raises:
        What `read_image` raises.

    Example:

        pixels = read_eight_bit("sixteen_bits.tif")
    """
    pixels, _ = read_image(path)
    return pixels if pixels.dtype == np.uint8 else from_float(to_float(pixels), np.uint8)


def write_image(path, image, pixel_format=EIGHT_BIT):
    """Writes an image file, complete or not at all.

    Args:
        path: Path that ends in one of `SUFFIXES`, which decides the file's format; an existing
            file is replaced.
        image: Array of shape `(height, width, 1)` or `(height, width, 3)`, red first: floats,
            which are clipped to [0, 1] and rounded, or integers of the format's dtype.
        pixel_format: `PixelFormat`, as `read_image` returns it. By default 8 bits, no alpha.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If that format cannot hold the image, or integers are not of its dtype.

    Example:

        pixels, pixel_format = read_image("noisy.png")
        write_image("copy.png", pixels, pixel_format)
    """
    path = Path(path)
    check_writable(path, pixel_format)
    if image.dtype != pixel_format.dtype:
        if not np.issubdtype(image.dtype, np.floating):
            raise ValueError(
                f"{path}: the image is of {image.dtype}, its format of "
                f"{np.dtype(pixel_format.dtype)}; give its own PixelFormat, or floats in [0, 1]"
            )
        image = from_float(image, pixel_format.dtype)
    pixels = image[:, :, ::-1]
    if pixel_format.alpha is not None:
        colour = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
        pixels = np.dstack([colour, pixel_format.alpha])
    try:
        written, encoded = cv2.imencode(path.suffix.lower(), np.ascontiguousarray(pixels))
    except cv2.error as error:  # OpenCV 4 raises, OpenCV 5 returns False
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(f"{path}: too little memory to write it") from error
        written = False
    if not written:
        height, width = pixels.shape[:2]
        raise ValueError(f"{path}: this format cannot hold {height}x{width} pixels")
    try:
        # A folder of its own, so that the file gets the permissions of any new file.
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            temporary = Path(folder, path.name)
            temporary.write_bytes(encoded.data)
            os.replace(temporary, path)
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror}") from error


def check_suffix(path):
    """Raises a `ValueError` unless the name is that of a supported format."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: not a name of a PNG, JPEG or TIFF image ({', '.join(SUFFIXES)})")


def check_writable(path, pixel_format):
    """Raises what `write_image` would, as far as it can be known before there is an image."""
    path = Path(path)
    check_suffix(path)
    if path.is_dir():
        raise OSError(f"{path}: cannot be written: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: there is no such folder")
    if not os.access(path.parent, os.W_OK):
        raise OSError(f"{path}: cannot be written: no permission to write to its folder")
    if path.suffix.lower() in (".jpg", ".jpeg"):
        for what, present in (
            ("16 bits a channel", pixel_format.dtype != np.uint8),
            ("an alpha channel", pixel_format.alpha is not None),
        ):
            if present:
                raise ValueError(f"{path}: JPEG cannot hold {what}; write a PNG or TIFF file")


def _decode(data):
    """Returns the pixels as OpenCV orders them, or `None` for what is not a whole image."""
    jpeg = data.startswith(b"\xff\xd8")
    if not data or (jpeg and not _jpeg_is_whole(data)):
        return None
    # Only IMREAD_UNCHANGED keeps alpha, only without it is the EXIF orientation applied.
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if jpeg else cv2.IMREAD_UNCHANGED
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        return None


def _check_tiff(path, data, pixels):
    """Raises a `ValueError` for what OpenCV reads of a TIFF file as something else, silently.

    `cv2.imcount` crashes at a path that is not UTF-8, and does not count a damaged page.
    """
    tags, has_second_page = _first_directory(data)
    if has_second_page:
        raise ValueError(f"{path}: has several pages; split it into single images first")
    samples, planar, straight = (tags.get(tag) for tag in (277, 284, 338))
    eight_bit_alpha = samples == 4 and pixels.dtype == np.uint8
    # Of 8 bits it multiplies colours by straight alpha, or mixes up the planes; grey loses it.
    if samples == 2 or (eight_bit_alpha and (straight == 2 or planar == 2)):
        raise ValueError(f"{path}: the alpha of this TIFF file cannot be read; save it as PNG")
    # Of 16 bits it leaves a negative one, takes planes for pixels, and does not stretch 12 bits.
    bits, photometric = tags.get(258), tags.get(262)
    planes = planar == 2 and samples != 1
    if pixels.dtype == np.uint16 and (bits != 16 or photometric == 0 or planes):
        raise ValueError(
            f"{path}: TIFF files of 16 bits that are negative, in planes or of fewer bits cannot "
            "be read; save it as PNG"
        )


def _first_directory(data):
    """The first directory of a TIFF file: of each tag its first value, and if another one follows.

    The values are right where they are 16-bit numbers.
    """

    def number(start, size):
        return int.from_bytes(data[start : start + size], "little" if data[:1] == b"I" else "big")

    is_big_tiff = number(2, 2) == 43
    count, entry, pointer = (8, 20, 8) if is_big_tiff else (2, 12, 4)  # bytes of each
    directory = number(pointer, pointer)
    first, entries = directory + count, number(directory, count)
    places = range(first, min(first + entry * entries, len(data)), entry)
    tags = {}
    for place in places:
        value = place + entry - pointer
        if number(place + 2, 2) == 3 and 2 * number(place + 4, pointer) > pointer:
            value = number(value, pointer)  # more than fit lie elsewhere
        tags[number(place, 2)] = number(value, 2)
    return tags, number(first + entry * entries, pointer) != 0


def _jpeg_is_whole(data):
    """Whether the scan ends: the decoder fills up a cut off JPEG with grey and says nothing.

    Nor is it whole where its header speaks of more pixels than its bytes can hold: a block of 8x8
    takes a bit at least.
    """
    position = 2
    while data[position : position + 1] == b"\xff":
        marker, length = data[position + 1 : position + 2], data[position + 2 : position + 4]
        if marker == b"\xda":  # start of scan
            return b"\xff\xd9" in data[position:]  # end of image
        if marker in (b"\xc0", b"\xc1", b"\xc2"):  # start of frame
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            if int.from_bytes(height) * int.from_bytes(width) > 8 * 64 * len(data):
                return False
        position += 2 + int.from_bytes(length)
    return True  # no JPEG that we can follow: the decoder decides
