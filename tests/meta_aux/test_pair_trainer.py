import numpy as np
import pytest

from meta_aux.pair_trainer import pair_of


def test_weighted_samples_are_refused():
    noisy, clean = np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))
    for data in ((noisy, clean), (noisy, clean, None)):
        assert pair_of(data)[0] is noisy and pair_of(data)[1] is clean
    with pytest.raises(ValueError, match="takes no sample_weight"):
        pair_of((noisy, clean, np.ones(1)))
