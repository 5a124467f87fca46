"""How far a run is, and how long it will take: bars on a terminal, silence in log files."""

import datetime
import time

import keras
from tqdm import tqdm

# Set by `--verbose`: `tell` then speaks.
verbose = False


def tell(line):
    """Prints a line above the bars, if the user wants to know more."""
    if verbose:
        tqdm.write(line)


class Bar(tqdm):
    """A bar on a terminal, and nothing elsewhere.

    The time that is left follows from the mean speed until now. A bar within another's work
    disappears when it is full.

    Args:
        total: How much there is to do.
        title: What is done.
        unit: What is counted.
        done: How much of it an earlier session has done.

    Example:

    >>> with Bar(100, "figure 3", "run") as bar:
    ...     bar.update()
    """

    def __init__(self, total, title, unit, done=0):
        super().__init__(
            total=total,
            desc=title,
            unit=unit,
            initial=done,
            leave=None,
            smoothing=0,
            dynamic_ncols=True,
            disable=None,
        )

    def skip(self, count):
        """Goes on by what was done earlier, which says nothing of the speed."""
        if not self.disable:
            self.initial += count
            self.update(count)


class Progress(keras.callbacks.Callback):
    """Shows how far a whole training is; Keras's own bar knows its epoch alone.

    If the user wants to know more, every epoch gives a line. To be the last of the callbacks: the
    others add to the log, and take their time.

    Args:
        title: What the training is called.

    Example:

    >>> with Progress("mine") as progress:
    ...     model.fit(x, y, epochs=10, callbacks=[progress], verbose=0)
    """

    def __init__(self, title):
        super().__init__()
        self._title = title
        self._bar = None

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *error):
        """Ends the bar, whatever has ended the training."""
        if self._bar is not None:
            self._bar.close()

    def on_epoch_begin(self, epoch, logs=None):
        """Shows the bar."""
        if self._bar is None:
            steps = self.params["steps"]
            title = f"{self._title}: preparing the first step"
            self._bar = Bar(self.params["epochs"] * steps, title, "step", epoch * steps)
            self._first_epoch, self._started = epoch, None

    def on_train_batch_end(self, batch, logs=None):
        """Moves it on."""
        if self._started is None:  # only now: the first step is traced and compiled
            self._started = time.monotonic()
            self._bar.unpause()
            self._bar.set_description_str(self._title)
        self._bar.set_postfix({key: f"{value:.4g}" for key, value in logs.items()}, refresh=False)
        self._bar.update()
        if batch + 1 == self.params["steps"]:
            self._bar.set_description_str(f"{self._title}: validating, saving")

    def on_epoch_end(self, epoch, logs=None):
        """Tells what the epoch has brought."""
        self._bar.set_description_str(self._title)
        epochs, done = self.params["epochs"], epoch + 1
        seconds = time.monotonic() - self._started
        left = round(seconds * (epochs - done) / (done - self._first_epoch))
        values = ", ".join(f"{key} {value:.5g}" for key, value in logs.items())
        left = datetime.timedelta(seconds=left)
        tell(f"{self._title}, epoch {done} of {epochs}, {left} left: {values}")
