"""SARIF logs pass Microsoft's validator, with the rules of the standard and those of GitHub Advanced Security."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

DEMO = Path(__file__).parent.parent / "fixtures" / "demo"
BAD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - {name: web, image: web:latest}\n"
GOOD = "FROM docker.io/library/alpine:3.20.1\nUSER 1001\n"

ACCEPTED = {
    "SARIF2002": "messages are written out: most occur once, so a table of messages would save nothing",
    "SARIF2003": "the uploader adds the commit; imglint does not run Git",
    "SARIF2006": "the validator may have no network access",
    "SARIF2009": "rules have readable names, not numbers",
    "SARIF2010": "viewers of code scanning have the code",
    "SARIF2011": "viewers of code scanning have the code",
}
"""Notes of the validator that are accepted, with the reason. Warnings and errors are not."""

TREES: dict[str, dict[bytes, str]] = {
    "findings": {b"web.yaml": BAD, b"Dockerfile": "FROM web\n", b"broken.dockerfile": "RUN x\n"},
    "a clean run": {b"Dockerfile": GOOD},
    "nothing to read": {b"README.md": ""},
    "related locations": {b"Dockerfile": "ARG BASE=web:latest\nFROM ${BASE}\n"},
    "fixes": {
        b".imglint.yaml": "images:\n  - {match: docker.io/acme/*, approved: false, use-instead: ghcr.io/acme/*}\n  - {match: '**'}\n",
        b"web.yaml": BAD,
        b"compose.yaml": "services:\n  api: {image: acme/api:v1}\n  db: {image: 'postgres:17'}\n",
        b"charts/api/Chart.yaml": "name: api\n",
        b"charts/api/values.yaml": "image:\n  registry: docker.io\n  repository: acme/api\n  tag: v1\n",
    },
    "names that a URI has to escape": dict.fromkeys(
        [
            b"a b/c%20d.yaml",
            "é/日本.yaml".encode(),
            b"q?x=1#y/[z].yaml",
            b"semi;colon:1.yaml",
            b"back\\slash.yaml",
            b"'\"<&>.yaml",
        ],
        BAD,
    ),
    "control characters in names and tags": {
        b"line\nbreak.yaml": BAD,
        b"esc\x1b[31m.yaml": BAD,
        b"Dockerfile": "FROM web:\x1b[31mred\n",
    },
    "a file name that is not UTF-8": {b"\xff.yaml": BAD},
    "text that looks like a link": {b"Dockerfile": "FROM [a](b)\n"},
    "characters beyond the basic plane": {"😀.yaml".encode(): BAD.replace("name: web", "name: 😀")},
    "the demo": {
        os.fsencode(path.relative_to(DEMO)): path.read_text(encoding="utf-8")
        for path in sorted(DEMO.rglob("*"))
        if path.is_file()
    },
}
EMPTY = '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]}'
"""An incomplete log."""


@pytest.fixture(scope="module")
def results(peers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Return the validator's results for the log of each tree, and for the incomplete one. It starts slowly, so it runs once for all logs."""
    logs = tmp_path_factory.mktemp("logs")
    (logs / "empty.sarif").write_text(EMPTY)
    for tree, files in TREES.items():
        checkout = tmp_path_factory.mktemp("tree")
        for name, text in files.items():
            path = Path(os.fsdecode(os.fsencode(checkout) + b"/" + name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        command = [Path(sys.executable).parent / "imglint", "--format", "sarif", "--output", logs / f"{tree}.sarif"]
        subprocess.run([str(word) for word in command], cwd=checkout, check=False, capture_output=True)
    found = _validated(peers, logs)
    return {name: [result for result in found if _log_of(result) == name] for name in (*TREES, "empty")}


@pytest.mark.parametrize("tree", TREES)
def test_log_passes_the_validator(tree: str, results: dict[str, list[dict[str, Any]]]) -> None:
    assert [result for result in results[tree] if result.get("level", "warning") != "note"] == []
    # Every log has a note, which shows that the validator read it.
    notes = {result["ruleId"] for result in results[tree]}
    assert notes
    assert notes <= ACCEPTED.keys()


def test_validator_reports_an_incomplete_log(results: dict[str, list[dict[str, Any]]]) -> None:
    # Without this, the other tests could pass because the validator does not work.
    assert {"GH1018", "SARIF2005"} <= {result["ruleId"] for result in results["empty"]}


def _validated(peers: Path, logs: Path) -> list[dict[str, Any]]:
    """Return the validator's results for the logs in a folder. Its exit status is always 0, so its own log is read."""
    answer = logs / "answer.json"
    tool = peers / "@microsoft" / f"sarif-multitool-{sys.platform}" / "Sarif.Multitool"
    call = [str(tool), "validate", f"{logs}/*.sarif", "--rule-kind", "Sarif;GHAS", "--output", str(answer)]
    levels = ["--log", "ForceOverwrite", "--level", "Error;Warning;Note"]
    # With this, the validator needs no ICU library, which small machines do not have.
    given = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    subprocess.run([*call, *levels], check=True, capture_output=True, env=given)
    run = json.loads(answer.read_text(encoding="utf-8-sig"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"]
    results: list[dict[str, Any]] = run["results"]
    return results


def _log_of(result: dict[str, Any]) -> str:
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return unquote(uri).rpartition("/")[2].removesuffix(".sarif")
