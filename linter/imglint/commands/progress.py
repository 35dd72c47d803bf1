"""The progress bars on stderr. Imports click only when one is shown, after PATIENCE_S."""

from __future__ import annotations

import os
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds before a progress bar is shown."""
INTERVAL_S = 0.1
"""Seconds between two updates of the bar for questions."""
BAR = 36
"""Columns of the bar for questions. That of files has as many."""


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


class Asking:
    """The progress bar of a run that asks registries, on stderr, which must be a terminal. It is shown if the run takes longer than PATIENCE_S."""

    def __init__(self) -> None:
        self._next = monotonic() + PATIENCE_S
        self._shown = 0

    def __call__(self, answered: int, known: int) -> None:
        """Show how many of the known questions are answered, or clear the line if all are. The answers can lead to further questions."""
        if answered == known:
            self._write("")
        elif monotonic() >= self._next:
            self._next = monotonic() + INTERVAL_S
            full = BAR * answered // known
            counts = f"  {100 * answered // known:3d}%  {answered:,} of {known:,}"
            self._write(f"Asking registries  [{'#' * full}{'-' * (BAR - full)}]{counts}"[: _columns() - 1])

    def _write(self, line: str) -> None:
        if not line and not self._shown:
            return
        try:
            sys.stderr.write(f"\r{line.ljust(self._shown)}" if line else f"\r{' ' * self._shown}\r")
            sys.stderr.flush()
        except (OSError, ValueError):
            # The terminal is gone.
            self._next = float("inf")
        self._shown = len(line)


def _columns() -> int:
    """Return the number of columns of the terminal."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
