import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from dncnn_keras import paths
from dncnn_keras.datasets import DataUnavailableError, tfds_sets
from dncnn_keras.datasets.digits import load_digits


@pytest.fixture
def asked(monkeypatch):
    """The addresses that were asked for an answer, of which none comes."""
    addresses = []

    def no_network(address):
        addresses.append(address)
        raise OSError("no network")

    monkeypatch.setattr(tfds_sets, "check_answer", no_network)
    return addresses


def test_without_network_it_gives_up_at_once_and_tells_what_to_do(asked, monkeypatch):
    monkeypatch.setattr(tfds, "load", lambda *_, **__: 1 / 0)  # it would try for minutes
    with pytest.raises(DataUnavailableError) as caught:
        load_digits("mnist", "test")
    message = str(caught.value)
    for part in (
        "MNIST can be neither downloaded nor found (OSError: no network)",
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-",
        "in a folder mnist, name its parent by the environment variable DENOISE_DATA, and try ag",
    ):
        assert part in message
    (address,) = asked
    assert address.startswith("https://") and address.endswith("/t10k-images-idx3-ubyte.gz")


def test_a_set_that_is_prepared_needs_no_network(asked):
    folder = paths.cache_dir() / "datasets"
    digits = {"image": tf.zeros((2, 28, 28, 1), tf.uint8), "label": [3, 9]}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mnist",
        version=str(tfds.builder("mnist", data_dir=folder).version),
        features=tfds.builder("mnist", data_dir=folder).info.features,
        split_datasets={"train": tf.data.Dataset.from_tensor_slices(digits)},
        data_dir=folder,
        disable_shuffling=True,
    )
    images, labels = load_digits("mnist", "train")
    assert images.shape == (2, 784) and labels.tolist() == [3, 9]
    assert not asked
