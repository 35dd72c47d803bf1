"""Suggestions for misspelled names. Imports difflib, which is slow to import, only when asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

PRODUCTION = "production"
MEAN_PRODUCTION = ("prod", "prd", "live")
"""Other common names for the environment `production`."""
SIMILAR = 0.6
"""The similarity, from 0 to 1, from which a known name is suggested."""


def closest(name: str, known: Collection[str], similar: float = SIMILAR) -> str | None:
    """Return the known name most similar to a name, ignoring case; None if none is. `similar` is the least similarity, from 0 to 1."""
    from difflib import get_close_matches

    if name.lower() in MEAN_PRODUCTION and PRODUCTION in known:
        return PRODUCTION
    by_lower = {known_name.lower(): known_name for known_name in known}
    found = get_close_matches(name.lower()[:100], by_lower, 1, similar)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a hint such as "; did you mean `name`?" to append to a message; empty if no known name is similar."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean `{close}`?"
