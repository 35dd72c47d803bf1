"""Images in texts with variables that may have several values, as in the matrix of a job. Imports the model and traced texts."""

from __future__ import annotations

from imglint.model import CI, ImageUse, image_use
from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.model import Fact, Span
    from imglint.source import Source
    from imglint.traced import Traced

STEPS_MAX = 1_000_000
"""Steps in which the variables of one file are resolved: a character of a text, or a combination of values."""


def in_pipeline(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Yield facts, the images among them, which are those of a file that is not valid YAML, with the role of images of pipelines."""
    for fact in facts:
        yield replace(fact, role=CI) if isinstance(fact, ImageUse) else fact


class OverLimit(Exception):
    """Raised if variables exceed a limit. The text of the exception says which one."""


class Steps:
    """The steps that are left for one file."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS_MAX

    def take(self, count: int) -> None:
        """Subtract steps. Raises OverLimit if fewer are left."""
        self.left -= count
        if self.left < 0:
            raise OverLimit(f"resolving the variables of this file takes more than {STEPS_MAX} steps")


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
        """Yield the use of the image that a text names at a span, unless the text is empty or another one names the same image there.

        The other arguments are those of `image_use`.
        """
        if text is not None and not text.text.strip():
            return
        use = image_use(self._source, text, span, place=place, where=where, role=CI, unresolved=reason, over_limit=over_limit)
        key = (span, place, use.problem.rule if use.problem else str(use.reference), use.tag_known)
        if key not in self._seen:
            self._seen.add(key)
            yield use
