"""The output formats: reports as expected, logs that are valid, and no injection from the contents of checked files.

A case is a folder of `fixtures/formats` with a `report.json`. To add one, write that file, run `IMGLINT_UPDATE=1 pytest tests/test_formats.py`, and
review the output that it writes.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from imglint.engine.fingerprint import line_hashes
from imglint.formats import concise, github, gitlab, sarif, text
from imglint.formats import json as json_format
from imglint.formats._common import from_root
from imglint.model import Edit, Finding, Fix, Report, Severity, SkippedFiles, View
from imglint.plugins.load import rules
from imglint.records import replace
from imglint.source import Location

ROOT = Path(__file__).parent.parent / "fixtures" / "formats"
CASES = sorted(path.parent.name for path in ROOT.glob("*/report.json"))
OUTPUTS = ["text.txt", "text-color.txt", "concise.txt", "json.json", "sarif.json", "github.txt", "gitlab.json"]

ANY_TEXT = st.text(st.characters(codec=None) | st.sampled_from("\x1b\r\n%:,\u202e\udce9\u2028[]()"), max_size=30)
ANY_PATH = st.binary(max_size=20).map(os.fsdecode)
ANY_LOCATION = st.builds(Location, ANY_PATH, st.just(1), st.integers(1, 9), st.integers(1, 2), st.integers(9, 20))
ANY_FIX = st.builds(
    Fix, ANY_TEXT, st.lists(st.builds(Edit, ANY_LOCATION, ANY_TEXT), min_size=1, max_size=2).map(tuple), st.booleans()
)
ODD_FINDINGS = st.builds(
    Finding,
    message=ANY_TEXT,
    location=ANY_LOCATION,
    text=ANY_TEXT,
    line_text=ANY_TEXT.map(lambda line: line.replace("\n", "")),
    rule=st.sampled_from(["latest-tag", "acme-rule"]),
    level=st.sampled_from([Severity.ERROR, Severity.WARNING, Severity.NOTE]),
    fingerprint=st.sampled_from(["", "a:1"]),
    fix=st.none() | ANY_FIX,
)
ODD_REPORTS = st.builds(Report, st.lists(ODD_FINDINGS, max_size=3).map(tuple), st.just(1), st.just(2))


@pytest.fixture(autouse=True)
def outside_of_any_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("case", CASES)
def test_reports(case: str, output: str) -> None:
    path = ROOT / case / output
    written = _written(_report(case), output)
    if os.environ.get("IMGLINT_UPDATE"):
        path.write_bytes(written.encode())
    assert written == path.read_bytes().decode()


@pytest.mark.parametrize("case", CASES)
def test_sarif_log_is_valid(case: str) -> None:
    _validator().validate(_sarif(_report(case)))


@pytest.mark.parametrize(
    ("safe", "unsafe", "line"),
    [
        (0, 0, ""),
        (1, 0, "1 finding can be fixed with `--fix`\n"),
        (2, 0, "2 findings can be fixed with `--fix`\n"),
        (0, 1, "1 finding can be fixed with `--fix --unsafe-fixes`\n"),
        (0, 2, "2 findings can be fixed with `--fix --unsafe-fixes`\n"),
        (1, 2, "1 finding can be fixed with `--fix`, and 2 more with `--fix --unsafe-fixes`\n"),
    ],
)
def test_closing_line_counts_the_findings_that_can_be_fixed(safe: int, unsafe: int, line: str) -> None:
    plain = _many([Severity.ERROR] * (safe + unsafe), lambda: "message").findings
    edit = Edit(Location("a", 1, 1, 1, 2), "b")
    fixes = [Fix("write b", (edit,), number < safe) for number in range(safe + unsafe)]
    findings = [replace(finding, fix=fix) for finding, fix in zip(plain, fixes, strict=True)]
    out, hidden = StringIO(), StringIO()
    concise.write(Report(tuple(findings), 1, 1), out)
    lines = out.getvalue().splitlines(keepends=True)
    assert "".join(lines[safe + unsafe : -1]) == line
    assert out.getvalue().count("latest-tag: [*] ") == safe
    assert out.getvalue().count("latest-tag: [*unsafe] ") == unsafe
    concise.write(Report(tuple(findings), 1, 1), hidden, view=View(lambda finding: False))
    assert "can be fixed" not in hidden.getvalue()


@settings(max_examples=25)
@given(ODD_REPORTS)
def test_sarif_log_with_odd_findings_is_valid(report: Report) -> None:
    log = _sarif(report)
    assert not list(_validator().iter_errors(log))
    assert len(log["runs"][0]["results"]) == len(report.findings)


def test_sarif_log_describes_every_rule_as_code_scanning_requires() -> None:
    driver = _sarif(_report("clean"))["runs"][0]["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == list(rules())
    for rule in driver["rules"]:
        assert re.fullmatch(r"([A-Z][a-z0-9]+)+", rule["name"])
        assert rule["shortDescription"]["text"].strip()
        assert rule["fullDescription"]["text"].strip()
        assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])
        assert rule["help"]["markdown"].strip()
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert rule["defaultConfiguration"]["enabled"] is bool(rules()[rule["id"]].level)
        assert rule["properties"]["precision"] == "very-high"
        severity = rule["properties"].get("security-severity")
        assert severity is None or (0 < float(severity) <= 10 and "security" in rule["properties"]["tags"])
    assert driver["semanticVersion"]


def test_sarif_uri_of_a_file_outside_the_repository(tmp_path: Path) -> None:
    finding = Finding("", Location("../b c.yaml", 1, 1, 1, 2), "a", "a", (), "latest-tag", Severity.ERROR)
    (result,) = _sarif(Report((finding,), 1, 1))["runs"][0]["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": f"file://{tmp_path.parent}/b%20c.yaml"}


def test_sarif_rule_index_of_results() -> None:
    run = _sarif(_report("usual"))["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_log_with_too_many_results_keeps_the_most_severe(capsys: pytest.CaptureFixture[str]) -> None:
    levels = [Severity.NOTE] * 10 + [Severity.ERROR] * sarif.RESULTS_MAX
    results = _sarif(_many(levels, lambda: "short"))["runs"][0]["results"]
    assert len(results) == sarif.RESULTS_MAX
    assert {result["level"] for result in results} == {"error"}
    assert "10 more are left out" in capsys.readouterr().err


def test_sarif_log_that_is_too_large_keeps_the_most_severe(capsys: pytest.CaptureFixture[str]) -> None:
    levels = [Severity.NOTE, Severity.ERROR] * 600
    out = StringIO()
    # Random hexadecimal digits compress to half their size.
    sarif.write(_many(levels, lambda: os.urandom(12_000).hex()), out)
    assert len(gzip.compress(out.getvalue().encode())) <= sarif.SIZE_MAX
    levels_kept = [result["level"] for result in json.loads(out.getvalue())["runs"][0]["results"]]
    assert levels_kept.count("error") == min(600, len(levels_kept))
    assert "left out" in capsys.readouterr().err


def test_sarif_log_within_the_limits_prints_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    _sarif(_report("usual"))
    assert capsys.readouterr().err == ""


@given(ODD_REPORTS)
def test_text_contains_no_terminal_escapes(report: Report) -> None:
    for write in (text.write, concise.write):
        out = StringIO()
        write(report, out)
        assert out.getvalue().replace("\n", "").isprintable()


@given(ODD_REPORTS)
def test_workflow_commands_cannot_be_injected(report: Report) -> None:
    out = StringIO()
    github.write(report, out)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(report.findings)
    for line in lines:
        assert line.isprintable()
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match is not None
        names = [field.partition("=")[0] for field in match[2].split(",")]
        assert [name for name in names if name != "endColumn"] == ["file", "line", "col", "endLine", "title"]


@given(ODD_REPORTS)
def test_json_formats_with_odd_findings_are_valid(report: Report) -> None:
    for write in (json_format.write, gitlab.write, sarif.write):
        out = StringIO()
        write(report, out)
        json.dumps(json.loads(out.getvalue()), ensure_ascii=False).encode()


def test_gitlab_fingerprint_of_a_finding_about_a_user_survives_a_new_version() -> None:
    def fingerprint(**changes: object) -> str:
        location = Location("Dockerfile", 1, 6, 1, 14)
        finding = Finding("no", location, "alpine:3", "FROM alpine:3", (), "root-user", Severity.ERROR)
        out = StringIO()
        gitlab.write(Report((replace(finding, **changes),), 1, 1), out)
        (found,) = json.loads(out.getvalue())
        return str(found["fingerprint"])

    one = fingerprint(fingerprint="a:1", known_by=("stage 0",))
    assert fingerprint(fingerprint="b:1", text="alpine:4", known_by=("stage 0", "stage 1")) == one
    others = [fingerprint(known_by=("stage 1",)), fingerprint(known_by=("stage 0",), rule="uid"), fingerprint(text="alpine:4")]
    assert len({one, *others}) == 4


@given(st.lists(ODD_FINDINGS, max_size=2), st.integers(2, 4))
def test_gitlab_fingerprints_are_unique(findings: list[Finding], times: int) -> None:
    out = StringIO()
    gitlab.write(Report(tuple(findings * times), 1, 1), out)
    fingerprints = [entry["fingerprint"] for entry in json.loads(out.getvalue())]
    assert len(set(fingerprints)) == len(findings) * times


@pytest.mark.parametrize(
    ("repositories", "current", "path", "expected"),
    [
        (["r"], "r", "a.yaml", "a.yaml"),
        (["r"], "r/sub", "a.yaml", "sub/a.yaml"),
        (["r"], "r/sub", "../a.yaml", "a.yaml"),
        (["r"], "r/sub", "./deep/../a.yaml", "sub/a.yaml"),
        (["r"], ".", "r/sub/a.yaml", "sub/a.yaml"),
        (["r", "r/sub"], "r", "sub/a.yaml", "sub/a.yaml"),
        (["r", "r/sub"], "r/sub", "a.yaml", "a.yaml"),
        (["r", "s"], "r", "../s/a.yaml", "a.yaml"),
        ([], "r", "sub/a.yaml", "sub/a.yaml"),
        ([], "r", "../s/a.yaml", None),
        ([], "r", "..a/b.yaml", "..a/b.yaml"),
    ],
)
def test_paths_are_relative_to_the_repository_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repositories: list[str], current: str, path: str, expected: str | None
) -> None:
    for folder in ("r/sub/deep", "s"):
        (tmp_path / folder).mkdir(parents=True)
    for repository in repositories:
        (tmp_path / repository / ".git").mkdir()
    monkeypatch.chdir(tmp_path / current)
    assert from_root(path) == expected
    assert from_root(str(tmp_path / current / path)) == expected


@pytest.mark.parametrize(
    ("content", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]),
    ],
)
def test_line_hashes_match_the_documented_ones(content: str, hashes: list[str]) -> None:
    assert line_hashes(content, range(1, 9)) == dict(enumerate(hashes, 1))


@given(
    st.text(st.sampled_from("ab \t\r\n\u00e9\U0001f433\ufeff\uffff"), max_size=300)
    | st.text(st.sampled_from("a\n"), min_size=100, max_size=400)
)
@example("x\n" * 300)
@example("same line\r\nsame line\r\n" * 20)
@example("\uffff\U0001f433")
def test_line_hashes_match_a_rolling_hash(content: str) -> None:
    expected = _rolling(content)
    assert line_hashes(content, expected) == expected
    assert line_hashes(content, []) == {}
    assert line_hashes(content, [2]) == {line: value for line, value in expected.items() if line == 2}


def _rolling(content: str) -> dict[int, str]:
    """Compute the hashes unit by unit, with a window of 100 that rolls over the file."""
    units = [int.from_bytes(pair, "little") for pair in zip(*[iter(content.encode("utf-16-le"))] * 2, strict=True)]
    kept: list[int] = []
    after_return = False
    for unit in units:
        if unit in (9, 32) or (after_return and unit == 10):
            after_return = False
            continue
        after_return = unit == 13
        kept.append(10 if unit == 13 else unit)
    kept.append(0xFFFF)
    starts = [0] + [place + 1 for place, unit in enumerate(kept) if unit == 10]
    window, value, counts, found = [0] * 100, 0, dict[int, int](), dict[int, str]()
    for place, unit in enumerate(kept + [0] * 100):
        if place >= 100 and place - 100 in starts:
            counts[value] = counts.get(value, 0) + 1
            found[starts.index(place - 100) + 1] = f"{value:x}:{counts[value]}"
        value = (value * 37 + unit - window[place % 100] * 37**100) % 2**64
        window[place % 100] = unit
    return found


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(json.loads((ROOT / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")))


def _sarif(report: Report) -> Any:
    out = StringIO()
    sarif.write(report, out)
    return json.loads(out.getvalue())


def _many(levels: list[Severity], message: Callable[[], str]) -> Report:
    findings = [
        Finding(message(), Location("a", line, 1, line, 2), "a", "a", (), "latest-tag", level)
        for line, level in enumerate(levels, 1)
    ]
    return Report(tuple(findings), 1, 1)


def _written(report: Report, output: str) -> str:
    name, color = output.partition(".")[0].removesuffix("-color"), "-color" in output
    out = StringIO()
    if name == "sarif":
        results = _sarif(report)["runs"][0]["results"]
        for result in results:
            result.pop("ruleIndex", None)
        return json.dumps(results, indent=1) + "\n"
    import_module(f"imglint.formats.{name}").write(report, out, **({"color": True} if color else {}))
    return out.getvalue()


def _report(case: str) -> Report:
    entry = json.loads((ROOT / case / "report.json").read_text(encoding="utf-8"))
    findings = tuple([_finding(finding) for finding in entry["findings"]])
    given = entry.get("skipped", {})
    skipped = SkippedFiles(given.get("files", 0), given.get("folders", 0), tuple(given.get("reasons", ())))
    return Report(findings, entry["files"], entry["places"], False, skipped, entry.get("incomplete", 0))


def _finding(entry: dict[str, Any]) -> Finding:
    return Finding(
        entry["message"],
        Location(*entry["at"]),
        entry["text"],
        entry["line"],
        tuple([Location(*location) for location in entry.get("related", ())]),
        entry["rule"],
        Severity[entry["level"].upper()],
        entry["fingerprint"],
        policy=entry.get("policy", ""),
        fix=_fix(**entry["fix"]) if "fix" in entry else None,
    )


def _fix(safe: bool, description: str, edits: list[Any]) -> Fix:
    return Fix(description, tuple([Edit(Location(*at), new) for at, new in edits]), safe)
