import pytest

from experiments.callbacks import StopOnNaN


def test_a_ruined_epoch_is_not_kept():
    callback = StopOnNaN()
    callback.on_epoch_end(0, {"loss": 1.0, "val_psnr": float("nan")})
    callback.on_epoch_end(1, {"loss": 1.0, "meta_loss": 2.0})
    for logs in ({"loss": float("inf")}, {"loss": 1.0, "meta_loss": float("nan")}):
        with pytest.raises(FloatingPointError, match="in epoch 4; the checkpoint before"):
            callback.on_epoch_end(3, logs)
