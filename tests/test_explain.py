"""`imglint explain` prints every decision on a use and where it comes from, and agrees with `imglint check`.

A case is a file `<what>.explain.txt` in a tree under `fixtures/explain/`: the command on its first line, then its output. To add one, write the
command, run `IMGLINT_UPDATE=1 pytest tests/test_explain.py`, and review what it wrote.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.printable import printable

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures" / "explain"
CASES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/*.explain.txt"))
WIDTH = 80

POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: nginx}]}\n"


@pytest.mark.parametrize("case", CASES)
def test_output_matches_the_case(case: str, imglint: Imglint, tmp_path: Path) -> None:
    path = ROOT / case
    command, _, expected = path.read_text(encoding="utf-8").partition("\n")
    tree = tmp_path / "tree"
    shutil.copytree(path.parent, tree)
    outcome = imglint(*shlex.split(command)[1:], cwd=tree)
    if os.environ.get("IMGLINT_UPDATE"):
        path.write_text(f"{command}\n{outcome.out}", encoding="utf-8")
    else:
        assert outcome == (0, expected, "")
    # Names are never wrapped, so that they can be copied.
    assert all(len(line) <= WIDTH or len(max(line.split(), key=len)) > WIDTH // 2 for line in outcome.out.splitlines())


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("nowhere.yaml", "nowhere.yaml: no such file"),
        ("nowhere.yaml:3", "nowhere.yaml:3: no such file"),
        ("pod.yaml:x", "pod.yaml:x: no such file"),
        ("pod.yaml:1:2:3", "pod.yaml:1:2:3: no such file"),
        ("", ": no such file"),
        ("-", "-: no such file"),
        (".", ".: is a directory"),
        ("\x1b[31m", r"\x1b[31m: no such file"),
    ],
)
def test_a_target_that_is_not_a_file_is_a_usage_error(target: str, expected: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    outcome = imglint("explain", target)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"imglint: {expected}")


@pytest.mark.parametrize("target", ["pod.yaml:3", "pod.yaml:3:37", "pod.yaml:3:", "pod.yaml:3:37:", "./pod.yaml:3"])
def test_a_location_can_be_pasted_from_a_finding(target: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    assert "docker.io/library/nginx; no registry given" in imglint("explain", target).out


def test_a_file_name_that_ends_in_a_number_is_not_cut(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "pod.yaml:2").write_text("FROM scratch\n")
    assert imglint("explain", "pod.yaml:2").out.startswith("pod.yaml:2\n  kind         dockerfile")
    assert "Line 1 has no image" in imglint("explain", "pod.yaml:1").out


@pytest.mark.parametrize("line", ["0", "9", "9" * 5000])
def test_a_line_outside_the_file_has_no_use(line: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    outcome = imglint("explain", f"pod.yaml:{line}")
    assert outcome.status == 0
    assert "has no image or user. Lines that do: 3\n" in outcome.out


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda folder: (folder / ".gitignore").write_text("*.dockerfile\n"), "it is ignored by a .gitignore"),
        (lambda folder: (folder / "x.dockerfile").rename(folder / "x.img"), "no reader looks for files of this name"),
        (
            lambda folder: (folder / "x.dockerfile").rename(folder / "venv"),
            "it is a symbolic link that does not lead to a file of",
        ),
        (lambda folder: (folder / "x.dockerfile").rename(folder / "real"), None),
        (lambda _: None, None),
    ],
)
def test_the_reason_for_skipping_a_file_is_shown(prepare: object, expected: str | None, imglint: Imglint, tmp_path: Path) -> None:
    assert callable(prepare)
    (tmp_path / "x.dockerfile").write_text("FROM docker.io/library/nginx:1.27.0\nUSER 1\n")
    prepare(tmp_path)
    for target in ("real", "venv"):
        if (tmp_path / target).exists():
            (tmp_path / "x.dockerfile").symlink_to(target)
    name = next(path.name for path in tmp_path.iterdir() if path.name.startswith("x."))
    outcome = " ".join(imglint("explain", name).out.split())
    assert ("checked only if named" in outcome) is (expected is not None)
    assert expected is None or expected in outcome
    assert ("1 image" in imglint("check", ".").out) is (expected is None)


def test_text_from_files_is_escaped(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n.yaml").write_text(
        'apiVersion: v1\nkind: Pod\nspec: {containers: [{name: "\\e]0;x", image: "ng\\e[0minx"}]}\n'
    )
    outcome = imglint("explain", "a\x1b[2J\n.yaml")
    assert outcome.status == 0
    assert r"a\x1b[2J\n.yaml:3:" in outcome.out
    assert all(line.isprintable() for line in outcome.out.split("\n"))


def test_policy_errors_are_reported_as_by_check(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM nginx\n")
    (tmp_path / ".imglint.yaml").write_text("imags: []\n")
    outcome = imglint("explain", "Dockerfile")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(".imglint.yaml:1:1: ")


FIXTURES = ROOT.parent
TREES = [FIXTURES / "demo", FIXTURES / "readers", *sorted(FIXTURES.glob("explain/*/")), *sorted(FIXTURES.glob("policies/*/"))]
ENTRY = re.compile(r"^(?:  findings     |               )((?:error|warning|note) [a-z-]+) .*?: (\d+:\d+) (.*)$")


def explained(output: str) -> list[tuple[str, str, str]]:
    """Return level and rule, position, and message of each finding that the output of explain shows as reported."""
    unwrapped = output.replace("\n                 ", " ").splitlines()
    entries = [(match[1], match[2], match[3]) for line in unwrapped if (match := ENTRY.match(line))]
    return [entry for entry in entries if " [silenced " not in entry[2] and " [covered by " not in entry[2]]


@pytest.mark.parametrize("tree", TREES, ids=lambda path: path.relative_to(FIXTURES).as_posix())
def test_explain_shows_exactly_what_check_reports(tree: Path, imglint: Imglint) -> None:
    checked = imglint("--format", "json", "--fail-on", "never", cwd=tree)
    assert checked.status == 0
    reported: dict[str, set[tuple[str, str, str]]] = {}
    for finding in json.loads(checked.out)["findings"]:
        if finding["rule"] in ("expired-exception", "unused-exception"):
            continue
        message = " ".join(re.sub(r" \([^ ()]+:\d+\)$", "", printable(finding["message"])).split())
        entry = (f"{finding['level']} {finding['rule']}", f"{finding['line']}:{finding['column']}", message)
        reported.setdefault(finding["path"], set()).add(entry)
    for path, findings in reported.items():
        outcome = imglint("explain", path, cwd=tree)
        assert {(rule, at, " ".join(message.split())) for rule, at, message in explained(outcome.out)} == findings


def test_a_finding_that_uses_share_is_shown_for_each(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE=quay.io/a/b:latest\nFROM $BASE AS x\nFROM $BASE\nUSER 1\n")
    assert imglint("explain", "Dockerfile").out.count("error latest-tag (default): 1:22 ") == 2
