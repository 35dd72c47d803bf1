"""Dockerfiles that stand inside compose files. Imports the Dockerfile's facts, the YAML trees and Compose's variables.

What Docker builds from is the text after YAML has taken its indentation and escapes away and Compose has put in its variables. It is read as any
Dockerfile is, and each place in it is then led back to the characters of the file that gave it.
"""

from __future__ import annotations

import re

from imglint.dockerfile import stages as dockerfile
from imglint.model import Comment, ImageUse, Problem, ReferenceProblem, RunUser
from imglint.readers._compose_variables import replacements
from imglint.record import record, replace
from imglint.source import Source
from imglint.yaml.documents import traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imglint.model import Fact, Span
    from imglint.yaml.nodes import Scalar

TEXT_MAX = 1024 * 1024
"""Characters of a Dockerfile inside another file, its variables resolved; a longer one is reported and not read."""
ALL_TEXT_MAX = 16 * TEXT_MAX
"""Characters of all of them in one file; what is over is reported and not read."""

_CHARACTER = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|[^\\\r\n]")


@record
class Placed:
    """A text, and for each of its characters the stretch of the file that gave it."""

    text: str
    spans: list[Span]

    def span(self, span: Span) -> Span:
        """Return the stretch of the file that gave a stretch of the text."""
        start, end = span
        if start < end:
            return self.spans[start][0], self.spans[end - 1][1]
        at = self.spans[start][0] if start < len(self.spans) else self.spans[-1][1]
        return at, at


def facts(
    source: Source,
    value: Scalar,
    variables: Mapping[str, str | None],
    *,
    arguments: Mapping[str, str],
    targets: Sequence[str],
    prefix: str,
    budget: list[int],
) -> Iterator[Fact]:
    """Yield the facts of the Dockerfile that a scalar holds.

    `variables` are those of the compose file, `arguments` values for the Dockerfile's own, `targets` the stages that are shipped; `prefix` is what
    its places in words begin with. `budget` holds the characters that are left for all Dockerfiles of the file.
    """
    limit = min(TEXT_MAX, budget[0])
    placed = _interpolated(_characters(source.text, value), variables, limit) if len(value.value) <= limit else None
    budget[0] -= len(placed.text) if placed else limit
    if placed is None:
        message = f"this Dockerfile was not read: with its variables resolved it would be longer than {TEXT_MAX} characters"
        if limit < TEXT_MAX:
            message = f"this Dockerfile was not read: those of this file are longer than {ALL_TEXT_MAX} characters"
        yield Problem(source, (value.start, value.end), message, "unread-file")
        return
    if placed.text:
        alone = Source(source.path, placed.text, source.kind)
        for fact in dockerfile.facts(alone, placed.text, prefix=prefix, variables=arguments, targets=targets):
            yield _moved(fact, source, placed)


def _characters(text: str, value: Scalar) -> Placed:
    if value.style == '"':
        written = list(_CHARACTER.finditer(text, value.start, value.end))
        # Where a quoted text runs over several lines, these are folded, and the two do not agree.
        if len(written) == len(value.value):
            return Placed(value.value, [match.span() for match in written])
    spans: list[Span] = []
    for piece in traced(value, text).pieces:
        _, start, end = piece.frames[-1]
        length = len(piece.text)
        spans += [(at, at + 1) for at in range(start, end)] if piece.exact else [(start, end)] * length
    return Placed(value.value, spans)


def _interpolated(placed: Placed, variables: Mapping[str, str | None], limit: int) -> Placed | None:
    """Return a text with its variables resolved; None where that is longer than limit."""
    text: list[str] = []
    spans: list[Span] = []
    at = 0
    for start, end, value in replacements(placed.text, variables):
        text += [placed.text[at:start], value]
        spans += placed.spans[at:start] + [placed.span((start, end))] * len(value)
        at = end
        if len(spans) > limit:
            return None
    spans += placed.spans[at:]
    return Placed("".join([*text, placed.text[at:]]), spans) if len(spans) <= limit else None


def _moved(fact: Fact, source: Source, placed: Placed) -> Fact:
    """Return a fact of the Dockerfile alone as a fact of the file that it stands in."""
    span = placed.span(fact.span)
    if isinstance(fact, ImageUse):
        return _moved_use(fact, source, placed)
    if isinstance(fact, RunUser):
        image = fact.image and _moved_use(fact.image, source, placed)
        return replace(fact, source=source, span=span, image=image)
    if isinstance(fact, Problem):
        return replace(fact, source=source, span=span)
    return Comment(source, span)


def _moved_use(use: ImageUse, source: Source, placed: Placed) -> ImageUse:
    parts = {name: placed.span(span) for name, span in use.parts.items()}
    problem = use.problem and ReferenceProblem(use.problem.rule, use.problem.message, placed.span(use.problem.span))
    return replace(use, source=source, span=placed.span(use.span), parts=parts, problem=problem)
