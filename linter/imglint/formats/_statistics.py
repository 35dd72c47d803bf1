"""The numbers of findings by rule, which `--statistics` prints in place of the findings."""

from __future__ import annotations

from imglint.formats._closing import LEVELS, Tally, closing, paint
from imglint.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Report, View


def write(report: Report, out: TextIO, *, color: bool, summary: bool, view: View) -> None:
    """Write a line for each level and rule, the highest level and the most findings first, then a summary."""
    tally = Tally(view)
    for finding in report.findings:
        tally.add(finding)
    rows = sorted(tally.shown.items(), key=lambda row: (-row[0][0], -row[1], row[0][1]))
    width = max([len(str(number)) for _, number in rows], default=0)
    for (level, rule), number in rows:
        name = str(level)
        space = " " * (len("warning") - len(name) + 2)
        out.write(f"{number:>{width}}  {paint(name, LEVELS[level], color)}{space}{printable(rule)}\n")
    if summary:
        out.write(closing(report, tally, view.advice, color))
