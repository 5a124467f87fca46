import io
import re
import sys

import keras
import numpy as np

from experiments import progress
from experiments.progress import Bar, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _terminal(monkeypatch):
    """In place of standard error; not a fixture, since pytest replaces it after those."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


def _train():
    """Two of three epochs of two steps each."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    batch = np.zeros((4, 1))
    with Progress("mine") as bar:
        model.fit(batch, batch, 2, epochs=3, initial_epoch=1, callbacks=[bar], verbose=0)


def test_a_bar_counts_the_whole_training_and_what_was_done_before(monkeypatch):
    terminal = _terminal(monkeypatch)
    _train()
    first, *_, last = re.findall(r"\rmine[^\r]*", terminal.getvalue())
    assert first.startswith("\rmine: preparing the first step:  33%") and " 2/6 [" in first
    assert last.startswith("\rmine: 100%") and re.search(r" 6/6 \[.*loss=0\]", last)


def test_elsewhere_it_is_quiet(capfd):
    _train()
    assert capfd.readouterr() == ("", "")


def test_verbose_tells_each_epoch_and_the_time_that_is_left_after_the_first_step(
    monkeypatch, capsys
):
    monkeypatch.setattr(progress, "verbose", True)
    monkeypatch.setattr(progress.time, "monotonic", iter([100.0, 107.0, 112.0]).__next__)
    callback = Progress("mine")
    callback.set_params({"epochs": 10, "steps": 2})
    for epoch in (4, 5):
        callback.on_epoch_begin(epoch)
        callback.on_train_batch_end(0, {"loss": 2.0})
        callback.on_train_batch_end(1, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_psnr": 30.12})
    assert capsys.readouterr().out.splitlines() == [
        "mine, epoch 5 of 10, 0:00:35 left: loss 1, val_psnr 30.12",
        "mine, epoch 6 of 10, 0:00:24 left: loss 1, val_psnr 30.12",
    ]


def test_what_was_kept_moves_a_bar_on_but_is_not_timed(monkeypatch):
    _terminal(monkeypatch)
    with Bar(10, "race", "step") as bar:
        bar.skip(6)
        bar.update(1)
    assert (bar.n, bar.format_dict["initial"]) == (7, 6)


def test_what_was_kept_moves_no_bar_where_there_is_none():
    with Bar(10, "race", "step") as bar:
        bar.skip(6)
    assert bar.disable
