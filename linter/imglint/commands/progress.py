"""A progress bar on stderr for a run that takes a while. Imports click, once a second has passed on a terminal."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds that a run may take before it says how far it has come."""


def progress(work: Iterable[T]) -> Iterator[T]:
    """Yield each piece of work, and show on stderr how much is left once it takes longer than PATIENCE_S. Meant for a terminal."""
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
