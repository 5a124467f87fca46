"""What is told to the user, on one line."""

LONGEST = 1000


def one_line(message):
    """Writes a message on one line, whatever names and values it quotes.

    Files can be called anything and hold anything: line breaks, a terminal's control sequences,
    bytes that are no text, values of a million characters.

    Args:
        message: String, or an exception.

    Returns:
        The string, with what cannot be printed escaped as in Python, and cut in its middle where
        it is longer than `LONGEST` characters.

    Example:

    >>> print(one_line("no such file: a\\nb.png"))
    no such file: a\\nb.png
    """
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[: half - 3]} ... {line[-half + 2 :]}"
