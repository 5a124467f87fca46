"""The log of a training: a CSV file with a line an epoch."""

import contextlib
import csv

import keras
import numpy as np

from experiments.atomic_write import write_atomically
from experiments.kept_results import DAMAGED_RUN


class CSVLogger(keras.callbacks.CSVLogger):
    """Keras's, with columns that not every epoch fills; where it cannot write, it says where.

    Args:
        filename: Path of the file, to which lines are added.
        columns: Names of columns that are "NA" in epochs that do not log them.
    """

    def __init__(self, filename, columns=()):
        super().__init__(filename, append=True)
        self._columns = columns

    def on_epoch_end(self, epoch, logs=None):
        """Writes a line."""
        try:
            super().on_epoch_end(epoch, {**dict.fromkeys(self._columns, "NA"), **(logs or {})})
        except OSError as error:
            with contextlib.suppress(OSError):
                self.csv_file.close()  # else its end is another error
            error.filename = str(self.filename)
            raise


def trim_log(file, epochs):
    """Drops the lines of a Keras CSV log that belong to epochs which will be run again."""
    if file.exists():
        try:
            with file.open(newline="", encoding="utf-8") as opened:
                header, *rows = list(csv.reader(opened)) or [[]]
            rows = [row for row in rows if len(row) == len(header) and int(row[0]) < epochs]
        except (ValueError, IndexError, csv.Error):
            raise ValueError(f"{file}: {DAMAGED_RUN}") from None
        lines = [",".join(row) for row in ([header, *rows] if rows else [])]
        write_atomically(file, "".join(line + "\n" for line in lines))


def read_curve(file, epoch, column="val_psnr"):
    """Reads how a measured quantity developed over a training.

    Args:
        file: `Path` of a log with the columns `epoch`, `seconds` and that of the quantity.
        epoch: Updates in an epoch.
        column: Name of the quantity's column.

    Returns:
        List of points `(updates, seconds, value)`, without the epochs that did not measure it;
        none where somebody has deleted the log.

    Raises:
        ValueError: If the log is damaged; the message names it.
    """
    if not file.exists():
        return []
    rows = read_columns(file, ["epoch", "seconds"], [column])
    seconds = np.cumsum([row["seconds"] for row in rows])
    return [
        [(round(row["epoch"]) + 1) * epoch, round(float(time), 2), row[column]]
        for row, time in zip(rows, seconds, strict=True)
        if column in row
    ]


def read_columns(file, columns, sparse=()):
    """Reads the numbers of a log.

    Args:
        file: `Path` of the log.
        columns: Names of the columns that must hold a number in every line.
        sparse: Names of others that it must have.

    Returns:
        List of a dict for each line, without the other columns that are "NA" in it.

    Raises:
        ValueError: If it is damaged; the message names it.
    """
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            lines = list(csv.DictReader(opened))
        rows = [
            {key: float(value) for key, value in line.items() if value != "NA"} for line in lines
        ]
        for row, line in zip(rows, lines, strict=True):
            if not {*columns} <= row.keys() or not {*sparse} <= line.keys():
                raise ValueError("a column is missing")
            if not np.isfinite(row.get("epoch", 0)):
                raise ValueError("an epoch is no number")
    except (TypeError, ValueError, csv.Error):
        raise ValueError(f"{file}: {DAMAGED_RUN}") from None
    return rows
