import gzip
import struct

import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf

from dncnn_keras.datasets.digits import load_digits


def _write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28) % 256
    _write_idx(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", images.astype(np.uint8))
    _write_idx(tmp_path / "mnist" / "train-labels-idx1-ubyte.gz", np.array([3, 9], np.uint8))
    return tmp_path / "mnist"


def test_mnist_is_read_from_the_folder(folder):
    images, labels = load_digits("mnist", "train")
    assert images.shape == (2, 784) and images.dtype == np.float32
    assert images[0, 255] == 1.0 and images[0, 51] == np.float32(51 / 255)
    assert labels.tolist() == [3, 9]


def test_a_missing_or_damaged_file_is_named(folder):
    with pytest.raises(FileNotFoundError, match="/t10k-images.*missing; put train-images-idx3-ub"):
        load_digits("mnist", "test")
    file = folder / "train-labels-idx1-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match="train-labels.*damaged"):
        load_digits("mnist", "train")
    content = bytearray(gzip.compress(bytes(8)))
    content[10] ^= 0xFF  # in the compressed stream
    file.write_bytes(content)
    with pytest.raises(ValueError, match="train-labels.*damaged"):
        load_digits("mnist", "train")


def test_labels_of_other_digits_are_refused(folder):
    _write_idx(folder / "train-labels-idx1-ubyte.gz", np.array([3, 9, 1], np.uint8))
    with pytest.raises(ValueError, match="2 digits of the split 'train', but 3 labels"):
        load_digits("mnist", "train")


def test_without_a_folder_mnist_comes_from_tfds(monkeypatch):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)
    asked = []

    def load(name, split, **arguments):
        asked.append((name, split, arguments["batch_size"]))
        return {"image": tf.constant(images), "label": tf.constant([3, 9, 0, 1, 2], tf.int64)}

    monkeypatch.setattr("dncnn_keras.datasets.tfds_sets.check_answer", lambda address: None)
    monkeypatch.setattr("tensorflow_datasets.load", load)
    found, labels = load_digits("mnist", "test")
    assert asked == [("mnist", "test", -1)]
    np.testing.assert_array_equal(found, images.reshape(5, 784).astype(np.float32) / 255)
    assert labels.tolist() == [3, 9, 0, 1, 2] and labels.dtype == np.int64


def test_the_bundled_digits_are_split_without_overlap():
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    test, train = load_digits("digits", "test"), load_digits("digits", "train")
    for whole, *parts in zip((images / 16, labels), test, train, strict=True):
        assert all(len(part) > 300 for part in parts)
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="choose train or test"):
        load_digits("mnist", "validation")
    with pytest.raises(ValueError, match="choose mnist or digits"):
        load_digits("letters")
