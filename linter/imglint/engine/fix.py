"""Fixing: from the findings of a file to its corrected text, which is read back before anybody writes it.

A file is judged, the fixes that do not overlap are made, and the result is read and judged again: each fixed reference must read as its fix expects,
everything else as before, and no finding may be new. Then the same again for fixes that overlapped. Otherwise the file stays as it was.
"""

from __future__ import annotations

from imglint.engine.facts import STDIN, read_as
from imglint.engine.judge import judge_file
from imglint.model import Comment, ImageUse, Problem, RunUser
from imglint.records import record
from imglint.reference import parse
from imglint.source import decode, encoding_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from imglint.engine.discover import Found
    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.judge import Verdict
    from imglint.model import Edit, Fact, Finding
    from imglint.source import Source

PASSES_MAX = 10
"""Passes over one file, each of which makes the fixes that overlap none of the same pass."""


@record
class FixedFile:
    """A file with its content before and after its fixes, which are equal if there are none, and the number of findings that were fixed.

    `failure` is why no fix was made although there was one, or empty.
    """

    path: str
    before: bytes
    after: bytes
    fixed: int = 0
    failure: str = ""


class _NotAsExpected(Exception):
    """Raised if the fixed file does not read as it should."""


def fix_file(found: Found, before: bytes, settings: Settings, wanted: Callable[[Finding], bool]) -> FixedFile:
    """Return a file, given with its content, with the wanted fixes made. Nothing is written.

    Raises UnreadFile if the content cannot be decoded.
    """
    path = settings.stdin_filename if found.path == STDIN else found.path
    after, text, fixed = before, decode(before), 0
    encoding, mark = encoding_of(before)
    try:
        for _ in range(PASSES_MAX):
            file = read_as(path, text, found, settings)
            verdicts, _ = judge_file(file, settings)
            chosen, is_last = _chosen(verdicts, wanted)
            if not chosen:
                break
            edits = sorted(_spans(chosen, file.source), key=lambda one: one[:2])
            text = _edited(text, edits)
            _check(file, verdicts, chosen, read_as(path, text, found, settings), settings)
            after = _edited_bytes(after, edits, file.source.text, encoding, mark)
            fixed += len(chosen)
            if is_last:
                break
    except _NotAsExpected as error:
        return FixedFile(path, before, before, 0, str(error))
    return FixedFile(path, before, after, fixed)


def _chosen(verdicts: Sequence[Verdict], wanted: Callable[[Finding], bool]) -> tuple[list[Verdict], bool]:
    """Return the verdicts to fix in this pass, and whether it is the last. Of fixes that overlap, the first is made."""
    fixable = [verdict for verdict in verdicts if verdict.is_reported and verdict.finding.fix and wanted(verdict.finding)]
    fixable.sort(key=lambda verdict: (verdict.finding.location.line, verdict.finding.location.column, verdict.finding.rule))
    chosen: list[Verdict] = []
    taken: list[Edit] = []
    for verdict in fixable:
        edits = verdict.finding.fix.edits if verdict.finding.fix else ()
        if not any(_overlap(edit, other) for edit in edits for other in taken):
            taken += edits
            chosen.append(verdict)
    return chosen, len(chosen) == len(fixable)


def _overlap(one: Edit, other: Edit) -> bool:
    """Return whether two edits change, or touch, the same text."""
    return _start(one) <= _end(other) and _start(other) <= _end(one)


def _start(edit: Edit) -> tuple[int, int]:
    return edit.location.line, edit.location.column


def _end(edit: Edit) -> tuple[int, int]:
    return edit.location.end_line, edit.location.end_column


def _spans(chosen: Collection[Verdict], source: Source) -> Iterator[tuple[int, int, str]]:
    """Yield the start, end and new text of each edit."""
    for verdict in chosen:
        for edit in verdict.finding.fix.edits if verdict.finding.fix else ():
            yield source.offset(*_start(edit)), source.offset(*_end(edit)), edit.text


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, new in edits:
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])


def _edited_bytes(data: bytes, edits: Sequence[tuple[int, int, str]], text: str, encoding: str, mark: int) -> bytes:
    """Return the bytes of an edited text. Those outside of the edits are as they were."""
    pieces, at, place = [data[:mark]], 0, mark
    for start, end, new in edits:
        kept = len(text[at:start].encode(encoding))
        pieces += [data[place : place + kept], new.encode(encoding)]
        place += kept + len(text[start:end].encode(encoding))
        at = end
    return b"".join([*pieces, data[place:]])


def _check(
    before: FileFacts, verdicts: Sequence[Verdict], chosen: Collection[Verdict], after: FileFacts, settings: Settings
) -> None:
    """Check that a fixed file reads as it should. Raises _NotAsExpected if it does not."""
    expected = {
        id(subject): verdict.finding.fix.expects
        for verdict in chosen
        if verdict.finding.fix and verdict.finding.fix.expects
        for subject in verdict.subjects
    }
    old, new = _without_comments(before.facts), _without_comments(after.facts)
    if after.source.kind != before.source.kind or len(old) != len(new):
        raise _NotAsExpected("the file would not be read as before")
    for one, other in zip(old, new, strict=True):
        wanted = expected.get(id(one))
        if wanted is not None and isinstance(one, ImageUse):
            wanted = str(parse(wanted))
        if _read(one, wanted) != _read(other, None):
            raise _NotAsExpected(f"line {other.location.line} would not read as expected")
    _check_findings(verdicts, chosen, old, after, new, settings)


def _without_comments(facts: Collection[Fact]) -> list[ImageUse | RunUser | Problem]:
    return [fact for fact in facts if not isinstance(fact, Comment)]


def _read(fact: ImageUse | RunUser | Problem, wanted: str | None) -> tuple[object, ...]:
    """Return what a fact says, with another reference or user if one is wanted."""
    if isinstance(fact, ImageUse):
        reference = str(fact.reference) if fact.reference and wanted is None else wanted
        return fact.place, fact.role, reference, fact.tag_known, fact.problem and fact.problem.message, fact.built
    if isinstance(fact, RunUser):
        return fact.place, fact.where, fact.user if wanted is None else wanted, fact.nonroot, fact.known, fact.explicit
    return fact.rule, fact.message


def _check_findings(
    verdicts: Sequence[Verdict],
    chosen: Collection[Verdict],
    old: Sequence[Fact],
    after: FileFacts,
    new: Sequence[Fact],
    settings: Settings,
) -> None:
    """Check that the fixed findings are gone, and that no other is new, except those that a fixed one had covered."""
    numbers = {id(fact): number for number, fact in enumerate(old)}
    fixed = {key for verdict in chosen for key in _keys(verdict, numbers)}
    known = {key for verdict in verdicts for key in _keys(verdict, numbers)} - fixed
    numbers = {id(fact): number for number, fact in enumerate(new)}
    for verdict in judge_file(after, settings)[0]:
        for key in _keys(verdict, numbers) if verdict.is_reported else ():
            if key not in known:
                raise _NotAsExpected(f"line {verdict.finding.location.line} would have a finding of {verdict.finding.rule}")


def _keys(verdict: Verdict, numbers: dict[int, int]) -> list[tuple[str, int]]:
    """Return rule and fact of a verdict, for each of its facts. Findings about comments are not about a fact."""
    return [(verdict.finding.rule, numbers[id(subject)]) for subject in verdict.subjects if id(subject) in numbers]
