"""Phrases that the messages of several rules share. Imports nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from imglint import Row


def either(words: Sequence[str]) -> str:
    """Return words as alternatives: `a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def because(row: Row) -> str:
    """Return the reason of a row, as the end of a clause; empty if the row gives none."""
    return f": {row.reason}" if row.reason else ""
