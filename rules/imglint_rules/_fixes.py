"""Fixes that several rules offer."""

from __future__ import annotations

from imglint import InvalidReference, approves, parse, replacement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint import Fix, ImageUse


def replacing(use: ImageUse) -> Fix | None:
    """Return the fix that writes the `use-instead` of the row.

    Return None if there is none, if the policy does not approve it either, or if it would drop the digest.
    """
    instead = replacement(use)
    if use.reference is None or not instead or "*" in instead:
        return None
    try:
        new = parse(instead)
    except InvalidReference:
        # A wildcard can stand for a text that makes the name too long.
        return None
    if not approves(use, new):
        return None
    digest = use.reference.digest
    if digest is not None and new.digest is None:
        # A tag of the other image may be another image than the digest.
        if new.tag != use.reference.tag:
            return None
        instead = f"{instead}@{digest}"
    return use.fix(instead, f"write {instead}")
