"""What a message offers instead of an image: those approved in its place, those spelled much alike, its row's replacement. Imports nothing."""

from __future__ import annotations

from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse
    from imglint.patterns.image import ImagePattern

OFFERS_MAX = 3
"""Names or patterns that a message offers."""
CLOSE = 0.75
"""How much of two names has to agree, from 0 to 1, for one to be offered for the other."""
PATTERNS_MAX = 500
"""Patterns that are looked through for what to offer, and rows: some thousand findings may each ask."""


def approved_patterns(use: ImageUse) -> list[str]:
    """Return a few of the patterns that are approved in the environment, role and file of a use."""
    return list(dict.fromkeys([pattern.text for pattern in _patterns_here(use)]))[:OFFERS_MAX]


def similar_approved(use: ImageUse) -> list[str]:
    """Return a few images that are approved there and whose last name or whose namespace is that of the use, or is spelled almost alike."""
    from difflib import get_close_matches

    if use.reference is None:
        return []
    namespace, _, last = use.reference.repository.rpartition("/")
    by_name: dict[str, list[str]] = {}
    by_namespace: dict[str, list[str]] = {}
    for pattern in _patterns_here(use):
        front, _, back = pattern.name.rpartition("/")
        if back.strip("*"):
            by_name.setdefault(back, []).append(pattern.name + pattern.rest)
        elif "/" in front:
            by_namespace.setdefault(front.partition("/")[2], []).append(f"{front}/{last}{pattern.rest}")
    names = [name for close in get_close_matches(last, by_name, OFFERS_MAX, CLOSE) for name in by_name[close]]
    close = get_close_matches(namespace, by_namespace, OFFERS_MAX, CLOSE)
    names += [name for namespace in close for name in by_namespace[namespace]]
    return list(dict.fromkeys(names))[:OFFERS_MAX]


def replacement(use: ImageUse) -> str:
    """Return the reference to write instead of a use: what its row says to use instead, its wildcards filled, with the tag of the use."""
    row, reference = use.row, use.reference
    pattern = row.pattern_of(use) if row is not None else None
    if row is None or not row.use_instead or pattern is None or reference is None:
        return ""
    name = pattern.fill(reference.name, row.use_instead) or row.use_instead
    # A digest holds a colon too.
    complete = ":" in name.rpartition("/")[2]
    return name if complete or reference.tag is None else f"{name}:{reference.tag}"


def _patterns_here(use: ImageUse) -> Iterator[ImagePattern]:
    return islice(_all_patterns_here(use), PATTERNS_MAX)


def _all_patterns_here(use: ImageUse) -> Iterator[ImagePattern]:
    match = use.policy_match
    if match is not None and match.table is not None:
        for row in match.table.rows[:PATTERNS_MAX]:
            if row.approved and not row.mismatch(use.environment, use.role, match.path):
                yield from row.match
