import numpy as np
import pytest

from dncnn_keras import load_pretrained
from dncnn_keras.denoisers import dncnn


def _clean_and_noisy():
    """A smooth image with an edge, and the same with noise of sigma 25."""
    rows, columns = np.mgrid[:150, :130]
    clean = 0.4 + 0.3 * np.sin(rows / 9) * np.cos(columns / 7) + 0.2 * (rows > columns)
    noise = np.random.default_rng(0).normal(0, 25 / 255, clean.shape)
    return (image[None, ..., None].astype(np.float32) for image in (clean, clean + noise))


# In bfloat16 a pixel is off by up to 0.004, and where other windows round otherwise by as much.
@pytest.mark.parametrize(
    ("dtype", "folded", "tiled"), [("float32", 1e-5, 1e-5), ("bfloat16", 0.01, 5e-3)]
)
def test_the_released_network_is_the_same_folded_and_in_tiles(dtype, folded, tiled, monkeypatch):
    model = load_pretrained("dncnn-blind")
    clean, noisy = _clean_and_noisy()
    expected = model(noisy, training=False)
    assert np.abs(expected - clean).mean() < 0.3 * np.abs(noisy - clean).mean()
    whole = dncnn.DnCNNDenoiser(model, dtype)(noisy)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=folded)

    monkeypatch.setattr(dncnn, "TILE", 80)
    denoiser = dncnn.DnCNNDenoiser(model, dtype)
    network, windows = denoiser._network, []
    denoiser._network = lambda window: windows.append(window.shape) or network(window)
    np.testing.assert_allclose(denoiser(noisy), whole, rtol=0, atol=tiled)
    assert len(windows) == 9 and max(map(max, windows)) <= 80
