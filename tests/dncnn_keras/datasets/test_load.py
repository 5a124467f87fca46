import shutil
import socket

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from dncnn_keras.datasets import DataUnavailableError, load_folder, load_images
from dncnn_keras.datasets.set12 import Set12


def grey(path):
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[:, :, None]


def test_the_80_images_are_bsd68_and_then_set12(tiny_sets, monkeypatch, capfd):
    def refuse(*args):
        raise AssertionError("a network connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    names = ["bsd68/test001", "bsd68/test002", "bsd68/test003", "set12/01", "set12/02"]
    pixels = [grey(tiny_sets / f"{name}.png") for name in names]

    images = load_images("bsd80", data_dir=tiny_sets)
    assert capfd.readouterr().out == ""
    assert [image.name for image in images] == names
    for image, expected in zip(images, pixels, strict=True):
        assert image.pixels.dtype == np.uint8
        np.testing.assert_array_equal(image.pixels, expected)

    # The prepared copy serves from now on, by slices too.
    shutil.rmtree(tiny_sets)
    assert [image.name for image in load_images("bsd80")] == names
    assert [image.name for image in load_images("bsd80", "test[3:]")] == names[3:]


def test_a_damaged_copy_is_named(tiny_sets, tmp_path):
    load_images("set12", data_dir=tiny_sets)
    (record,) = (tmp_path / "cache").rglob("*tfrecord*")
    record.write_bytes(record.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"set12.*: damaged \(DataLossError\); remove this folder"):
        load_images("set12")


def test_bsds500_is_decoded_exactly_and_split_by_folder(tiny_sets, monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", str(tiny_sets))
    images = load_images("bsds500", "train")
    assert [image.name for image in images] == ["9", "10"]  # the recorded order, not sorted
    for image in images:
        file = tiny_sets / "bsds500" / "train" / f"{image.name}.jpg"
        np.testing.assert_array_equal(image.pixels, cv2.imread(str(file))[:, :, ::-1])
    assert [image.name for image in load_images("bsds500", "val")] == ["7"]
    assert [image.name for image in load_images("bsds500", "train+test")] == ["9", "10", "8"]
    for split in (None, "valid", "train[", ""):
        with pytest.raises(ValueError, match="choose one of train, val, test") as error:
            load_images("bsds500", split)
        assert "\n" not in str(error.value)


def test_a_refused_file_leaves_nothing_that_looks_prepared(tiny_sets, tmp_path):
    file = tiny_sets / "set12" / "02.png"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"02\.png"):
        load_images("set12", data_dir=tiny_sets)
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["set12.lock"]
    file.write_bytes(content)
    assert len(load_images("set12", data_dir=tiny_sets)) == 2


def test_two_builders_and_the_leftover_of_a_killed_one(tiny_sets, tmp_path):
    first, second = Set12(files_dir=tiny_sets), Set12(files_dir=tiny_sets)
    leftover = tmp_path / "cache" / "datasets" / "set12" / "incomplete.ABC_1.0.0"
    leftover.mkdir(parents=True)
    (leftover / "half").write_text("written")
    first.prepare()
    second.prepare()
    assert not leftover.exists()
    for builder in (first, second):
        names = [example["name"] for example in tfds.as_numpy(builder.as_dataset(split="test"))]
        assert names == [b"01", b"02"]


def test_neither_folder_nor_network(tiny_sets):
    with pytest.raises(DataUnavailableError, match="bsd80 is bsd68 and set12 together"):
        load_images("bsd80")


def test_unknown_set_or_folder(tmp_path):
    with pytest.raises(ValueError, match=r"'bsd500', choose one of bsd400, .*, sample$"):
        load_images("bsd500")
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        load_images("set12", data_dir=tmp_path / "nowhere")


def test_load_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "b.tif"), pixels)
    cv2.imwrite(str(tmp_path / "a.png"), pixels[:, :, 0])
    cv2.imwrite(str(tmp_path / "c.jpg"), pixels)
    (tmp_path / ".hidden").write_text("no image")
    (tmp_path / "folder").mkdir()
    images = load_folder(tmp_path)
    assert [image.name for image in images] == ["a.png", "b.tif", "c.jpg"]
    np.testing.assert_array_equal(images[0].pixels, pixels[:, :, :1])
    np.testing.assert_array_equal(images[1].pixels, pixels[:, :, ::-1])


def test_load_folder_names_the_file_that_is_no_image(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="the folder holds no images"):
        load_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        load_folder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"notes\.txt: not a name of .* unreadable='skip'"):
        load_folder(tmp_path)
    with pytest.raises(ValueError, match="none of its 1 files is an image"):
        load_folder(tmp_path, unreadable="skip")
    (tmp_path / "a\nb.jpg").write_text("no image")
    capsys.readouterr()
    with pytest.raises(ValueError, match="none of its 2 files is an image"):
        load_folder(tmp_path, unreadable="skip")
    assert capsys.readouterr().err.count("\n") == 2  # a line for each file
    with pytest.raises(ValueError, match="must be 'fail' or 'skip', got 'ignore'"):
        load_folder(tmp_path, unreadable="ignore")
    with pytest.raises(ValueError, match="must be 'fail' or 'skip', got 'ignore'"):
        load_images("sample", "train", unreadable="ignore")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_damaged_file_of_a_folder_is_named_or_left_out(tmp_path, capfd, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    whole = cv2.imencode(suffix, pixels)[1].tobytes()
    (tmp_path / f"a{suffix}").write_bytes(whole)
    (tmp_path / f"b{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"b\{suffix}: damaged"):
        load_folder(tmp_path)
    (image,) = load_folder(tmp_path, unreadable="skip")
    assert image.name == f"a{suffix}"
    (line,) = capfd.readouterr().err.splitlines()  # the decoder's own line is not there
    assert line.startswith(f"note: b{suffix} is left out: ") and "damaged" in line


def test_alpha_and_16_bits_of_a_folder_are_reduced(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "alpha.png"), pixels)
    cv2.imwrite(str(tmp_path / "deep.png"), pixels[..., :3].astype(np.uint16) * 257)
    for image in load_folder(tmp_path):
        np.testing.assert_array_equal(image.pixels, pixels[..., 2::-1])


def test_div2k_is_read_from_its_folder_or_comes_from_tfds(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 256, (2, 6, 7, 3), np.uint8)
    folder = tmp_path / "div2k" / "DIV2K_valid_HR"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "0801.png"), first)
    (image,) = load_images("div2k", "validation", data_dir=tmp_path)
    np.testing.assert_array_equal(image.pixels, first[..., ::-1])

    def load(name, split, data_dir):
        assert (name, split) == ("div2k/bicubic_x2", "train")
        print("EXTRACTING")
        return tf.data.Dataset.from_tensors({"hr": second, "lr": first})

    asked = []
    monkeypatch.setattr("dncnn_keras.datasets.tfds_sets.check_answer", asked.append)
    monkeypatch.setattr(tfds, "load", load)
    (image,) = load_images("div2k", "train", data_dir=tmp_path)
    assert image.name == "train-0001"
    assert asked == ["https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip"]
    np.testing.assert_array_equal(image.pixels, second)

    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(tfds, "load", fail)
    with pytest.raises(DataUnavailableError, match="unpack DIV2K_train_HR.zip of https"):
        load_images("div2k", "train", data_dir=tmp_path)
    with pytest.raises(ValueError, match="there is no split None, choose train or validation"):
        load_images("div2k", data_dir=tmp_path)
