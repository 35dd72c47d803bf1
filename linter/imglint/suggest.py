"""Suggestions for what was meant: the names closest to one that is unknown. Imports difflib, once there is a mistake to explain."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to this one, whatever the case of its letters; None where none is close."""
    from difflib import get_close_matches

    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower()[:100], by_lower, 1)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` with the closest known name, or nothing."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close}?"
