"""Suggestions for what was meant: the names closest to one that is unknown. Imports the policy's words, and difflib once it is asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

PRODUCTION = "production"
MEAN_PRODUCTION = ("prod", "prd", "live")
"""Names that others give the environment which is `production` to every rule."""


def closest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is closest to this one, whatever the case of its letters; None where none is close."""
    from difflib import get_close_matches

    if name.lower() in MEAN_PRODUCTION and PRODUCTION in known:
        return PRODUCTION
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower()[:100], by_lower, 1)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return `; did you mean ...?` with the closest known name, or nothing."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close}?"
