"""Suggestions for an image that is not allowed: approved patterns, similar images, and the `use-instead` of its row."""

from __future__ import annotations

from itertools import islice

from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse, Row
    from imglint.patterns.image import ImagePattern
    from imglint.reference import ImageReference

SUGGESTIONS_MAX = 3
"""Names or patterns in a message."""
SIMILARITY_MIN = 0.75
"""Similarity of two names, from 0 to 1, from which one is suggested for the other."""
PATTERNS_MAX = 500
"""Patterns, and rows, that are searched for suggestions, because each of thousands of findings may need one."""


def approved_patterns(use: ImageUse) -> list[str]:
    """Return up to SUGGESTIONS_MAX patterns of images that are approved in the environment, role and file of a use."""
    return list(dict.fromkeys([pattern.text for pattern in _patterns_here(use)]))[:SUGGESTIONS_MAX]


def similar_approved(use: ImageUse) -> list[str]:
    """Return up to SUGGESTIONS_MAX images, approved in the environment, role and file of a use, with a similar last name or namespace."""
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
    names = [name for close in get_close_matches(last, by_name, SUGGESTIONS_MAX, SIMILARITY_MIN) for name in by_name[close]]
    close = get_close_matches(namespace, by_namespace, SUGGESTIONS_MAX, SIMILARITY_MIN)
    names += [name for namespace in close for name in by_namespace[namespace]]
    return list(dict.fromkeys(names))[:SUGGESTIONS_MAX]


def replacement(use: ImageUse) -> str:
    """Return the reference that replaces a use: the `use-instead` of its row with the wildcards filled and the tag of the use; empty if none."""
    row, reference = use.row, use.reference
    pattern = row.pattern_of(use) if row is not None else None
    if row is None or not row.use_instead or pattern is None or reference is None:
        return ""
    name = pattern.fill(reference.name, row.use_instead) or row.use_instead
    # A digest contains a colon too.
    complete = ":" in name.rpartition("/")[2]
    return name if complete or reference.tag is None else f"{name}:{reference.tag}"


def approves(use: ImageUse, reference: ImageReference) -> bool:
    """Return whether the policy approves another reference, with its tag, in the place of a use. Without `images` it does."""
    match = use.policy_match
    if match is None or match.table is None:
        return True
    other = replace(use, reference=reference)
    for row in match.table.rows[:PATTERNS_MAX]:
        if row.matches(other) and not row.mismatch(use.environment, use.role, match.path):
            return row.approved and not row.deprecated and _allows(row, other.pulled_tag)
    return len(match.table.rows) > PATTERNS_MAX


def _allows(row: Row, tag: str | None) -> bool:
    """Return whether a row allows a tag. One that is unknown is not judged."""
    if tag is None:
        return True
    is_allowed = not row.tags or any(pattern.fits(tag) for pattern in row.tags)
    is_forbidden = any(pattern.fits(tag) for pattern in row.forbidden_tags)
    return is_allowed and not is_forbidden and (row.versions is None or row.versions.excluded(tag) is None)


def _patterns_here(use: ImageUse) -> Iterator[ImagePattern]:
    return islice(_all_patterns_here(use), PATTERNS_MAX)


def _all_patterns_here(use: ImageUse) -> Iterator[ImagePattern]:
    match = use.policy_match
    if match is not None and match.table is not None:
        for row in match.table.rows[:PATTERNS_MAX]:
            if row.approved and not row.deprecated and not row.mismatch(use.environment, use.role, match.path):
                yield from row.match
