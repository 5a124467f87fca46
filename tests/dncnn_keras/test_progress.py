import io
import sys

import numpy as np

from dncnn_keras import progress
from dncnn_keras.denoisers.ksvd import KSVD
from dncnn_keras.tiling import apply_tiled


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _terminal(monkeypatch):
    """In place of standard error; not a fixture, since pytest replaces it after those."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "_DELAY", 0)
    return sys.stderr


def _denoise():
    image = np.random.default_rng(0).random((1, 20, 30, 1), np.float32)
    apply_tiled(lambda x: x, image, 18, 2)
    KSVD(atoms=16)(image, sigma=4)


def test_a_command_shows_windows_and_iterations(monkeypatch):
    terminal = _terminal(monkeypatch)
    with progress.shown():
        _denoise()
    shown = terminal.getvalue()
    assert "tiles:   0%" in shown and " 0/4 [" in shown
    assert "K-SVD, dictionary:   0%" in shown and " 0/5 [" in shown


def test_calls_from_python_are_silent(monkeypatch):
    terminal = _terminal(monkeypatch)
    with progress.shown():
        pass
    _denoise()
    assert terminal.getvalue() == ""


def test_a_command_is_silent_in_a_log_file(capfd):
    with progress.shown():
        _denoise()
    assert capfd.readouterr() == ("", "")


def test_a_single_item_has_no_bar(monkeypatch):
    terminal = _terminal(monkeypatch)
    with progress.shown():
        assert list(progress.track([7], "one")) == [7]
    assert terminal.getvalue() == ""
