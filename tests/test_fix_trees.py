"""`--fix` and `--diff` on whole trees: those of `fixtures/fix`, and copies of all other fixtures.

A case is a folder of `fixtures/fix` with a tree `before`, the same tree `after` its fixes, the `options` in addition to `--fix`, and `report.txt`, the
report on what remains. After a change, `IMGLINT_UPDATE=1 pytest tests/test_fix_trees.py` writes `after` and `report.txt`: read the diff.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures"
CASES = sorted(path.name for path in (ROOT / "fix").iterdir())
PARTS = ("readers", "explain", "policies", "demo")
COMMAND = [str(Path(sys.executable).parent / "imglint")]
MOVED = """
images:
  - {match: docker.io/library/*, roles: [workload]}
  - {match: docker.io/library/*, approved: deprecated, use-instead: mirror.example/hub/*}
  - {match: "**/*:latest"}
  - {match: docker.io/**, approved: false, use-instead: mirror.example/hub/**}
  - {match: ghcr.io/acme/*, approved: false, use-instead: ghcr.io/other/*}
  - {match: "**"}
rules:
  implicit-registry: warning
"""
"""A policy by which many images have to move."""


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a tree."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


@pytest.fixture
def copied(tmp_path: Path, git: Callable[..., None]) -> Callable[[Path], Path]:
    """Return a function that makes a copy of a tree, a Git repository with one commit."""

    def copy(tree: Path) -> Path:
        folder = tmp_path / "tree"
        shutil.copytree(tree, folder, symlinks=True)
        git(folder, "init", "--quiet")
        git(folder, "add", "--force", ".")
        git(folder, "-c", "core.autocrlf=false", "commit", "--quiet", "--message", "All")
        return folder

    return copy


@pytest.mark.parametrize("name", CASES)
def test_a_tree_is_fixed(name: str, copied: Callable[[Path], Path], imglint: Imglint) -> None:
    case = ROOT / "fix" / name
    folder, options = copied(case / "before"), (case / "options").read_text(encoding="utf-8").split()
    outcome = imglint("--fix", *options, cwd=folder)
    if os.environ.get("IMGLINT_UPDATE"):
        shutil.rmtree(case / "after", ignore_errors=True)
        shutil.copytree(folder, case / "after", ignore=shutil.ignore_patterns(".git"))
        (case / "report.txt").write_text(outcome.out, encoding="utf-8")
    assert content(folder) == content(case / "after")
    assert outcome.out == (case / "report.txt").read_text(encoding="utf-8")
    again = imglint("--fix", *options, cwd=folder)
    assert content(folder) == content(case / "after")
    assert (again.out, again.err) == (outcome.out, "")
    assert not (case / "before").joinpath(".git").exists()


@pytest.mark.parametrize("program", [["git", "apply", "-p1"], ["patch", "-p1", "--binary", "--silent"]], ids=["git", "patch"])
@pytest.mark.parametrize("name", CASES)
def test_a_diff_applies(name: str, program: list[str], copied: Callable[[Path], Path], imglint: Imglint, tmp_path: Path) -> None:
    case = ROOT / "fix" / name
    folder, options = copied(case / "before"), (case / "options").read_text(encoding="utf-8").split()
    diff = tmp_path / "diff"
    with diff.open("wb") as file:
        status = subprocess.run([*COMMAND, "--diff", *options], cwd=folder, stdout=file, stderr=subprocess.PIPE, check=False)
    assert content(folder) == content(case / "before")
    assert status.returncode == (1 if diff.stat().st_size else 0)
    if diff.stat().st_size:
        with diff.open("rb") as file:
            subprocess.run(program, cwd=folder, stdin=file, check=True)
    assert content(folder) == content(case / "after")


def changed_lines(folder: Path) -> set[tuple[str, int]]:
    """Return the lines of the committed files that differ in the working tree, as Git sees it; for new lines, that before them."""
    diff = subprocess.run(
        ["git", "-c", "core.quotepath=false", "diff", "--no-prefix", "--text", "-U0"], cwd=folder, capture_output=True, check=True
    )
    lines: set[tuple[str, int]] = set()
    path = ""
    for line in diff.stdout.decode(errors="replace").split("\n"):
        if line.startswith("--- "):
            path = line[4:].rstrip("\t")
        elif match := re.match(r"@@ -(\d+)(?:,(\d+))? ", line):
            first, count = int(match[1]), int(match[2] or 1)
            lines.update((path, number) for number in range(first, first + max(count, 1)))
    return lines


def lines_of(place: dict[str, Any]) -> set[tuple[str, int]]:
    return {(place["path"], line) for line in range(place["line"], place["end_line"] + 1)}


def read(image: dict[str, Any]) -> tuple[object, ...]:
    """Return what an image says, without its position."""
    return tuple(image[key] for key in ("path", "kind", "place", "where", "text", "reference", "valid", "tag", "digest", "role"))


def test_a_fix_changes_only_what_has_a_finding(tmp_path: Path, git: Callable[..., None], imglint: Imglint) -> None:
    folder = tmp_path / "tree"
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=shutil.ignore_patterns(".git", "*.facts.json"))
    policy = tmp_path / "moved.yaml"
    policy.write_text(MOVED)
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    options = ("--config", policy, "--unsafe-fixes", "--min-level", "note", "--no-ignore-comments")

    def images() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(imglint("images", "--format", "json", "--config", policy, cwd=folder).out)
        return found

    findings = json.loads(imglint(*options[:2], *options[3:], "--format", "json", cwd=folder).out)["findings"]
    listed, tree = images(), content(folder)
    diff = imglint("--diff", *options, cwd=folder)
    assert content(folder) == tree
    fixed = imglint("--fix", *options, "--format", "json", cwd=folder)
    assert fixed.err.startswith("fixed ")

    fixable = [finding for finding in findings if finding["fix"]]
    assert len(fixable) > 200
    edited = set().union(*(lines_of(edit) for finding in fixable for edit in finding["fix"]["edits"]))
    related = set().union(*(lines_of(place) for finding in fixable for place in (finding, *finding["related"])))
    changed = changed_lines(folder)
    assert len(changed) > 150
    assert changed <= edited
    now = images()
    assert len(now) == len(listed)
    others = [one for one, other in zip(listed, now, strict=True) if read(one) != read(other)]
    assert [one for one in others if lines_of(one).isdisjoint(edited | related)] == []

    remaining = json.loads(fixed.out)["findings"]
    assert [finding for finding in remaining if finding["fix"]] == []
    reasons = Counter(finding["message"].partition("; not fixed: ")[2].partition(" (")[0] for finding in remaining)
    assert set(reasons) == {"", "the file was not read completely"}
    after = content(folder)
    assert Path(folder / ".git" / "index").exists()
    again = imglint("--fix", *options, "--format", "json", cwd=folder)
    assert content(folder) == after
    assert (again.status, again.out, again.err) == (fixed.status, fixed.out, "")
    assert not imglint("--diff", *options, cwd=folder).out

    (tmp_path / "diff").write_text(diff.out)
    git(folder, "checkout", "--quiet", ".")
    git(folder, "apply", tmp_path / "diff")
    assert content(folder) == after
