"""Images in texts with variables that may have several values, as in the matrix of a job. Imports the model and traced texts."""

from __future__ import annotations

from imglint.model import CI, image_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse, Span
    from imglint.source import Source
    from imglint.traced import Traced

STEPS_MAX = 4_000_000
"""Steps in which the variables of one file are resolved: a character of a text, or a combination of values."""


class OverLimit(Exception):
    """Raised if resolving the variables of a file takes more than STEPS_MAX steps."""

    reason = f"its variables have too many values: resolving those of this file takes more than {STEPS_MAX} steps"


class Steps:
    """The steps that are left for one file."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS_MAX

    def take(self, count: int) -> None:
        """Subtract steps. Raises OverLimit if fewer are left."""
        self.left -= count
        if self.left < 0:
            raise OverLimit


class Places:
    """The places of one file where images are named, each yielded once."""

    __slots__ = ("_seen", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: set[object] = set()

    def use(
        self,
        text: Traced | None,
        span: Span,
        place: str,
        where: str,
        *,
        reason: str = "",
        over_limit: bool = False,
    ) -> Iterator[ImageUse]:
        """Yield the use of the image that a text names at a span, unless it was yielded before or the text is empty.

        The other arguments are those of `image_use`.
        """
        name = text.text if text is not None else None
        known = (span, place, name)
        if name is not None and not name.strip():
            return
        if known not in self._seen:
            self._seen.add(known)
            yield image_use(self._source, text, span, place=place, where=where, role=CI, unresolved=reason, over_limit=over_limit)
