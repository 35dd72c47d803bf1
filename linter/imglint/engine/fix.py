"""Fixing: from the findings of a file to its corrected text, which is read back before anybody writes it.

A file is judged, the fixes that do not touch each other are made, and the result is read and judged again: each fixed reference must read as its fix
expects, everything else as before, and no finding may be new. Then the same again for the other fixes. Otherwise the file stays as it was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise

from imglint.engine.facts import STDIN, read_as
from imglint.engine.judge import judge_file
from imglint.model import UNVERIFIED_IMAGE, Comment, ImageUse, Problem, RunUser
from imglint.records import record
from imglint.reference import InvalidReference, parse
from imglint.source import FILE_SIZE_MAX, UnreadFile, decode, encoding_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from imglint.engine.discover import Found
    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.judge import Verdict
    from imglint.model import Fact, Finding, Fix, Span
    from imglint.source import Source

    Change = tuple[int, int, str]
    """The new text between two offsets."""
    Key = tuple[str, int, int]
    """Rule, line and column of a finding."""

PASSES_MAX = 10
"""Passes over one file. A pass makes the fixes that do not touch each other. Findings that are left after the last pass are reported."""


@record
class FixedFile:
    """A file with its content before and after its fixes, which are equal if there are none, and the number of findings that were fixed.

    `changes` are the parts of `before` that the fixes replace, in order: start, end, and the bytes in their place. `failure` is why no fix was made
    although there was one, or empty.
    """

    path: str
    before: bytes
    after: bytes
    fixed: int = 0
    failure: str = ""
    changes: tuple[tuple[int, int, bytes], ...] = ()


class _NotAsExpected(Exception):
    """Raised if the fixed file does not read as it should."""


@record
class _Judged:
    """A file and the verdicts on its facts. `is_complete` is whether it was read and checked completely."""

    file: FileFacts
    verdicts: list[Verdict]
    is_complete: bool


def fix_file(
    found: Found,
    before: bytes,
    settings: Settings,
    wanted: Callable[[Finding], bool],
    reported: Collection[Key] | None = None,
) -> FixedFile:
    """Return a file, given with its content, with the wanted fixes made. Nothing is written.

    `reported` are the findings that the run reported, by default all: no other is fixed, except those that only a fix uncovers.

    Raises UnreadFile if the content cannot be decoded.
    """
    path = settings.stdin_filename if found.path == STDIN else found.path
    text = decode(before)
    now = _judged(path, text, found, settings)
    left_out = _left_out(now, reported)
    changes: list[Change] = []
    fixed = 0
    try:
        for _ in range(PASSES_MAX):
            chosen = _chosen(now, wanted, left_out)
            if not chosen:
                break
            if not now.is_complete:
                raise _NotAsExpected("the file was not read completely")
            edits = sorted({edit for verdict in chosen for edit in _edits(verdict, now.file.source)})
            moves = _Moves(edits)
            after = _judged(path, _edited(now.file.source.text, edits), found, settings)
            _check(now, chosen, after, moves, settings)
            left_out = {(rule, place) for rule, offset in left_out for place in moves.places(offset)}
            changes = _composed(changes, edits, len(text)) if changes else edits
            fixed += len(chosen)
            now = after
        return _result(path, before, changes, now.file.source.text, fixed)
    except _NotAsExpected as error:
        return FixedFile(path, before, before, 0, str(error))


def _judged(path: str, text: str, found: Found, settings: Settings) -> _Judged:
    file = read_as(path, text, found, settings)
    return _Judged(file, *judge_file(file, settings))


def _left_out(now: _Judged, reported: Collection[Key] | None) -> set[tuple[str, int]]:
    """Return rule and offset of the findings that the report does not have, because of a baseline or `--since`."""
    if reported is None:
        return set()
    found = [verdict.finding for verdict in now.verdicts if verdict.is_reported]
    return {
        (finding.rule, now.file.source.offset(finding.location.line, finding.location.column))
        for finding in found
        if (finding.rule, finding.location.line, finding.location.column) not in reported
    }


def _chosen(now: _Judged, wanted: Callable[[Finding], bool], left_out: Collection[tuple[str, int]]) -> list[Verdict]:
    """Return the verdicts to fix in this pass. Of fixes that touch the same text or are about the same fact, the one that begins first is made.

    So a tag is written before its digest. Equal fixes, as of two images with a common ARG, are made together or not at all.
    What a fix expects its fact to read as holds only if no other fix changes that fact, too.
    """
    source = now.file.source
    alike: dict[tuple[str, Fix], dict[tuple[int, ...], Verdict]] = {}
    for verdict in now.verdicts:
        if verdict.is_reported and verdict.finding.fix:
            # Of several findings about a fact, one is fixed at a time.
            group = alike.setdefault((verdict.finding.rule, verdict.finding.fix), {})
            group.setdefault(tuple([id(subject) for subject in verdict.subjects]), verdict)

    def is_left_out(verdict: Verdict) -> bool:
        location = verdict.finding.location
        return (verdict.finding.rule, source.offset(location.line, location.column)) in left_out

    fixable: list[tuple[tuple[int, str, int], list[Span], list[Verdict]]] = []
    for (rule, _), group in alike.items():
        verdicts = [*group.values()]
        if all(wanted(verdict.finding) for verdict in verdicts) and not any(map(is_left_out, verdicts)):
            edits = _edits(verdicts[0], source)
            fixable.append(((edits[0][0], rule, len(fixable)), [(start, end) for start, end, _ in edits], verdicts))
    chosen: list[Verdict] = []
    taken: list[Span] = []
    subjects: set[int] = set()
    for _, spans, verdicts in sorted(fixable, key=lambda entry: entry[0]):
        own = {id(subject) for verdict in verdicts for subject in verdict.subjects}
        if subjects.isdisjoint(own) and not any(_is_taken(span, taken) for span in spans):
            for span in spans:
                taken.insert(bisect_left(taken, span), span)
            subjects |= own
            chosen += verdicts
    return chosen


def _is_taken(span: Span, taken: Sequence[Span]) -> bool:
    """Return whether a span overlaps or touches one of those in a sorted list that do not overlap each other."""
    at = bisect_left(taken, span)
    return (at < len(taken) and taken[at][0] <= span[1]) or (at > 0 and span[0] <= taken[at - 1][1])


def _edits(verdict: Verdict, source: Source) -> list[Change]:
    """Return the edits of the fix of a verdict as offsets, in order. Raises _NotAsExpected if they are not in the file, overlap, or change nothing."""
    edits = sorted(_changes(verdict.finding.fix, source)) if verdict.finding.fix else []
    overlap = any(one[1] > other[0] for one, other in pairwise(edits))
    if overlap or not edits or all(source.text[start:end] == new for start, end, new in edits):
        raise _NotAsExpected(f"the fix of {verdict.finding.rule} in line {verdict.finding.location.line} is not possible")
    return edits


def _changes(fix: Fix, source: Source) -> Iterator[Change]:
    for edit in fix.edits:
        location = edit.location
        start, end = source.offset(location.line, location.column), source.offset(location.end_line, location.end_column)
        if start > end or source.location(start, end) != location:
            raise _NotAsExpected(f"the place of a fix in line {location.line} is not in the file")
        yield start, end, edit.text


def _edited(text: str, edits: Iterable[Change]) -> str:
    pieces, at = [], 0
    for start, end, new in edits:
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])


def _composed(first: Iterable[Change], then: Iterable[Change], length: int) -> list[Change]:
    """Return the changes of a text of some length that do what two lists of changes do, one after the other."""
    # The text after the first changes, in reverse: what is left of the original has no new text.
    pieces: list[tuple[int, int, str | None]] = []
    at = 0
    for start, end, new in first:
        pieces += [(at, start, None), (start, end, new)]
        at = end
    pieces.append((at, length, None))
    pieces.reverse()
    done: list[tuple[int, int, str | None]] = []
    at = 0
    for start, end, new in then:
        done += _taken(pieces, start - at)
        replaced = _taken(pieces, end - start)
        place = (replaced[0][0], replaced[-1][1]) if replaced else (pieces[-1][0],) * 2 if pieces else (length, length)
        done.append((*place, new))
        at = end
    composed: list[Change] = []
    for start, end, text in [*done, *reversed(pieces)]:
        if text is None:
            continue
        if composed and composed[-1][1] == start:
            before = composed.pop()
            composed.append((before[0], end, before[2] + text))
        else:
            composed.append((start, end, text))
    return composed


def _taken(pieces: list[tuple[int, int, str | None]], count: int) -> list[tuple[int, int, str | None]]:
    """Return the pieces at the end of a list that have some number of characters, and remove them from it."""
    taken: list[tuple[int, int, str | None]] = []
    while count:
        piece = pieces.pop()
        start, end, new = piece
        size = end - start if new is None else len(new)
        if size > count:
            middle = start + count if new is None else end
            pieces.append((middle, end, None if new is None else new[count:]))
            piece, size = (start, middle, None if new is None else new[:count]), count
        taken.append(piece)
        count -= size
    return taken


def _result(path: str, before: bytes, changes: Iterable[Change], text: str, fixed: int) -> FixedFile:
    """Return the file with changes of its text made in its bytes. Those outside of the changes are as they were."""
    encoding, mark = encoding_of(before)
    original = before[mark:].decode(encoding)
    made: list[tuple[int, int, bytes]] = []
    pieces, at, place = [before[:mark]], 0, mark
    try:
        for start, end, new in changes:
            first = place + len(original[at:start].encode(encoding))
            last = first + len(original[start:end].encode(encoding))
            made.append((first, last, new.encode(encoding)))
            pieces += [before[place:first], made[-1][2]]
            at, place = end, last
        after = b"".join([*pieces, before[place:]])
        if len(after) > FILE_SIZE_MAX or decode(after) != text:
            raise _NotAsExpected("the file could not be read")
    except (UnreadFile, UnicodeEncodeError):
        raise _NotAsExpected("the file could not be read") from None
    return FixedFile(path, before, after, fixed, changes=tuple(made))


class _Moves:
    """Where the offsets of a text are after edits, which are in order."""

    def __init__(self, edits: Sequence[Change]) -> None:
        self._starts = [start for start, _, _ in edits]
        self._ends = [end for _, end, _ in edits]
        self._shifts = [*accumulate([len(new) - (end - start) for start, end, new in edits], initial=0)]

    def places(self, offset: int) -> list[int]:
        """Return the offset after the edits: none inside of an edit, several where one begins or ends."""
        first, last = bisect_left(self._ends, offset), bisect_right(self._ends, offset)
        if first == last and last < len(self._ends) and self._starts[last] < offset:
            return []
        return [offset + self._shifts[number] for number in range(first, last + 1)]

    def touch(self, span: Span) -> bool:
        """Return whether an edit changes text inside a span."""
        at = bisect_right(self._ends, span[0])
        return at < len(self._starts) and self._starts[at] < span[1]


def _check(now: _Judged, chosen: Collection[Verdict], after: _Judged, moves: _Moves, settings: Settings) -> None:
    """Check that a fixed file reads as it should. Raises _NotAsExpected if it does not."""
    one, other = now.file, after.file
    old, new = _without_comments(one.facts), _without_comments(other.facts)
    is_alike = other.source.kind == one.source.kind and len(old) == len(new) and one.named_files == other.named_files
    if not is_alike or not after.is_complete:
        raise _NotAsExpected("the file would not be read as before")
    expected = {fact: reads for verdict in chosen for fact, reads in verdict.expected.items()}
    for before, now_read in zip(old, new, strict=True):
        if not _is_as_expected(before, now_read, expected.get(id(before), ""), moves):
            raise _NotAsExpected(f"line {now_read.location.line} would not read as expected")
    _check_comments(one.facts, other.facts, moves)
    _check_findings(now.verdicts, chosen, old, after.verdicts, new, settings)


def _without_comments(facts: Collection[Fact]) -> list[ImageUse | RunUser | Problem]:
    return [fact for fact in facts if not isinstance(fact, Comment)]


def _is_as_expected(
    before: ImageUse | RunUser | Problem, after: ImageUse | RunUser | Problem, wanted: str, moves: _Moves
) -> bool:
    """Return whether a fact reads as before, at the same place, or with another reference or user if one is wanted."""
    if (_where(before), _read(before, wanted)) != (_where(after), _read(after, "")):
        return False
    if not wanted and _is_built(before) != _is_built(after):
        # Whether an image with a new name is built depends on the name.
        return False
    if wanted:
        # Another name may be one that a kustomization changes.
        return not (isinstance(before, ImageUse) and isinstance(after, ImageUse)) or before.rewrite == after.rewrite
    starts, ends = moves.places(before.span[0]), moves.places(before.span[1])
    return (not starts or after.span[0] in starts) and (not ends or after.span[1] in ends)


def _is_built(fact: ImageUse | RunUser | Problem) -> tuple[bool, bool]:
    return (fact.built, fact.built_or_pulled) if isinstance(fact, ImageUse) else (False, False)


def _where(fact: ImageUse | RunUser | Problem) -> str:
    return "" if isinstance(fact, Problem) else fact.where


def _read(fact: ImageUse | RunUser | Problem, wanted: str) -> tuple[object, ...]:
    """Return what a fact says, with another reference or user if one is wanted."""
    if isinstance(fact, ImageUse):
        reference = _complete(wanted) if wanted else str(fact.reference) if fact.reference else None
        problem = fact.problem and (fact.problem.rule, fact.problem.message)
        return ImageUse, fact.place, fact.role, reference, fact.tag_known, problem
    if isinstance(fact, RunUser):
        return RunUser, fact.place, wanted or fact.user, fact.nonroot, fact.known, fact.explicit
    return Problem, fact.rule, fact.message


def _complete(reference: str) -> str:
    """Return a reference with all that its short form leaves out."""
    try:
        return str(parse(reference))
    except InvalidReference:
        return reference


def _check_comments(old: Iterable[Fact], new: Iterable[Fact], moves: _Moves) -> None:
    """Check that the comments which no edit changes are there as before, and no others besides what the edits leave of the rest."""
    left = iter([fact for fact in new if isinstance(fact, Comment)])
    changed = 0
    for comment in old:
        if not isinstance(comment, Comment):
            continue
        if moves.touch(comment.span):
            changed += 1
            continue
        places = moves.places(comment.span[0])
        while (other := next(left, None)) is not None and (other.span[0] not in places or other.text != comment.text):
            changed -= 1
        if other is None or changed < 0:
            break
    else:
        changed -= sum(1 for _ in left)
        if changed >= 0:
            return
    raise _NotAsExpected("a comment would not read as before")


def _check_findings(
    verdicts: Iterable[Verdict],
    chosen: Collection[Verdict],
    old: Sequence[Fact],
    after: Iterable[Verdict],
    new: Sequence[Fact],
    settings: Settings,
) -> None:
    """Check that the fixed findings are gone, and that no other is new, except those that a fixed one had covered.

    A comment that no longer silences anything is no fault of the fix, nor is a registry that does not answer a question about the new text.
    """
    numbers = {id(fact): number for number, fact in enumerate(old)}
    fixed = set(map(id, chosen))
    known: dict[tuple[str, int], int] = {}
    for verdict in verdicts:
        for key in _keys(verdict, numbers) if verdict.is_reported and id(verdict) not in fixed else ():
            known[key] = known.get(key, 0) + 1
    covered = {
        (rule, number)
        for verdict in chosen
        for _, number in _keys(verdict, numbers)
        for rule in settings.rules[verdict.finding.rule].covers
    }
    numbers = {id(fact): number for number, fact in enumerate(new)}
    for verdict in after:
        for key in _keys(verdict, numbers) if verdict.is_reported else ():
            known[key] = known.get(key, 0) - 1
            if known[key] < 0 and key not in covered and verdict.finding.rule != UNVERIFIED_IMAGE:
                raise _NotAsExpected(f"line {verdict.finding.location.line} would have a finding of {verdict.finding.rule}")


def _keys(verdict: Verdict, numbers: dict[int, int]) -> list[tuple[str, int]]:
    """Return rule and fact of a verdict, for each of its facts. Findings about comments are not about a fact."""
    return [(verdict.finding.rule, numbers[id(subject)]) for subject in verdict.subjects if id(subject) in numbers]
