"""Text from files, made safe to write: to a terminal, a CI log, a JSON document. Imports nothing."""

from __future__ import annotations

NAME_MAX = 100
"""Characters of a name from a file that are repeated in a message, or in `where`."""


def printable(text: str) -> str:
    r"""Return text in which every character that is not seen stands as its escape, as Python writes it (`\x1b`, `\u202e`).

    Control characters, line breaks, terminal escapes, bidirectional overrides, zero-width characters and the surrogates of undecodable file
    names: all that Unicode does not call printable.
    """
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text])


def clipped(name: str) -> str:
    """Return a name from a file, short enough to be repeated for each place that has to do with it."""
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 3] + "..."


def well_formed(text: str) -> str:
    """Return text that UTF-8 can hold: the surrogates that stand for the bytes of an undecodable file name become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
