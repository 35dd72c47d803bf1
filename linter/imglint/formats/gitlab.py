"""The format `gitlab`: GitLab's Code Quality report, which merge requests show.

The fields are documented on docs.gitlab.com, "Code Quality report format".
"""

from __future__ import annotations

import json
from hashlib import sha256

from imglint.formats._common import from_root
from imglint.model import Severity
from imglint.printable import json_line, well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from imglint.model import Finding, Report

FINGERPRINTS = True
"""GitLab's fingerprints are computed from those of the findings."""

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def write(report: Report, out: TextIO) -> None:
    """Write the findings as a JSON array, one per line."""
    encode = json.JSONEncoder().encode
    seen: dict[str, int] = {}
    rows = [json_line(encode(_finding(finding, seen))) for finding in report.findings]
    out.write("[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n")


def _finding(finding: Finding, seen: dict[str, int]) -> dict[str, object]:
    path = well_formed(from_root(finding.location.path) or finding.location.path)
    return {
        "description": well_formed(finding.full_message),
        "check_name": finding.rule,
        "fingerprint": _fingerprint(finding, path, seen),
        "severity": _SEVERITIES[finding.level],
        "location": {"path": path, "lines": {"begin": finding.location.line, "end": finding.location.end_line}},
    }


def _fingerprint(finding: Finding, path: str, seen: dict[str, int]) -> str:
    """Return a fingerprint that survives line shifts and, for a finding about a user, a new version of the image.

    Findings with the same one are numbered, because GitLab requires unique fingerprints.
    """
    key = "\0".join((finding.rule, path, *(finding.known_by[:1] or (finding.fingerprint, finding.text))))
    seen[key] = seen.get(key, 0) + 1
    return sha256(f"{key}\0{seen[key]}".encode("utf-8", "backslashreplace")).hexdigest()
