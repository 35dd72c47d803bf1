"""Comments that silence findings: `# imglint: ignore[rule, rule] reason` and `ignore-file[...]`. Imports the model.

`ignore` speaks for its own line, and for the next where nothing on its own was meant: of the finding, or of the use that the finding is about.
"""

from __future__ import annotations

import re
from itertools import islice

from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imglint.model import Comment, Finding, Span

UNUSED = "unused-ignore"
NOT_READ = frozenset(("syntax-error", "unread-file", "internal-error"))
"""Rules that no comment silences: without them, a file that was not read would look clean."""
NAMES_MAX = 100
"""Rules that one comment may name; of the rest it is said that they are not read."""
UNUSED_MAX = 20_000
"""Findings about comments that are made for one file: more than are reported of all findings."""


@record
class Ignore:
    """One comment: its line, whether it speaks for the whole file, and the rules it names, each with its place."""

    comment: Comment
    line: int
    whole_file: bool
    names: tuple[tuple[str, Span], ...]


def parse(comment: Comment) -> Ignore:
    """Return what a comment asks for; one that is not understood names no rules."""
    match = re.match(r"#\s*imglint:\s*ignore(-file)?\s*\[([^]]*)\]", comment.text)
    line = comment.source.location(*comment.span).line
    if match is None:
        return Ignore(comment, line, False, ())
    at = comment.span[0] + match.start(2)
    found = islice(re.finditer(r"[^\s,]+", match[2]), NAMES_MAX + 1)
    names = tuple([(name[0], (at + name.start(), at + name.end())) for name in found])
    return Ignore(comment, line, match[1] is not None, names)


def silence(
    findings: Collection[Finding], ignores: Collection[Ignore], ran: Collection[str], known: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that no comment silences, and one of unused-ignore for each name in a comment that silenced nothing.

    `ran` are the rules that were applied to the file, `known` all that exist.
    """
    here = {(name, ignore.line): span for ignore in ignores if not ignore.whole_file for name, span in _heeded(ignore)}
    everywhere = {name: span for ignore in ignores if ignore.whole_file for name, span in _heeded(ignore)}
    on_line = [_known({here.get((finding.rule, line)) for line in _lines(finding)}) for finding in findings]
    used: set[Span] = set().union(*on_line)
    kept: list[Finding] = []
    silencing: set[Span] = set()
    for finding, spans in zip(findings, on_line, strict=True):
        above = _known({here.get((finding.rule, line - 1)) for line in _lines(finding)}) - used
        all_spans = spans | above | _known({everywhere.get(finding.rule)})
        if not all_spans:
            kept.append(finding)
        silencing |= all_spans
    unused = (found for ignore in ignores for found in _unused(ignore, silencing, ran, known))
    return kept, list(islice(unused, UNUSED_MAX))


def _heeded(ignore: Ignore) -> list[tuple[str, Span]]:
    return [named for named in ignore.names[:NAMES_MAX] if named[0] not in NOT_READ]


def _known(spans: set[Span | None]) -> set[Span]:
    return {span for span in spans if span}


def _lines(finding: Finding) -> set[int]:
    return {finding.location.line} | {place.line for place in finding.related if place.path == finding.location.path}


def _unused(ignore: Ignore, used: set[Span], ran: Collection[str], known: Collection[str]) -> Iterable[Finding]:
    comment = ignore.comment
    if not ignore.names:
        yield _finding(comment, comment.span, "no rule is named here; write # imglint: ignore[RULE] and why")
    for number, (name, span) in enumerate(ignore.names):
        if number == NAMES_MAX:
            yield _finding(comment, span, f"a comment names at most {NAMES_MAX} rules; this and what follows is not read")
        elif name not in known:
            from imglint.spelling import did_you_mean

            yield _finding(comment, span, f"there is no rule {name}{did_you_mean(name, known)}")
        elif name in NOT_READ:
            yield _finding(
                comment, span, f"no comment silences {name}: what was not read was not checked; exclude the file in the policy"
            )
        elif name in ran and name != UNUSED and span not in used:
            yield _finding(comment, span, f"{name} finds nothing here; delete it from the comment")


def _finding(comment: Comment, span: Span, message: str) -> Finding:
    from imglint.model import finding_at

    return finding_at(comment.source, message, span, rule=UNUSED)
