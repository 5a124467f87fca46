import cv2
import numpy as np
import pytest

from dncnn_keras.datasets.named_image import read_image


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)


def write(path, pixels):
    cv2.imwrite(str(path), pixels)
    return path


def test_colour_files_are_rgb_or_grey(tmp_path, rgb):
    file = write(tmp_path / "a.png", rgb[:, :, ::-1])
    np.testing.assert_array_equal(read_image(file), rgb)
    np.testing.assert_array_equal(read_image(file, channels=3), rgb)
    luma = rgb.astype(np.float64) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(read_image(file, channels=1)[:, :, 0], luma, atol=0.51)


def test_grey_files_have_one_channel_or_three_equal_ones(tmp_path, rgb):
    grey = rgb[:, :, :1]
    file = write(tmp_path / "a.png", grey)
    np.testing.assert_array_equal(read_image(file), grey)
    np.testing.assert_array_equal(read_image(file, channels=3), np.repeat(grey, 3, axis=2))


def test_alpha_is_dropped_and_16_bits_become_8(tmp_path, rgb):
    alpha = np.dstack([rgb[:, :, ::-1], rgb[:, :, 0]])
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", alpha)), rgb)
    deep = rgb[:, :, 0].astype(np.uint16) * 257
    np.testing.assert_array_equal(
        read_image(write(tmp_path / "b.png", deep))[:, :, 0], rgb[:, :, 0]
    )


@pytest.mark.parametrize("part", [0, 0.5])
def test_a_damaged_file_is_named(tmp_path, rgb, part):
    file = write(tmp_path / "a.png", rgb)
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r"a\.png: not an image, or damaged"):
        read_image(file)
