"""The progress bar on stderr. Imports click only when it is shown, after PATIENCE_S."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds before the progress bar is shown."""


def progress(work: Iterable[T]) -> Iterator[T]:
    """Yield each piece of work. Show a progress bar on stderr, which must be a terminal, if it takes longer than PATIENCE_S."""
    pieces = iter(work)
    end = monotonic() + PATIENCE_S
    for piece in pieces:
        yield piece
        if monotonic() >= end:
            break
    left = list(pieces)
    if left:
        from click import progressbar

        with progressbar(left, label="Checking", file=sys.stderr) as bar:
            yield from bar
