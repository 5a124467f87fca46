import keras
import numpy as np
import pytest

from experiments.csv_log import CSVLogger, read_curve, trim_log


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    logger = CSVLogger(tmp_path / "log.csv")
    full = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(logger, "csv_file", open("/dev/full", "w"))  # noqa: SIM115
    )
    with pytest.raises(OSError, match="No space left on device: '.*log.csv'"):
        model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0, callbacks=[logger, full])
    assert logger.csv_file.closed


def test_trim_log_drops_repeated_and_torn_lines(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss\n0,1.5\n1,1.25\n2,1.0\n3,0.")
    trim_log(log, 2)
    assert log.read_text() == "epoch,loss\n0,1.5\n1,1.25\n"
    trim_log(log, 0)
    assert log.read_text() == ""
    trim_log(tmp_path / "none.csv", 2)


@pytest.mark.parametrize("content", [b"epoch,loss\nx,1\n", b"a\n\xff\n", b"\n\n"])
def test_a_damaged_log_is_named(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"log\.csv: damaged; delete the folder"):
        trim_log(tmp_path / "log.csv", 2)


def test_a_curve_holds_the_epochs_that_measured(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,seconds,val_psnr\n0,1.5,NA\n1,2.0,25.5\n2,1.0,NA\n3,1.0,26.0\n")
    assert read_curve(log, epoch=10) == [[20, 3.5, 25.5], [40, 5.5, 26.0]]
    assert read_curve(tmp_path / "none.csv", epoch=10) == []
    log.write_text("epoch,seconds,val_psnr\n0,1.5,NA\n")  # it was too short for a validation
    assert read_curve(log, epoch=10) == []


@pytest.mark.parametrize(
    "content",
    [
        "epoch,val_psnr\n0,25.5\n",
        "epoch,seconds,val_psnr\n0,x,25.5\n",
        "epoch,seconds,val_psnr\n0,1\n",
    ],
)
def test_a_curve_of_a_damaged_log_is_named(tmp_path, content):
    (tmp_path / "log.csv").write_text(content)
    with pytest.raises(ValueError, match=r"log\.csv: damaged; delete the folder"):
        read_curve(tmp_path / "log.csv", epoch=10)
