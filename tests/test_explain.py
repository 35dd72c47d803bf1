"""`imglint explain` says of every use what is decided about it, and who decided.

A case is a file `<what>.explain.txt` in a tree under `fixtures/explain/`: the command on its first line, then the answer. To add one, write the
command, run `IMGLINT_UPDATE=1 pytest tests/test_explain.py`, and read what it wrote: it is right only because somebody has looked.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures" / "explain"
CASES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/*.explain.txt"))
WIDTH = 80

POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: nginx}]}\n"


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_the_one_beside_the_command(case: str, imglint: Imglint, tmp_path: Path) -> None:
    path = ROOT / case
    command, _, expected = path.read_text(encoding="utf-8").partition("\n")
    tree = tmp_path / "tree"
    shutil.copytree(path.parent, tree)
    told = imglint(*shlex.split(command)[1:], cwd=tree)
    if os.environ.get("IMGLINT_UPDATE"):
        path.write_text(f"{command}\n{told.out}", encoding="utf-8")
    else:
        assert told == (0, expected, "")
    # A name is never broken, so that it can be copied.
    assert all(len(line) <= WIDTH or len(max(line.split(), key=len)) > WIDTH // 2 for line in told.out.splitlines())


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("nowhere.yaml", "nowhere.yaml: there is no such file"),
        ("nowhere.yaml:3", "nowhere.yaml:3: there is no such file"),
        ("pod.yaml:x", "pod.yaml:x: there is no such file"),
        ("pod.yaml:1:2:3", "pod.yaml:1:2:3: there is no such file"),
        ("", ": there is no such file"),
        ("-", "-: there is no such file"),
        (".", ".: this is a folder"),
        ("\x1b[31m", r"\x1b[31m: there is no such file"),
    ],
)
def test_what_is_no_file_is_a_wrong_call(place: str, says: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    told = imglint("explain", place)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith(f"imglint: {says}")


@pytest.mark.parametrize("place", ["pod.yaml:3", "pod.yaml:3:37", "pod.yaml:3:", "pod.yaml:3:37:", "./pod.yaml:3"])
def test_a_place_can_be_pasted_as_findings_show_it(place: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    assert "docker.io/library/nginx; no registry is written" in imglint("explain", place).out


def test_a_file_whose_name_ends_as_a_line_does_is_that_file(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "pod.yaml:2").write_text("FROM scratch\n")
    assert imglint("explain", "pod.yaml:2").out.startswith("pod.yaml:2\n  kind         dockerfile")
    assert "Line 1 names no image" in imglint("explain", "pod.yaml:1").out


@pytest.mark.parametrize("line", ["0", "9", "9" * 5000])
def test_a_line_that_the_file_does_not_have_is_one_without_a_use(line: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    told = imglint("explain", f"pod.yaml:{line}")
    assert told.status == 0
    assert "names no image and no user; in this file these lines do: 3\n" in told.out


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda folder: (folder / ".gitignore").write_text("*.dockerfile\n"), "a .gitignore names it"),
        (lambda folder: (folder / "x.dockerfile").rename(folder / "x.image"), "no reader looks for files of this name"),
        (lambda folder: (folder / "x.dockerfile").rename(folder / "real"), "links are not followed"),
        (lambda _: None, None),
    ],
)
def test_it_says_why_a_walk_passes_a_file_over(prepare: object, says: str | None, imglint: Imglint, tmp_path: Path) -> None:
    assert callable(prepare)
    (tmp_path / "x.dockerfile").write_text("FROM docker.io/library/nginx:1.27.0\nUSER 1\n")
    prepare(tmp_path)
    if (tmp_path / "real").exists():
        (tmp_path / "x.dockerfile").symlink_to("real")
    name = next(path.name for path in tmp_path.iterdir() if path.name.startswith("x."))
    told = " ".join(imglint("explain", name).out.split())
    assert ("checked only where it is named" in told) is (says is not None)
    assert says is None or says in told
    assert ("1 image" in imglint("check", ".").out) is (says is None)


def test_nothing_of_a_file_reaches_the_terminal_as_it_is(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n.yaml").write_text(
        'apiVersion: v1\nkind: Pod\nspec: {containers: [{name: "\\e]0;x", image: "ng\\e[0minx"}]}\n'
    )
    told = imglint("explain", "a\x1b[2J\n.yaml")
    assert told.status == 0
    assert r"a\x1b[2J\n.yaml:3:" in told.out
    assert all(line.isprintable() for line in told.out.split("\n"))


def test_a_broken_policy_is_told_as_everywhere(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM nginx\n")
    (tmp_path / ".imglint.yaml").write_text("imags: []\n")
    told = imglint("explain", "Dockerfile")
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith(".imglint.yaml:1:1: ")
