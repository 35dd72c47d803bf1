"""The format `concise`: findings for people, one line for each."""

from __future__ import annotations

from imglint.formats._closing import Tally, closing, headline
from imglint.model import WHOLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Report, View

TERMINAL = VIEW = True
"""`write` takes `color`, `summary` and `view`."""


def write(report: Report, out: TextIO, *, color: bool = False, summary: bool = True, view: View = WHOLE) -> None:
    """Write a line for each finding, then a summary. `color` enables the escape sequences of a terminal."""
    tally = Tally(view)
    for finding in report.findings:
        if tally.add(finding):
            out.write(f"{headline(finding, color)}\n")
    for finding, more in tally.unverified():
        out.write(f"{headline(finding, color, more)}\n")
    if summary:
        out.write(closing(report, tally, view.advice, color))
