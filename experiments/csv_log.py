"""The log of a training: a CSV file with a line an epoch."""

import contextlib
import csv

import keras

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
