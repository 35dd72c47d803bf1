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


def subject(variants: Sequence[Variant], found: Sequence[tuple[Variant, ImageDetails]]) -> str:
    """Return the images that a message is about: `image`, or `image for linux/arm64` if they are not all of those that were found."""
    named = list(dict.fromkeys([variant.platform for variant in variants if variant.platform]))
    if len(variants) == len(found) or not named:
        return "image"
    return f"image for {', '.join(named[:5])}{' and others' if len(named) > 5 else ''}"
