"""The format `text`: findings for people, each with its source line. Every run imports it, so it imports little itself.

deploy/web.yaml:12:23: error latest-tag: message
   12 |         image: nginx:latest
      |                      ^^^^^^
  deploy/base.yaml:3:10: used here
"""

from __future__ import annotations

from imglint.formats._closing import BOLD, DIM, LEVELS, Tally, closing, headline, paint
from imglint.model import WHOLE
from imglint.printable import printable, printable_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Finding, Report, View

TERMINAL = VIEW = True
"""`write` takes `color`, `summary` and `view`."""

LINE_MAX = 120
"""Columns of a source line that are shown where the output is not a terminal. A longer line is cut to the part around the finding."""
LINE_MIN = 20
"""Columns of a source line that are shown on a narrow terminal."""
TAB = "    "
ELLIPSIS = "..."


def write(report: Report, out: TextIO, *, color: bool = False, summary: bool = True, view: View = WHOLE) -> None:
    """Write the findings with their source lines, then a summary. `color` enables the escape sequences of a terminal."""
    tally = Tally(view)
    for finding in report.findings:
        if tally.add(finding):
            out.write(_finding(finding, view.width, color))
    for finding, more in tally.unverified():
        out.write(_finding(finding, view.width, color, more))
    if summary:
        out.write(closing(report, tally, view.advice, color))


def _finding(finding: Finding, width: int, color: bool, more: int = 0) -> str:
    lines = [headline(finding, color, more)]
    if finding.line_text.strip():
        lines += _frame(finding, width, color)
    lines.extend([f"  {printable_line(use.path)}:{use.line}:{use.column}: used here" for use in finding.related])
    return "\n".join(lines) + "\n\n"


def _frame(finding: Finding, width: int, color: bool) -> list[str]:
    """Return the source line of a finding, and the line that marks the finding in it."""
    location, first = finding.location, finding.line_column
    end = location.end_column if location.end_line == location.line else first + len(finding.line_text)
    number = f"{location.line:>5} |"
    room = max(width - len(number) - 1, LINE_MIN) if width else LINE_MAX
    shown, indent, marked = excerpt(finding.line_text, location.column - first, end - first, room)
    marks = paint("^" * marked, LEVELS.get(finding.level, BOLD), color)
    return [f"{paint(number, DIM, color)} {shown}", f"{paint('|'.rjust(len(number)), DIM, color)} {' ' * indent}{marks}"]


def excerpt(line: str, start: int, end: int, room: int = LINE_MAX) -> tuple[str, int, int]:
    """Return the part of a line that fits into `room` columns, and the columns before and under the characters from start to end."""
    low, high = 0, len(line)
    start = min(start, high)
    end = min(max(start, end), high)
    if _width(_shown(line)) > room:
        low, high = _window(line, start, end, room - 2 * len(ELLIPSIS))
    before = (ELLIPSIS if low else "") + _shown(line[low:start])
    piece = _shown(line[start : min(end, high)])
    after = _shown(line[min(end, high) : high]) + (ELLIPSIS if high < len(line) else "")
    # Once more, because a command for a CI runner may begin in one part and end in another.
    return printable(before + piece + after), _width(before), max(_width(piece), 1)


def _window(line: str, start: int, end: int, room: int) -> tuple[int, int]:
    """Return the bounds of the part of a line that fits into `room` columns: from start to end, and as much as fits on both sides."""
    cut = _fitting(line, start, end, room)
    if cut < end:
        # The end of the marked text does not fit. What is before it shows where it is.
        cut = _fitting(line, start, end, room * 3 // 4)
    left = room - _width(_shown(line[start:cut]))
    low = _fitting(line, start, 0, left // 2)
    high = _fitting(line, cut, len(line), left - _width(_shown(line[low:start])))
    return _fitting(line, start, 0, left - _width(_shown(line[cut:high]))), high


def _fitting(line: str, start: int, end: int, room: int) -> int:
    """Return how far, from start towards end, the characters of a line fit into `room` columns."""
    step = 1 if end > start else -1
    at = start
    while at != end:
        room -= _width(_shown(line[min(at, at + step) : max(at, at + step)]))
        if room < 0:
            break
        at += step
    return at


def _shown(text: str) -> str:
    return printable(text.replace("\t", TAB))


def _width(text: str) -> int:
    """Return the terminal columns of text: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum([0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in text])
