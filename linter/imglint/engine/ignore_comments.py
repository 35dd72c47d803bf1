"""Ignore comments: `# imglint: ignore[rule, rule] reason` and `# imglint: ignore-file[rule]`; with `//` or `;` where the file has such comments.

A comment after code covers its own line. A comment alone on its line covers the next one. `ignore-file` covers the whole file. A comment silences
a finding if it covers the line of the finding or of a use that the finding is about. One that covers the header of a block scalar (`image: >-`) also
covers the first line of its text, where no comment is possible.
"""

from __future__ import annotations

import re
from itertools import islice

from imglint.model import UNSILENCEABLE, UNUSED_IGNORE, Edit, Fix
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from imglint.model import Comment, Finding, Span
    from imglint.source import Source

NAMES_MAX = 100
"""Rules that one comment may name. The rest is ignored, which is reported."""
UNUSED_MAX = 20_000
"""Findings of unused-ignore in one file."""
_BLOCK_HEADER = r"[^\n]*[:?-][ \t]+(?:[!&][^\s]+[ \t]+)*[|>][-+1-9]*[ \t]*(?:#[^\n]*)?\r?\n(?P<blank>(?:[ \t\r]*\n)*)"


@record
class IgnoreComment:
    """One ignore comment.

    `lines` are the lines it covers, None for the whole file. `names` holds the rules it names, each with its span; it is empty if the comment is
    malformed.
    """

    comment: Comment
    lines: tuple[int, ...] | None
    names: tuple[tuple[str, Span], ...]

    @property
    def line(self) -> int:
        """The line of the comment."""
        return self.comment.source.location(*self.comment.span).line


def parse(comment: Comment) -> IgnoreComment:
    """Parse an ignore comment."""
    source, (start, _) = comment.source, comment.span
    location = source.location(start, start)
    line = location.line
    match = re.match(r"(?:#|//|;)\s*imglint:\s*ignore(-file)?\s*\[([^]]*)\]", comment.text)
    if match is None:
        return IgnoreComment(comment, (line,), ())
    is_alone = not source.text[start - location.column + 1 : start].strip()
    names_at = start + match.start(2)
    found = islice(re.finditer(r"[^\s,]+", match[2]), NAMES_MAX + 1)
    names = tuple([(name[0], (names_at + name.start(), names_at + name.end())) for name in found])
    return IgnoreComment(comment, None if match[1] else _covered(source, start, line, is_alone), names)


def _covered(source: Source, start: int, line: int, is_alone: bool) -> tuple[int, ...]:
    """Return the lines that a comment at an offset covers."""
    text = source.text
    code = text.find("\n", start) + 1 if is_alone else text.rfind("\n", 0, start) + 1
    lines = (line, line + 1) if is_alone else (line,)
    header = re.compile(_BLOCK_HEADER).match(text, code) if code or not is_alone else None
    return (*lines, lines[-1] + 1 + header["blank"].count("\n")) if header else lines


def silencing(findings: Mapping[int, Finding], comments: Collection[IgnoreComment]) -> tuple[dict[int, IgnoreComment], set[Span]]:
    """Return the comments that silence findings, by the number of the finding, and the spans of all names that silence something."""
    covering: dict[tuple[str, int | None], list[tuple[IgnoreComment, Span]]] = {}
    for comment in comments:
        for name, span in comment.names[:NAMES_MAX]:
            if name not in UNSILENCEABLE:
                for line in comment.lines or (None,):
                    covering.setdefault((name, line), []).append((comment, span))
    silenced_by: dict[int, IgnoreComment] = {}
    used: set[Span] = set()
    for number, finding in findings.items():
        matches = [match for line in (*_lines(finding), None) for match in covering.get((finding.rule, line), ())]
        if matches:
            silenced_by[number] = matches[0][0]
            used.update([span for _, span in matches])
    return silenced_by, used


def _lines(finding: Finding) -> dict[int, None]:
    """Return the lines of a finding and of its uses in the same file."""
    location = finding.location
    return dict.fromkeys([location.line, *[use.line for use in finding.related if use.path == location.path]])


def unused(
    comments: Collection[IgnoreComment], used: Collection[Span], ran: Collection[str], known: Collection[str]
) -> Iterator[tuple[Span, str, Fix | None]]:
    """Yield a span, a message and a fix for each comment that is malformed, and for each name that is unknown or silences nothing; at most UNUSED_MAX.

    `used` holds the spans of names that silenced a finding, `ran` the rules that were applied to the file, `known` all rules.
    """
    covered = {line for comment in comments for line in (comment.lines or ())[1:]}
    return islice((found for comment in comments for found in _unused(comment, used, ran, known, covered)), UNUSED_MAX)


def _unused(
    comment: IgnoreComment, used: Collection[Span], ran: Collection[str], known: Collection[str], covered: Collection[int]
) -> Iterator[tuple[Span, str, Fix | None]]:
    """Yield what `unused` yields for one comment. `covered` are the lines that comments above them cover."""
    if not comment.names:
        mark = "//" if comment.comment.text.startswith("/") else comment.comment.text[0]
        yield comment.comment.span, f"ignore comment names no rule; write `{mark} imglint: ignore[RULE] reason`", None
    for number, (name, span) in enumerate(comment.names):
        if number == NAMES_MAX:
            yield span, f"ignore comment names more than {NAMES_MAX} rules; the rest is ignored", None
            return
        if name not in known:
            from imglint.spelling import did_you_mean

            # The package of the rule may not be installed here.
            yield span, f"unknown rule `{name}`{did_you_mean(name, known)}", _without(comment, number, covered, safe=False)
        elif name in UNSILENCEABLE:
            message = f"`{name}` cannot be silenced by a comment; use `exclude` in the policy"
            yield span, message, _without(comment, number, covered)
        elif name in ran and name != UNUSED_IGNORE and span not in used:
            yield span, f"`{name}` has no finding here; remove it from the comment", _without(comment, number, covered)


def _without(comment: IgnoreComment, number: int, covered: Collection[int], *, safe: bool = True) -> Fix | None:
    """Return the fix that removes a name from a comment, or the whole comment if that is its only name.

    None if a comment above covers its line: that one would cover the next line then.
    """
    names, source = comment.names, comment.comment.source
    if len(names) == 1:
        if comment.line in covered:
            return None
        return Fix("remove the comment", (Edit(source.location(*_whole_span(comment)), ""),), safe)
    if number + 1 < len(names):
        start, end = names[number][1][0], names[number + 1][1][0]
    else:
        start, end = names[number - 1][1][1], names[number][1][1]
    return Fix(f"remove `{names[number][0]}` from the comment", (Edit(source.location(start, end), ""),), safe)


def _whole_span(comment: IgnoreComment) -> Span:
    """Return the span of a comment with the spaces before it, and with the line break if nothing else is on the line."""
    text, (start, end) = comment.comment.source.text, comment.comment.span
    line = text.rfind("\n", 0, start) + 1
    before = len(text[line:start].rstrip(" \t"))
    return line + before, end if before else (text.find("\n", end) + 1 or len(text))
