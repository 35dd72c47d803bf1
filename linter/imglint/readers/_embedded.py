"""Texts inside scalars of YAML files that are files of their own: Dockerfiles, values and patches. Imports the YAML trees.

Such a text is read as a source of its own. The spans of its facts are then mapped to the characters of the file that produced them.
"""

from __future__ import annotations

import re

from imglint.model import UNREAD_FILE, Comment, ImageUse, Problem, ReferenceProblem, RunUser
from imglint.records import record, replace
from imglint.source import Source
from imglint.yaml.documents import traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imglint.model import Fact, Span
    from imglint.yaml.nodes import Scalar

TEXT_MAX = 1024 * 1024
"""Characters of values or a patch in a scalar. A longer text is not read and is reported."""

_CHARACTER = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|[^\\\r\n]")


@record
class MappedText:
    """A text, and for each of its characters the span of the file that produced it. `has_lines` is True if each of its lines is one of the file."""

    text: str
    spans: list[Span]
    has_lines: bool = False

    def span(self, span: Span) -> Span:
        """Return the span of the file that produced a span of the text."""
        start, end = span
        first = self.spans[start][0]
        return first, self.spans[end - 1][1] if start < end else first


def read_embedded(source: Source, value: Scalar, what: str, read: Callable[[Source], Iterable[Fact]]) -> Iterator[Fact]:
    """Yield what `read` finds in the text of a scalar, as facts of the file. `what` names the text in messages."""
    if len(value.value) > TEXT_MAX:
        message = f"{what} in a string are longer than {TEXT_MAX} characters and were not read"
        yield Problem(source, (value.start, value.end), message, UNREAD_FILE)
        return
    mapped = mapped_text(source, value)
    for fact in read(Source(source.path, value.value, source.kind)):
        found = relocated(fact, source, mapped)
        # A comment that the file does not have as it is, on a line of its own, covers no line.
        if not (isinstance(fact, Comment) and isinstance(found, Comment) and fact.text != found.text):
            yield found


def mapped_text(source: Source, value: Scalar) -> MappedText:
    """Return the text of a scalar with the span of each character."""
    if value.style == '"':
        written = list(_CHARACTER.finditer(source.text, value.start, value.end))
        # The counts differ if the scalar spans several lines, which YAML folds.
        if len(written) == len(value.value):
            return MappedText(value.value, [match.span() for match in written])
    spans: list[Span] = []
    for piece in traced(value, source.text).pieces:
        _, start, end = piece.frames[-1]
        length = len(piece.text)
        spans += [(offset, offset + 1) for offset in range(start, end)] if piece.exact else [(start, end)] * length
    return MappedText(value.value, spans, value.style == "|")


def relocated(fact: Fact, source: Source, mapped: MappedText) -> Fact:
    """Return a fact of an embedded text with the source and spans of the file."""
    span = mapped.span(fact.span)
    if isinstance(fact, ImageUse):
        return _relocated_use(fact, source, mapped)
    if isinstance(fact, RunUser):
        image = fact.image and _relocated_use(fact.image, source, mapped)
        return replace(fact, source=source, span=span, image=image, insertion=_insertion(fact, source, mapped))
    if isinstance(fact, Problem):
        return replace(fact, source=source, span=span)
    return Comment(source, span)


def _insertion(user: RunUser, source: Source, mapped: MappedText) -> tuple[int, str] | None:
    """Return where a line can be added to the file for a user; None unless the text has the lines of the file, only less indented."""
    if user.insertion is None or not mapped.has_lines:
        return None
    at, before = user.insertion
    line = mapped.text.rfind("\n", 0, at) + 1
    (start, _), (_, end) = mapped.spans[line], mapped.spans[at - 1]
    line_break = source.text.rfind("\n", 0, start)
    indentation = source.text[line_break + 1 : start]
    ends_line = re.compile(r"\r?(?:\n|\Z)").match(source.text, end)
    if indentation.strip() or not ends_line or source.text[start:end] != mapped.text[line:at]:
        return None
    first = line_break - 1 if source.text.startswith("\r", line_break - 1) else line_break
    return end, source.text[first:start] + before.lstrip("\r\n")


def _relocated_use(use: ImageUse, source: Source, mapped: MappedText) -> ImageUse:
    parts = {name: mapped.span(span) for name, span in use.parts.items()}
    problem = use.problem and ReferenceProblem(use.problem.rule, use.problem.message, mapped.span(use.problem.span))
    return replace(use, source=source, span=mapped.span(use.span), parts=parts, problem=problem)
