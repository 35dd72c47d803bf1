"""Users of containers and of images, as rules judge them."""

from __future__ import annotations

from imglint import Unverified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint import RunUser

SHOWN = 64
"""Characters of the user of an image that are kept. Linux allows 32 in a name."""


def name_and_number(written: str) -> tuple[str, str | None]:
    """Return the name of a user without the group, and its number without leading zeros, None if it is a name."""
    name = written.partition(":")[0].strip()
    return name, (name.lstrip("0") or "0") if name.isascii() and name.isdigit() else None


def is_root(written: str) -> bool:
    """Return whether a user is root: by name, by number, or because none is set."""
    name, number = name_and_number(written)
    return name in ("", "root") or number == "0"


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
    return tuple(dict.fromkeys([details.user[:SHOWN] or "root" for _, details in found])), None
