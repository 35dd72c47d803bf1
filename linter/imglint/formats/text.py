"""The format `text`: findings for people, each with its source line. Every run imports it, so it imports little itself.

deploy/web.yaml:12:23: error latest-tag: message
   12 |         image: nginx:latest
      |                      ^^^^^^
  deploy/base.yaml:3:10: used here
"""

from __future__ import annotations

from imglint.model import Severity
from imglint.printable import counted, listed, printable, printable_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Finding, Report, SkippedFiles

TERMINAL = True
"""`write` takes `color` and `summary`."""

LINE_MAX = 120
"""Characters of a source line that are shown. A longer line is cut to the part around the finding."""
BEFORE_MAX = 40
"""Characters shown before a finding on a longer line."""
TAB = "    "
ELLIPSIS = "..."

_BOLD, _DIM = "1", "2"
_LEVELS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}


def write(report: Report, out: TextIO, *, color: bool = False, summary: bool = True) -> None:
    """Write the findings with their source lines, then a summary. `color` enables the escape sequences of a terminal."""
    counts: dict[Severity, int] = {}
    paths: set[str] = set()
    for finding in report.findings:
        counts[finding.level] = counts.get(finding.level, 0) + 1
        paths.add(finding.location.path)
        out.write(_finding(finding, color))
    if summary:
        out.write(_summary(report, counts, len(paths), color))


def _finding(finding: Finding, color: bool) -> str:
    location = finding.location
    level = _LEVELS.get(finding.level, _BOLD)
    head = _paint(f"{printable_line(location.path)}:{location.line}:{location.column}:", _BOLD, color)
    lines = [f"{head} {_paint(str(finding.level), level, color)} {finding.rule}: {printable(finding.full_message)}"]
    if finding.line_text.strip():
        first = finding.line_column
        end = location.end_column if location.end_line == location.line else first + len(finding.line_text)
        shown, indent, marked = excerpt(finding.line_text, location.column - first, end - first)
        lines.append(f"{_paint(f'{location.line:>5} |', _DIM, color)} {shown}")
        lines.append(f"{_paint('      |', _DIM, color)} {' ' * indent}{_paint('^' * marked, level, color)}")
    lines.extend([f"  {printable_line(use.path)}:{use.line}:{use.column}: used here" for use in finding.related])
    return "\n".join(lines) + "\n\n"


def excerpt(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the shown part of a line, and the terminal columns before and under the characters from start to end."""
    low = max(start - BEFORE_MAX, 0) if len(line) > LINE_MAX else 0
    high = min(low + LINE_MAX, len(line))
    before = (ELLIPSIS if low else "") + _shown(line[low:start])
    piece = _shown(line[start : min(end, high)])
    after = _shown(line[min(end, high) : high]) + (ELLIPSIS if high < len(line) else "")
    # Once more, because a command for a CI runner may begin in one part and end in another.
    return printable(before + piece + after), _width(before), max(_width(piece), 1)


def _shown(text: str) -> str:
    return printable(text.replace("\t", TAB))


def _width(text: str) -> int:
    """Return the terminal columns of text: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum([0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text])


def _summary(report: Report, counts: dict[Severity, int], flawed: int, color: bool) -> str:
    """Return the last line. `flawed` is the number of files that have findings."""
    more = "".join([f"; {part}" for part in (_incomplete(report.incomplete), _skipped(report.skipped)) if part])
    if not report.files and not report.findings:
        return f"Nothing was checked{more or ': all files are excluded or of an unknown kind'}.\n"
    totals = [_paint(counted(counts[level], str(level)), style, color) for level, style in _LEVELS.items() if level in counts]
    found = f"Found {listed(totals, 'and')}" if totals else "No findings"
    part = f"{flawed} of " if 0 < flawed < report.files else ""
    return f"{found} in {part}{counted(report.files, 'file')} ({counted(report.places, 'image')}){more}.\n"


def _incomplete(number: int) -> str:
    return f"{counted(number, 'file')} not read completely" if number else ""


def _skipped(skipped: SkippedFiles) -> str:
    numbers = [counted(number, noun) for number, noun in ((skipped.files, "file"), (skipped.folders, "folder")) if number]
    return f"{listed(numbers, 'and')} skipped: {', '.join(skipped.reasons)}" if numbers else ""


def _paint(text: str, style: str, color: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if color else text
