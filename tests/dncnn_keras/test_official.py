import itertools

import h5py
import numpy as np
import pytest
from scipy.signal import correlate2d

from dncnn_keras import load_official


def _network(depth=4, filters=3):
    """Kernels as MATLAB has them, `(row, column, in, out)`, and biases."""
    generator = np.random.default_rng(0)
    ends = [1, *[filters] * (depth - 1), 1]
    return [
        (generator.normal(0, 0.3, (3, 3, i, o)), generator.normal(0, 0.1, o))
        for i, o in itertools.pairwise(ends)
    ]


def _write(path, network):
    """Writes a network as MATLAB 7.3 does: references, reversed axes, no trailing singletons."""
    with h5py.File(path, "w") as file:
        references = []

        def store(name, value):
            return file.create_dataset(f"#refs#/{name}", data=value).ref

        for index, (kernel, bias) in enumerate(network):
            kernel = kernel[..., 0] if kernel.shape[3] == 1 else kernel
            kernel_reference = store(f"k{index}", kernel.T.astype(np.float32))
            bias_reference = store(f"b{index}", bias[None].T.astype(np.float32))
            for kind in ("conv", "relu") if index < len(network) - 1 else ("conv",):
                layer = file.create_group(f"#refs#/{kind}{index}")
                layer["type"] = np.array([[ord(letter)] for letter in kind], np.uint16)
                if kind == "conv":
                    layer.create_dataset(
                        "weights",
                        data=[[kernel_reference], [bias_reference]],
                        dtype=h5py.ref_dtype,
                    )
                references.append([layer.ref])
        file.create_dataset("net/layers", data=references, dtype=h5py.ref_dtype)


def test_computes_what_the_file_says(tmp_path):
    network = _network()
    _write(tmp_path / "sigma=25.mat", network)
    model = load_official(tmp_path / "sigma=25.mat")
    assert (model.depth, model.filters, model.channels, model.batch_norm) == (4, 3, 1, False)

    noisy = np.random.default_rng(1).random((9, 7)).astype(np.float32)
    features = [noisy.astype(np.float64)]
    for index, (kernel, bias) in enumerate(network):
        features = [
            sum(correlate2d(x, kernel[:, :, i, o], "same") for i, x in enumerate(features))
            + bias[o]
            for o in range(kernel.shape[3])
        ]
        if index < len(network) - 1:
            features = [np.maximum(x, 0) for x in features]
    clean = model(noisy[None, :, :, None])
    np.testing.assert_allclose(clean[0, :, :, 0], noisy - features[0], rtol=0, atol=1e-5)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"sigma=15\.mat: there is no such file"):
        load_official(tmp_path / "sigma=15.mat")


def _text(path):
    path.write_text("<html>Not found</html>")


def _cut_off(path):
    _write(path, _network())
    path.write_bytes(path.read_bytes()[:-2000])


def _bad_pointers(path):
    _write(path, _network())
    content = bytearray(path.read_bytes())
    content[120:600:7] = bytes(b ^ 255 for b in content[120:600:7])
    path.write_bytes(content)


def _other_hdf5(path):
    with h5py.File(path, "w") as file:
        file["net/something"] = [1.0]


def _no_layers(path):
    with h5py.File(path, "w") as file:
        file["net/layers"] = h5py.Empty(h5py.ref_dtype)


def _other_network(path):
    network = _network()
    network[1] = (network[1][0][:, :, :2], network[1][1])
    _write(path, network)


@pytest.mark.parametrize(
    "write", [_text, _cut_off, _bad_pointers, _other_hdf5, _no_layers, _other_network]
)
def test_wrong_file_is_one_clear_line(tmp_path, write):
    path = tmp_path / "x.mat"
    write(path)
    with pytest.raises(ValueError, match=r"x\.mat: not one of the authors' DnCNN files") as error:
        load_official(path)
    assert "\n" not in str(error.value)
