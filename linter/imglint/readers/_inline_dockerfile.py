"""Read Dockerfiles inside compose files (`dockerfile_inline`).

Docker builds from the text that remains after YAML removes indentation and escapes and Compose replaces variables. That text is read as a Dockerfile,
and the spans of its facts are then mapped to the characters of the compose file that produced them.
"""

from __future__ import annotations

import re

from imglint.dockerfile.facts import read_dockerfile
from imglint.model import Comment, ImageUse, Problem, ReferenceProblem, RunUser
from imglint.readers._compose_variables import replacements
from imglint.records import record, replace
from imglint.source import Source
from imglint.yaml.documents import traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imglint.model import Fact, Span
    from imglint.yaml.nodes import Scalar

TEXT_MAX = 1024 * 1024
"""Characters of an inline Dockerfile after interpolation. A longer one is not read and is reported."""
ALL_TEXT_MAX = 16 * TEXT_MAX
"""Characters of all inline Dockerfiles of one file. Those over the limit are not read and are reported."""

_CHARACTER = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|[^\\\r\n]")


@record
class MappedText:
    """A text, and for each of its characters the span of the file that produced it."""

    text: str
    spans: list[Span]

    def span(self, span: Span) -> Span:
        """Return the span of the file that produced a span of the text."""
        start, end = span
        first = self.spans[start][0]
        return first, self.spans[end - 1][1] if start < end else first


def read_inline_dockerfile(
    source: Source,
    value: Scalar,
    variables: Mapping[str, str | None],
    *,
    arguments: Mapping[str, str],
    targets: Sequence[str],
    prefix: str,
    budget: list[int],
) -> Iterator[Fact]:
    """Yield the facts of the Dockerfile in a scalar.

    `variables` are those of the compose file, `arguments` the values of build arguments, and `targets` the shipped stages. `prefix` starts the
    `where` of each fact. `budget` has one item: the number of characters left for the inline Dockerfiles of the file.
    """
    limit = min(TEXT_MAX, budget[0])
    mapped = _interpolated(_characters(source.text, value), variables, limit) if len(value.value) <= limit else None
    budget[0] -= len(mapped.text) if mapped else limit
    if mapped is None:
        message = f"inline Dockerfile is longer than {TEXT_MAX} characters after interpolation and was not read"
        if limit < TEXT_MAX:
            message = f"inline Dockerfiles in this file are longer than {ALL_TEXT_MAX} characters; this one was not read"
        yield Problem(source, (value.start, value.end), message, "unread-file")
        return
    if mapped.text:
        dockerfile = Source(source.path, mapped.text, source.kind, arguments, targets)
        for fact in read_dockerfile(dockerfile, prefix=prefix):
            yield _relocated(fact, source, mapped)


def _characters(text: str, value: Scalar) -> MappedText:
    if value.style == '"':
        written = list(_CHARACTER.finditer(text, value.start, value.end))
        # The counts differ if the scalar spans several lines, which YAML folds.
        if len(written) == len(value.value):
            return MappedText(value.value, [match.span() for match in written])
    spans: list[Span] = []
    for piece in traced(value, text).pieces:
        _, start, end = piece.frames[-1]
        length = len(piece.text)
        spans += [(offset, offset + 1) for offset in range(start, end)] if piece.exact else [(start, end)] * length
    return MappedText(value.value, spans)


def _interpolated(mapped: MappedText, variables: Mapping[str, str | None], limit: int) -> MappedText | None:
    """Return a text with its variables replaced, or None if the result is longer than `limit`."""
    parts: list[str] = []
    spans: list[Span] = []
    index = 0
    for start, end, value in replacements(mapped.text, variables):
        parts += [mapped.text[index:start], value]
        spans += mapped.spans[index:start] + [mapped.span((start, end))] * len(value)
        index = end
        if len(spans) > limit:
            return None
    spans += mapped.spans[index:]
    return MappedText("".join([*parts, mapped.text[index:]]), spans) if len(spans) <= limit else None


def _relocated(fact: Fact, source: Source, mapped: MappedText) -> Fact:
    """Return a fact of the Dockerfile with the source and spans of the compose file."""
    span = mapped.span(fact.span)
    if isinstance(fact, ImageUse):
        return _relocated_use(fact, source, mapped)
    if isinstance(fact, RunUser):
        image = fact.image and _relocated_use(fact.image, source, mapped)
        return replace(fact, source=source, span=span, image=image)
    if isinstance(fact, Problem):
        return replace(fact, source=source, span=span)
    return Comment(source, span)


def _relocated_use(use: ImageUse, source: Source, mapped: MappedText) -> ImageUse:
    parts = {name: mapped.span(span) for name, span in use.parts.items()}
    problem = use.problem and ReferenceProblem(use.problem.rule, use.problem.message, mapped.span(use.problem.span))
    return replace(use, source=source, span=mapped.span(use.span), parts=parts, problem=problem)
