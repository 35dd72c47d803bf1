"""Helpers for the formats for people: the first line of a finding, and the lines that end a report. Every run imports this, so it imports little."""

from __future__ import annotations

from imglint.model import UNVERIFIED_IMAGE, Severity
from imglint.printable import counted, listed, printable, printable_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Finding, Report, SkippedFiles, View

BOLD, DIM = "1", "2"
LEVELS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
"""The style of each level, in the order in which levels are counted."""
SAFE, UNSAFE = "[*]", "[*unsafe]"
"""The marks of findings with a fix."""


class Tally:
    """Counts the findings of a report while a format writes them. `safe` and `unsafe` count those that the options for fixes would fix.

    `add` holds back findings of unverified-image: the format writes those from `unverified` after all others.
    """

    __slots__ = ("_unverified", "fixes", "hidden", "paths", "safe", "shown", "shows", "unsafe")

    def __init__(self, view: View) -> None:
        self.shows, self.fixes = view.shows, view.fixes
        self.shown: dict[tuple[Severity, str], int] = {}
        self.hidden: dict[tuple[Severity, str], int] = {}
        self.paths: set[str] = set()
        self.safe = self.unsafe = 0
        self._unverified: dict[tuple[Severity, str], tuple[Finding, int]] = {}

    def add(self, finding: Finding) -> bool:
        """Count a finding, and return whether to write it now."""
        shows = self.shows(finding)
        counts, key = self.shown if shows else self.hidden, (finding.level, finding.rule)
        counts[key] = counts.get(key, 0) + 1
        self.paths.add(finding.location.path)
        if finding.fix is not None and shows and self.fixes(finding):
            self.safe += finding.fix.safe
            self.unsafe += not finding.fix.safe
        if shows and finding.rule == UNVERIFIED_IMAGE:
            same = finding.level, finding.full_message
            first, more = self._unverified.get(same, (finding, -1))
            self._unverified[same] = first, more + 1
            return False
        return shows

    def unverified(self) -> Iterator[tuple[Finding, int]]:
        """Yield the first finding for each registry and reason, and the number of other places with the same."""
        yield from self._unverified.values()


def headline(finding: Finding, color: bool, more: int = 0) -> str:
    """Return the location, level, rule and message of a finding in one line, without its end. `more` is the number of other places it stands for."""
    location = finding.location
    head = paint(f"{printable_line(location.path)}:{location.line}:{location.column}:", BOLD, color)
    level = paint(str(finding.level), LEVELS.get(finding.level, BOLD), color)
    mark = "" if finding.fix is None else f"{SAFE if finding.fix.safe else UNSAFE} "
    others = f" (and {counted(more, 'more place')})" if more else ""
    return f"{head} {level} {finding.rule}: {mark}{printable(finding.full_message)}{others}"


def closing(report: Report, tally: Tally, advice: str, color: bool) -> str:
    """Return the lines that end a report: the findings that can be fixed or are not shown, advice if there are findings, and the summary."""
    lines = [_fixable(tally.safe, tally.unsafe)] if tally.safe or tally.unsafe else []
    if tally.hidden:
        lines.append(_not_shown(tally.hidden))
    if advice and tally.paths:
        lines.append(advice)
    return "".join([f"{line}\n" for line in [*lines, _summary(report, tally, color)]])


def _fixable(safe: int, unsafe: int) -> str:
    """Return how many findings can be fixed, by the option that fixes them."""
    if not safe:
        return f"{counted(unsafe, 'finding')} can be fixed with `--fix --unsafe-fixes`"
    more = f", and {unsafe} more with `--fix --unsafe-fixes`" if unsafe else ""
    return f"{counted(safe, 'finding')} can be fixed with `--fix`{more}"


def _summary(report: Report, tally: Tally, color: bool) -> str:
    more = "".join([f"; {part}" for part in (_incomplete(report.incomplete), _skipped(report.skipped)) if part])
    if not report.files and not tally.paths:
        return f"Nothing was checked{more or ': all files are excluded or of an unknown kind'}."
    totals = _by_level([*tally.shown.items(), *tally.hidden.items()])
    found = f"Found {listed([paint(text, LEVELS[level], color) for level, text in totals], 'and')}" if totals else "No findings"
    part = f"{len(tally.paths)} of " if 0 < len(tally.paths) < report.files else ""
    return f"{found} in {part}{counted(report.files, 'file')} ({counted(report.places, 'image')}){more}."


def _by_level(counts: list[tuple[tuple[Severity, str], int]]) -> list[tuple[Severity, str]]:
    """Return the levels of findings, given as level, rule and number, with how many there are of each: `2 errors`."""
    totals = [(level, sum([number for (other, _), number in counts if other == level])) for level in LEVELS]
    return [(level, counted(total, str(level))) for level, total in totals if total]


def _not_shown(hidden: dict[tuple[Severity, str], int]) -> str:
    """Return how many findings are not shown, by level and by rule, and the option that shows them."""
    what = listed([text for _, text in _by_level([*hidden.items()])], "and")
    rules: dict[str, int] = {}
    for (_, rule), number in hidden.items():
        rules[rule] = rules.get(rule, 0) + number
    listing = ", ".join([f"{number} {rule}" for rule, number in sorted(rules.items(), key=lambda entry: (-entry[1], entry[0]))])
    lowest = min([level for level, _ in hidden])
    return f"{what} not shown: {listing} (show with `--min-level {lowest}`)"


def _incomplete(number: int) -> str:
    return f"{counted(number, 'file')} not read completely" if number else ""


def _skipped(skipped: SkippedFiles) -> str:
    numbers = [counted(number, noun) for number, noun in ((skipped.files, "file"), (skipped.folders, "folder")) if number]
    return f"{listed(numbers, 'and')} skipped: {', '.join(skipped.reasons)}" if numbers else ""


def paint(text: str, style: str, color: bool) -> str:
    """Return text in a style of a terminal, if it has color."""
    return f"\x1b[{style}m{text}\x1b[0m" if color else text
