"""The format `json`: one object with all findings, each on a line of its own. The output is ASCII, so it is valid in every encoding."""

from __future__ import annotations

import json

from imglint.model import Severity
from imglint.plugins.load import imported, offline_rules
from imglint.printable import json_line, well_formed
from imglint.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Finding, Fix, Report
    from imglint.source import Location


def write(report: Report, out: TextIO) -> None:
    """Write the report as an object with imglint's `version`, the `findings` and a `summary`."""
    encode = json.JSONEncoder().encode
    levels = [finding.level for finding in report.findings]
    summary = {str(level): levels.count(level) for level in (Severity.ERROR, Severity.WARNING, Severity.NOTE)}
    skipped = report.skipped.files + report.skipped.folders
    summary |= {"files": report.files, "places": report.places, "skipped": skipped, "incomplete": report.incomplete}
    known = offline_rules()
    urls = {name: imported(known[name]).url for name in {finding.rule for finding in report.findings} if name in known}
    out.write(f'{{\n  "version": {encode(VERSION)},\n  "findings": [')
    separator = "\n    "
    for finding in report.findings:
        out.write(separator + json_line(encode(_finding(finding, urls))))
        separator = ",\n    "
    out.write("\n  ]" if report.findings else "]")
    out.write(f',\n  "summary": {encode(summary)}\n}}\n')


def _finding(finding: Finding, urls: dict[str, str | None]) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "level": str(finding.level),
        "message": well_formed(finding.full_message),
        **location_object(finding.location),
        "text": well_formed(finding.text),
        "related": [location_object(location) for location in finding.related],
        "url": urls.get(finding.rule),
        "fix": _fix(finding.fix) if finding.fix else None,
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = [location_object(edit.location) | {"text": well_formed(edit.text)} for edit in fix.edits]
    return {"safe": fix.safe, "description": well_formed(fix.description), "edits": edits}


def location_object(location: Location) -> dict[str, object]:
    """Return the JSON object of a location. Lines and columns count from 1, columns count code points, and the end is exclusive."""
    return {
        "path": well_formed(location.path),
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
    }
