import json

import numpy as np
import pytest

from experiments.real_networks import denoise, load_network, save_network
from meta_aux import MaskNetwork, MIRNet, MultiTask, RealDenoiser, RIDNet

NOISY = np.random.default_rng(0).uniform(size=(6, 5, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "network", [RIDNet(4, 1, 2), MIRNet(8, groups=1, blocks=1, scales=2, width=1)]
)
def test_a_rival_comes_back_from_its_files_without_the_optimizer(network, tmp_path):
    network.compile(optimizer="adam", loss="mae")
    network.fit(NOISY[None], NOISY[None] / 2, verbose=0)
    path = save_network(network, "mine", tmp_path, {"seed": 3})
    about = json.loads((tmp_path / "mine.json").read_text())
    assert about["seed"] == 3 and about["model"]["network"] == type(network).__name__
    loaded = load_network(str(path))
    assert type(loaded) is type(network)
    (image,), (expected,) = denoise(loaded, NOISY, 5), denoise(network, NOISY, 5)
    np.testing.assert_array_equal(image, expected)
    assert image.shape == NOISY.shape and image.min() >= 0 and image.max() <= 1


def test_what_adapts_gives_the_image_before_and_after(tmp_path):
    denoiser = RealDenoiser(MultiTask((2, 3, 4)), MaskNetwork(2))
    denoiser.log_rates.assign(0 * denoiser.log_rates)
    loaded = load_network(str(save_network(denoiser, "mine", tmp_path, {})))
    before, *adapted = denoise(loaded, NOISY, 2)
    np.testing.assert_allclose(before, np.clip(denoiser(NOISY[None])[0], 0, 1), atol=1e-6)
    assert [np.abs(after - before).max() > 1e-5 for after in adapted] == [True, True]


def test_damaged_weights_of_a_rival_are_named(tmp_path):
    path = save_network(RIDNet(4, 1, 2), "mine", tmp_path, {})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="mine.weights.h5: damaged"):
        load_network(str(path))
    with pytest.raises(FileNotFoundError, match="no real-noise weights 'other.weights.h5'"):
        load_network("other.weights.h5")
