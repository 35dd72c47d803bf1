"""The format `sarif`: SARIF 2.1.0, for GitHub code scanning and similar services.

GitHub's requirements beyond the standard are on docs.github.com, "SARIF support for code scanning".
"""

from __future__ import annotations

import json
import os
import re
import zlib
from functools import cache
from urllib.parse import quote

import sarif_om

from imglint.formats._common import from_root, one_line_end
from imglint.model import Severity
from imglint.output import warn
from imglint.plugins.load import PROJECT, rules
from imglint.printable import json_line, well_formed
from imglint.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, TextIO

    from imglint.model import Edit, Finding, Fix, Report
    from imglint.plugins.load import Rule
    from imglint.source import Location

FINGERPRINTS = True
"""The log contains the fingerprints of the findings."""

RESULTS_MAX = 25_000
"""GitHub's limit of results per run."""
SIZE_MAX = 10_000_000
"""GitHub's limit of bytes per file, compressed with gzip."""
RELATED_MAX = 100
"""GitHub's limit of locations shown per result."""

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}


def write(report: Report, out: TextIO) -> None:
    """Write the report as a log with one run. If it exceeds GitHub's limits, keep the most severe findings and print a warning."""
    findings = _most_severe(report.findings, RESULTS_MAX)
    text = _log(findings)
    while (size := _compressed(text)) > SIZE_MAX and findings:
        findings = _most_severe(findings, min(len(findings) - 1, len(findings) * SIZE_MAX * 9 // (size * 10)))
        text = _log(findings)
    left_out = len(report.findings) - len(findings)
    if left_out:
        warn(
            f"imglint: the SARIF log contains the {len(findings)} most severe findings; {left_out} more are left out because of GitHub's"
            f" limits of {RESULTS_MAX} results and {SIZE_MAX // 1_000_000} MB compressed"
        )
    out.write(text)


def _most_severe(findings: Collection[Finding], limit: int) -> Collection[Finding]:
    """Return at most `limit` findings, the most severe ones, in their original order."""
    if len(findings) <= limit:
        return findings
    numbered = sorted(enumerate(findings), key=lambda entry: -entry[1].level)[:limit]
    return [finding for _, finding in sorted(numbered, key=lambda entry: entry[0])]


def _compressed(text: str) -> int:
    """Return the size of text in bytes, compressed unless it is within SIZE_MAX anyway. Text is ASCII."""
    return len(text) if len(text) <= SIZE_MAX else len(zlib.compress(text.encode(), wbits=31))


def _log(findings: Collection[Finding]) -> str:
    known = rules()
    indexes = {name: index for index, name in enumerate(known)}
    driver = sarif_om.ToolComponent(
        name="imglint",
        version=VERSION,
        semantic_version=VERSION,
        information_uri=PROJECT,
        rules=[_rule(rule) for rule in known.values()],
    )
    run = sarif_om.Run(
        tool=sarif_om.Tool(driver=driver),
        column_kind="unicodeCodePoints",
        results=[],
    )
    log = sarif_om.SarifLog(version="2.1.0", schema_uri=SCHEMA, runs=[run])
    # Each result is encoded at once: the objects of ten thousand would take more memory than the rest of the run.
    results = ",".join([_encoded(_result(finding, indexes)) for finding in findings])
    return _encoded(log).replace('"results":[]', f'"results":[{results}]', 1) + "\n"


def _encoded(value: object) -> str:
    return json_line(json.dumps(_plain(value), separators=(",", ":")))


def _rule(rule: Rule) -> object:
    security = {} if rule.security is None else {"security-severity": rule.security}
    tags = rule.tags if rule.security is None or "security" in rule.tags else ("security", *rule.tags)
    level = rule.level or Severity.WARNING
    return sarif_om.ReportingDescriptor(
        id=rule.id,
        name="".join(word.capitalize() for word in rule.id.split("-")),
        short_description=_text(rule.summary),
        full_description=_text(_description(rule.doc)),
        help=sarif_om.MultiformatMessageString(text=rule.doc, markdown=rule.doc),
        help_uri=rule.url,
        default_configuration=sarif_om.ReportingConfiguration(enabled=bool(rule.level), level=str(level)),
        properties={"tags": list(tags), "precision": "very-high", "problem.severity": _PROBLEM[level], **security},
    )


def _description(doc: str) -> str:
    """Return the paragraph after the summary, which explains why the rule matters; the summary if there is no other."""
    paragraphs = [paragraph for paragraph in doc.split("\n\n") if paragraph.strip()]
    return " ".join(paragraphs[min(1, len(paragraphs) - 1)].split())


def _text(text: str) -> object:
    return sarif_om.MultiformatMessageString(text=text)


def _result(finding: Finding, indexes: dict[str, int]) -> object:
    fingerprints = {"primaryLocationLineHash": finding.fingerprint} if finding.fingerprint else None
    related = [
        _location(location, location.end_column, number) for number, location in enumerate(finding.related[:RELATED_MAX], 1)
    ]
    return sarif_om.Result(
        rule_id=finding.rule,
        rule_index=indexes.get(finding.rule, -1),
        level=str(finding.level),
        message=sarif_om.Message(text=_message(finding.full_message)),
        locations=[_location(finding.location, one_line_end(finding))],
        related_locations=related or None,
        partial_fingerprints=fingerprints,
        fixes=[_fix(finding.fix)] if finding.fix else None,
    )


def _fix(fix: Fix) -> object:
    """Return a fix. SARIF has no term for one that is not safe, so the description says it, which viewers show, and a property."""
    paths: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        paths.setdefault(edit.location.path, []).append(edit)
    changes = [
        sarif_om.ArtifactChange(artifact_location=_artifact(path), replacements=[_replacement(edit) for edit in edits])
        for path, edits in paths.items()
    ]
    text = _message(fix.description if fix.safe else f"{fix.description} (unsafe: review the change)")
    return sarif_om.Fix(description=sarif_om.Message(text=text), artifact_changes=changes, properties={"safe": fix.safe})


def _replacement(edit: Edit) -> object:
    """Return the replacement of a region. The end is always given: without one, the region is the rest of the line, not empty."""
    location = edit.location
    region = sarif_om.Region(
        start_line=location.line, start_column=location.column, end_line=location.end_line, end_column=location.end_column
    )
    return sarif_om.Replacement(
        deleted_region=region, inserted_content=sarif_om.ArtifactContent(text=well_formed(edit.text)) if edit.text else None
    )


def _message(text: str) -> str:
    """Return a message with brackets escaped, so that text from a file cannot form an embedded link (SARIF 2.1.0, section 3.11.6)."""
    text = well_formed(text)
    return re.sub(r"[\\[\]]", r"\\\g<0>", text) if "](" in text else text


def _location(location: Location, end: int | None, number: int = -1) -> object:
    line = location.line
    region = sarif_om.Region(
        start_line=line, start_column=location.column, end_line=None if end is None else line, end_column=end
    )
    physical = sarif_om.PhysicalLocation(artifact_location=_artifact(location.path), region=region)
    message = sarif_om.Message(text="used here") if number > 0 else None
    return sarif_om.Location(id=number, physical_location=physical, message=message)


def _artifact(path: str) -> object:
    """Return the location of a file: a URI relative to the repository root, percent-encoded from the bytes of its name."""
    relative = from_root(path)
    if relative is None:
        return sarif_om.ArtifactLocation(uri="file://" + quote(os.fsencode(os.path.abspath(path))))
    return sarif_om.ArtifactLocation(uri=quote(os.fsencode(relative)), uri_base_id="%SRCROOT%")


def _plain(value: Any) -> Any:
    """Return a sarif_om object as JSON, as the metadata of its attributes describe. Leave out None and -1, which mean absent."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    properties = _properties(value.__class__.__name__)
    if properties is None:
        return value
    plain = {}
    for attribute, name in properties:
        item = getattr(value, attribute)
        if item is not None and item != -1:
            plain[name] = _plain(item)
    return plain


@cache
def _properties(kind: str) -> list[tuple[str, str]] | None:
    """Return the attribute names of a sarif_om class in Python and in SARIF; None for any other class."""
    attributes = getattr(getattr(sarif_om, kind, None), "__attrs_attrs__", None)
    if attributes is None:
        return None
    return [(attribute.name, attribute.metadata["schema_property_name"]) for attribute in attributes]
