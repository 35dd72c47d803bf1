"""A baseline silences what was there when it was written, and nothing else, wherever lines move to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Imglint

BAD = "FROM quay.io/acme/web:latest\nUSER 1001\n"
CLEAN = "No findings in 1 file (1 image).\n"


@pytest.fixture
def tree(tmp_path: Path, imglint: Imglint) -> Path:
    """Return a folder with a Dockerfile, the one finding of which is in the baseline b.json."""
    (tmp_path / "Dockerfile").write_text(BAD)
    assert imglint("--write-baseline", "b.json") == (0, CLEAN, "")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [BAD, f"# A comment.\n\n{BAD}", BAD.replace("\n", "\r\n"), f"{BAD}ENV A=1\n", BAD.replace("FROM", "  FROM")],
    ids=["as it was", "lines above", "other line ends", "lines below", "indented"],
)
def test_what_is_known_is_silent_wherever_it_moves(tree: Path, imglint: Imglint, text: str) -> None:
    (tree / "Dockerfile").write_text(text, newline="")
    assert imglint("--baseline", "b.json") == (0, CLEAN, "")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("Dockerfile", BAD.replace("web", "api"), "Dockerfile:1:23"),
        ("Dockerfile", f"FROM quay.io/acme/api:latest AS api\n{BAD}", "Dockerfile:1:23"),
        ("Dockerfile", BAD + BAD, "Dockerfile:3:23"),
        ("Dockerfile", BAD.replace("1001", "root"), "Dockerfile:2:6"),
        ("other/Dockerfile", BAD, "other/Dockerfile:1:23"),
    ],
    ids=["another image", "one more", "the same once more", "another rule", "another file"],
)
def test_what_is_new_is_reported(tree: Path, imglint: Imglint, name: str, text: str, place: str) -> None:
    (tree / "other").mkdir()
    (tree / name).write_text(text)
    outcome = imglint("--baseline", "b.json", "--quiet")
    assert outcome.status == 1
    assert outcome.out.count("error ") + outcome.out.count("warning ") == 1
    assert outcome.out.startswith(f"{place}: ")


def test_what_is_no_longer_there_is_told_and_no_failure(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text(BAD.replace("latest", "v1.0.0"))
    told = "b.json: 1 of its findings is no longer there; write it again to forget them\n"
    assert imglint("--baseline", "b.json") == (0, CLEAN, told)
    assert imglint("--baseline", "b.json", "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    "arguments", [["other"], ["--ignore", "latest-tag"], ["--exclude", "Dockerfile"], ["--select", "root-user"]]
)
def test_of_what_was_not_checked_nothing_is_told(tree: Path, imglint: Imglint, arguments: list[str]) -> None:
    """A hook of pre-commit checks the files of the commit: the rest of the baseline is not gone."""
    (tree / "other").mkdir()
    outcome = imglint("--baseline", "b.json", *arguments)
    assert (outcome.status, outcome.err) == (0, "")


def test_it_holds_from_every_folder(tree: Path, imglint: Imglint) -> None:
    (tree / "sub").mkdir()
    assert imglint("--baseline", "../b.json", "..", cwd=tree / "sub") == (0, CLEAN, "")
    assert imglint("--baseline", str(tree / "b.json"), str(tree), cwd=tree / "sub") == (0, CLEAN, "")


def test_writing_anew_takes_all_findings_not_only_the_new_ones(tree: Path, imglint: Imglint) -> None:
    (tree / "other").mkdir()
    (tree / "other" / "Dockerfile").write_text(BAD)
    assert imglint("--baseline", "b.json", "--write-baseline", "b.json").status == 0
    assert imglint("--baseline", "b.json") == (0, "No findings in 2 files (2 images).\n", "")


def test_the_file_is_the_same_for_the_same_findings_and_takes_a_line_each(tree: Path, imglint: Imglint) -> None:
    before = (tree / "b.json").read_bytes()
    imglint("--write-baseline", "b.json")
    assert (tree / "b.json").read_bytes() == before
    assert json.loads(before) == {
        "version": 1,
        "findings": [
            {"rule": "latest-tag", "path": "Dockerfile", "text": "latest", "line": "FROM quay.io/acme/web:latest", "count": 1}
        ],
    }
    assert before.count(b'"rule"') == len([line for line in before.splitlines() if b'"rule"' in line])


def test_a_file_that_cannot_be_read_is_never_lived_with(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM a\xff\n")
    assert imglint("--write-baseline", "b.json").status == 1
    outcome = imglint("--baseline", "b.json", "--quiet")
    assert outcome.status == 1
    assert " unread-file: " in outcome.out


def test_a_wrong_policy_writes_no_baseline(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / ".imglint.yaml").write_text("rulez: {}\n")
    assert imglint("--write-baseline", "b.json").status == 2
    assert not (tmp_path / "b.json").exists()


ENTRY = '{"rule": "a", "path": "b", "text": "c", "line": "d", "count": 1}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "b.json:1:1: the baseline is no JSON: Expecting value"),
        ('{\n  "version": 1,\n  "findings": [,]\n}', "b.json:3:16: the baseline is no JSON: "),
        ("[]", 'b.json:1:1: expected an object with "version": 1 and a list of "findings"'),
        ('{"version": 2, "findings": []}', 'b.json:1:1: expected an object with "version": 1'),
        ('{"version": 1, "findings": {}}', "b.json:1:1: expected an object"),
        ('{"version": 1,\n"findings": [\n' + ENTRY + ",\n5]}", "b.json:"),
        (
            '{"version": 1,\n"findings": [\n' + ENTRY + ",\n" + ENTRY.replace("1}", "0}") + "]}",
            "b.json:4:1: expected the texts rule, path, text, line",
        ),
        ('{"version": 1, "findings": [' + ENTRY.replace('"a"', "null") + "]}", "b.json:1:1: expected the texts"),
        ("[" * 100_000, "b.json:1:1: the baseline is nested too deep"),
    ],
)
def test_a_broken_baseline_is_told_with_its_place(tree: Path, imglint: Imglint, text: str, said: str) -> None:
    (tree / "b.json").write_text(text)
    outcome = imglint("--baseline", "b.json", "--report", "sarif=out.sarif")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"imglint: {said}")
    assert outcome.err.endswith("write it again with --write-baseline\n")
    assert not (tree / "out.sarif").exists()


@pytest.mark.parametrize("path", ["gone.json", "folder"])
def test_a_baseline_that_is_no_file_is_told(tree: Path, imglint: Imglint, path: str) -> None:
    (tree / "folder").mkdir()
    outcome = imglint("--baseline", path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"imglint: {path}: the baseline cannot be read: ")
