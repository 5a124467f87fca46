import numpy as np

from meta_aux import MaskNetwork, MultiTask, ParallelHeads, RealDenoiser
from tests.meta_aux.conftest import FILTERS


def test_has_the_papers_parameters():
    model = RealDenoiser(MultiTask(), MaskNetwork())
    assert model.network.count_params() + model.mask_network.count_params() == 659_809
    # What adapts, and the mask that it adapts by: the paper's 0.12 M.
    assert model.network.heads.count_params() + model.mask_network.count_params() == 115_201


def test_denoises_with_the_network(denoiser, generator):
    noisy = generator.uniform(size=(1, 5, 6, 3))
    np.testing.assert_array_equal(denoiser(noisy), denoiser.network(noisy)[0])
    np.testing.assert_array_equal(denoiser.predict_mask(noisy), denoiser.mask_network(noisy))


def test_comes_back_from_its_configuration():
    for model in (
        RealDenoiser(MultiTask(FILTERS), MaskNetwork(2)),
        RealDenoiser(ParallelHeads(FILTERS, dtype="mixed_bfloat16"), name="mine"),
    ):
        again = RealDenoiser.from_config(model.get_config())
        assert again.get_config() == model.get_config()
        assert type(again.network) is type(model.network)
        assert again.count_params() == model.count_params()
