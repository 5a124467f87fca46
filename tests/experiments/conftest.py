"""What tests of several experiments share."""

from functools import partial

import pytest
import tensorflow as tf

from experiments.real_networks import RIVALS
from meta_aux import MaskNetwork
from meta_aux.pretrained import NETWORKS


@pytest.fixture
def small_real_networks(tmp_path, monkeypatch):
    """A working folder in which networks for photographs are small, so that little is compiled."""
    small = {name: partial(network, (2, 3, 4)) for name, network in NETWORKS.items()}
    monkeypatch.setattr("experiments.train_real.NETWORKS", small)
    monkeypatch.setattr("experiments.train_real.MaskNetwork", partial(MaskNetwork, 2))
    small = {"RIDNet": partial(RIVALS["RIDNet"], 4, 1, 2)}
    small["MIRNet"] = partial(RIVALS["MIRNet"], 8, groups=1, blocks=1, scales=2, width=1)
    monkeypatch.setattr("experiments.train_real.RIVALS", small)
    tf.config.run_functions_eagerly(True)  # second derivatives take long to compile
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DENOISE_DATA", raising=False)
    yield tmp_path
    tf.config.run_functions_eagerly(False)
