"""How far the denoising of one image is: bars on a terminal, for commands that ask for them."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_SHOWN = ContextVar("shown", default=False)
# Seconds before a bar appears: most images take less.
_DELAY = 1


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Lets `track` show bars; in calls from Python it is silent.

    Example:

    >>> with shown():
    ...     clean = dncnn_keras.denoise(photograph)
    """
    token = _SHOWN.set(True)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def track(items: Sequence[Item], title: str) -> Iterable[Item]:
    """Returns the items to loop over, with a bar where a command wants to show how far it is.

    Args:
        items: What is looped over.
        title: What the bar calls it.

    Returns:
        Iterable of the items.

    Example:

    >>> [number for number in track(range(3), "numbers")]
    [0, 1, 2]
    """
    if not _SHOWN.get() or len(items) < 2:
        return items
    return tqdm(items, title, leave=False, delay=_DELAY, disable=None)
