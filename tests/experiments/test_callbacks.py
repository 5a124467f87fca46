import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.callbacks import StopOnNaN, Validation
from experiments.checkpoint import Checkpoint
from experiments.csv_log import CSVLogger
from experiments.schema import Section


def _model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    return model


def test_a_ruined_epoch_is_not_kept():
    callback = StopOnNaN()
    callback.set_model(_model())
    callback.on_epoch_end(0, {"loss": 1.0, "val_psnr": float("nan")})
    callback.on_epoch_end(1, {"loss": 1.0, "meta_loss": 2.0})
    for logs in ({"loss": float("inf")}, {"loss": 1.0, "meta_loss": float("nan")}):
        with pytest.raises(FloatingPointError, match="in epoch 4; the checkpoint before"):
            callback.on_epoch_end(3, logs)
    # The last update of an epoch may ruin what its loss has not seen.
    callback.model.layers[0].bias.assign([np.nan])
    with pytest.raises(FloatingPointError, match="weights became NaN or infinite in epoch 2"):
        callback.on_epoch_end(1, {"loss": 1.0})


def test_a_training_that_is_ruined_ends_with_its_last_good_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path, Section(), 2)
    inputs = np.ones((6, 1))
    inputs[4] = np.nan
    batches = tf.data.Dataset.from_tensor_slices((inputs, np.zeros((6, 1)))).batch(1)
    with pytest.raises(FloatingPointError, match="became nan in epoch 3"):
        _model().fit(
            batches,
            epochs=3,
            steps_per_epoch=2,
            shuffle=False,
            verbose=0,
            callbacks=[StopOnNaN(), checkpoint],
        )
    restored = _model()
    assert checkpoint.restore(restored) == 2
    assert all(np.isfinite(weight).all() for weight in restored.get_weights())


def test_a_validation_fills_its_columns_in_its_turn(tmp_path):
    validation = Validation(lambda: {"psnr": 30.0}, ["psnr"], every=2)
    logger = CSVLogger(tmp_path / "log.csv", validation.columns)
    batch = np.zeros((2, 1))
    _model().fit(batch, batch, epochs=3, verbose=0, callbacks=[validation, logger])
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["val_psnr"] for row in rows] == ["NA", "30.0", "NA"]
    assert [float(row["loss"]) for row in rows] == [0, 0, 0]
