"""The baseline: a file of known findings, which are not reported.

A finding is known if its rule, its file (relative to the baseline's folder), its text and its line without indentation are those of an entry, so a
baseline survives line shifts. An entry covers as many equal findings as its count.

A finding about a user is known by the stage, service or container instead, because its text and line often are those of the image, and change with
every new version. If it is about several containers, each has an entry, and one that fits is enough. Version 1 of the format had text and line for
these findings too, which still count.
"""

from __future__ import annotations

import json
import os
from collections import Counter

from imglint.errors import UsageError
from imglint.model import INTERNAL_ERROR, UNREAD_FILE, UNSILENCEABLE, UNVERIFIED_IMAGE
from imglint.output import encoded, write_whole
from imglint.printable import well_formed
from imglint.records import replace
from imglint.source import UnreadFile, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from imglint.model import Finding, Report

VERSION = 2
READ_VERSIONS = (1, VERSION)
NEVER_KNOWN = frozenset((INTERNAL_ERROR, UNREAD_FILE, UNVERIFIED_IMAGE))
"""Rules that no baseline silences, because the file or the image was not checked."""

_FIELDS = ("rule", "path", "text", "line")
_FIELDS_OF_USER = ("rule", "path", "user")
_Key = tuple[str, ...]


def write_baseline(path: str, report: Report) -> int:
    """Write the findings of a report to a baseline, and return their number.

    Raises UsageError if the file cannot be written.
    """
    counts = Counter([key for finding in report.findings if finding.rule not in NEVER_KNOWN for key in _keys(finding, path)])
    entries = [{**dict(zip(_fields(key), key, strict=True)), "count": count} for key, count in sorted(counts.items())]
    lines = ",\n".join(["    " + json.dumps(entry) for entry in entries])
    write_whole(path, [encoded(f'{{\n  "version": {VERSION},\n  "findings": [\n{lines}\n  ]\n}}\n')])
    return counts.total()


def read_baseline(path: str) -> Mapping[_Key, int]:
    """Return the number of findings in a baseline by key.

    Raises UsageError, with line and column, if the file is not a valid baseline.
    """
    try:
        text = read_text(path)
        content = json.loads(text)
    except UnreadFile as error:
        raise UsageError(f"{path}: cannot read baseline: {error.reason}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}; {_ADVICE}") from None
    except RecursionError:
        raise UsageError(f"{path}:1:1: nested too deeply; {_ADVICE}") from None
    if (
        not isinstance(content, dict)
        or content.get("version") not in READ_VERSIONS
        or not isinstance(content.get("findings"), list)
    ):
        raise UsageError(f'{path}:1:1: expected an object with "version": {VERSION} and a list of "findings"; {_ADVICE}')
    counts: Counter[_Key] = Counter()
    for entry in content["findings"]:
        key = _entry_key(entry)
        if key is None:
            # imglint writes each entry on a line of its own. In a reformatted file the entry is not found, and line 1 is reported.
            line = text.count("\n", 0, max(text.find(json.dumps(entry)), 0)) + 1
            expected = f"the strings {', '.join(_FIELDS)}, or {', '.join(_FIELDS_OF_USER)}, and a positive count"
            raise UsageError(f"{path}:{line}:1: expected {expected}, found {json.dumps(entry)[:80]}; {_ADVICE}")
        counts[key] += entry["count"]
    return counts


_ADVICE = "write the baseline again with --write-baseline"


def without_known(
    report: Report, known: Mapping[_Key, int], path: str, checked: Sequence[str], not_run: Collection[str] = ()
) -> tuple[Report, int]:
    """Return the report without the findings in the baseline at `path`, and the number of findings in the baseline that no longer occur.

    Findings that may still occur are not counted: those in files outside the checked paths, those of rules that did not run, and those in files with
    an image that a registry could not be asked about. A file with a known syntax error, and no new one, counts as incomplete.
    """
    left = Counter(known)
    new: list[Finding] = []
    partly_read: set[str] = set()
    unverified: set[str] = set()
    for finding in report.findings:
        found = [] if finding.rule in NEVER_KNOWN else _found(finding, path, left)
        left.subtract(found)
        if finding.rule == UNVERIFIED_IMAGE:
            unverified.add(os.path.abspath(finding.location.path))
        if not found:
            new.append(finding)
        elif finding.rule in UNSILENCEABLE:
            partly_read.add(finding.location.path)
    partly_read.difference_update([finding.location.path for finding in new if finding.rule in UNSILENCEABLE])
    folder, roots = os.path.dirname(path), [os.path.abspath(root) for root in checked]
    files = {key: os.path.abspath(os.path.join(folder, key[1])) for key, count in left.items() if count}
    gone = [key for key, file in files.items() if _lies_in(file, roots) and key[0] not in not_run and file not in unverified]
    without = replace(report, findings=tuple(new), incomplete=report.incomplete + len(partly_read))
    return without, sum([left[key] for key in gone])


def _lies_in(path: str, roots: list[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _found(finding: Finding, baseline: str, left: Mapping[_Key, int]) -> list[_Key]:
    """Return the keys of a finding that are left in a baseline; for one about a user, that of version 1 if there is no other."""
    found = [key for key in _keys(finding, baseline) if left[key] > 0]
    if found or not finding.known_by:
        return found
    old = _key(finding, baseline)
    return [old] if left[old] > 0 else []


def _keys(finding: Finding, baseline: str) -> list[_Key]:
    """Return the keys that a baseline has for a finding: one, or for a finding about users one for each."""
    if not finding.known_by:
        return [_key(finding, baseline)]
    rule, path, *_ = _key(finding, baseline)
    return [(rule, path, well_formed(name)) for name in finding.known_by]


def _key(finding: Finding, baseline: str) -> _Key:
    """Return the key of a finding with its text and line."""
    relative = os.path.relpath(finding.location.path, os.path.dirname(baseline) or ".")
    return (
        finding.rule,
        well_formed(relative.replace(os.sep, "/")),
        well_formed(finding.text),
        well_formed(finding.line_text.strip()),
    )


def _fields(key: _Key) -> tuple[str, ...]:
    return _FIELDS if len(key) == len(_FIELDS) else _FIELDS_OF_USER


def _entry_key(entry: object) -> _Key | None:
    if not isinstance(entry, dict):
        return None
    key, count = [entry.get(field) for field in (_FIELDS_OF_USER if "user" in entry else _FIELDS)], entry.get("count")
    texts = tuple([value for value in key if isinstance(value, str)])
    return texts if len(texts) == len(key) and isinstance(count, int) and count > 0 else None
