"""What several rules ask registries."""

from __future__ import annotations

from imglint import Unverified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from imglint import ImageDetails, ImageUse, Row, RunUser, Variant

USER_SHOWN = 64
"""Characters of the user of an image that are kept. Linux allows 32 in a name."""


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


def base_users(user: RunUser) -> tuple[tuple[str, ...], Unverified | None]:
    """Return the users that the base image of a stage without USER runs as, and the error if the registry could not be asked.

    A multi-platform image can have several users. There are none if they are not known.
    """
    use = user.image
    reference, online = (use.asked, use.online) if use is not None else (None, None)
    if use is None or reference is None or online is None:
        return (), None
    row = use.row
    platforms = (use.platform,) if use.platform else row.platforms if row is not None else ()
    try:
        found = online.all_details(reference, platforms) or ()
    except Unverified as error:
        return (), error
    return tuple(dict.fromkeys([one.user[:USER_SHOWN] or "root" for _, one in found])), None
