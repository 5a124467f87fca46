import cv2
import numpy as np
import pytest

from dncnn_keras.datasets.named_pair import UnreadableFileError, read_rgb


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)


def write(path, pixels):
    cv2.imwrite(str(path), pixels)
    return path


def test_pictures_are_rgb_without_alpha_and_of_8_bits(tmp_path, rgb):
    bgr = rgb[:, :, ::-1]
    for index, pixels in enumerate(
        (bgr, np.dstack([bgr, rgb[:, :, 0]]), bgr.astype(np.uint16) * 257)
    ):
        read = read_rgb(write(tmp_path / f"{index}.PNG", pixels))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, rgb)


def test_a_grey_picture_is_refused(tmp_path, rgb):
    file = write(tmp_path / "a.png", rgb[:, :, 0])
    with pytest.raises(ValueError, match=r"a\.png: the picture is grey") as error:
        read_rgb(file)
    assert not isinstance(error.value, UnreadableFileError)


@pytest.mark.parametrize("name", ["a.png", "a.JPG"])
def test_a_cut_off_file_is_named(tmp_path, rgb, name):
    file = write(tmp_path / name, np.tile(rgb, (9, 9, 1)))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(UnreadableFileError, match=rf"{name}: damaged"):
        read_rgb(file)
