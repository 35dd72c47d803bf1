"""What several rules ask registries."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from imglint import ImageDetails, ImageUse, Row, Variant


def details(use: ImageUse, row: Row) -> Sequence[tuple[Variant, ImageDetails]]:
    """Return the details of the image for each platform, or for each of the row's; nothing if it is not approved, or not known to registries."""
    reference = use.asked if row.approved else None
    if reference is None or use.online is None:
        return ()
    return use.online.all_details(reference, row.platforms) or ()


def on_platforms(variants: Sequence[Variant], found: Sequence[tuple[Variant, ImageDetails]]) -> str:
    """Return the platforms of images, as the end of a clause; empty if that is all of those that were found."""
    named = list(dict.fromkeys([variant.platform for variant in variants if variant.platform]))
    if len(variants) == len(found) or not named:
        return ""
    return f" on {', '.join(named[:5])}{' and others' if len(named) > 5 else ''}"
