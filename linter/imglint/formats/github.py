"""The format `github`: workflow commands, which GitHub Actions shows as annotations.

Each command is one line of the log. Text from a file must not end the line or a value, so characters that are not printable are written as escapes,
and `%`, `:` and `,` as the escapes of workflow commands.
"""

from __future__ import annotations

from imglint.formats._common import from_root, one_line_end
from imglint.model import Severity
from imglint.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Finding, Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def write(report: Report, out: TextIO) -> None:
    """Write a workflow command for each finding."""
    for finding in report.findings:
        out.write(_command(finding))


def _command(finding: Finding) -> str:
    location, end = finding.location, one_line_end(finding)
    path, line = from_root(location.path) or location.path, location.line
    properties = {"file": path, "line": line, "col": location.column, "endLine": line}
    if end is not None:
        properties["endColumn"] = end
    properties["title"] = f"imglint {finding.rule}"
    written = ",".join([f"{name}={_property(str(value))}" for name, value in properties.items()])
    uses = "".join([f" (used at {from_root(use.path) or use.path}:{use.line}:{use.column})" for use in finding.related])
    return f"::{_COMMANDS[finding.level]} {written}::{_message(finding.full_message + uses)}\n"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
