"""A walk finds what Git would, and what the user named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imglint.engine.discover import Found, WalkError, discover
from imglint.repository import repository_root


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(*paths: str, excluded: str = "") -> list[str]:
    def is_excluded(path: str, is_folder: bool) -> bool:
        return bool(excluded) and os.path.normpath(path) == excluded

    entries = discover(paths, lambda path: path.endswith(".yaml"), is_excluded)
    return [entry.path for entry in entries if isinstance(entry, Found)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


CASES = {
    "all come in the order of their paths": (
        dict.fromkeys(("b.yaml", "a/z.yaml", "a.yaml", "a-b/z.yaml", "a0/z.yaml", "a/b/c.yaml", "a/b.yaml", "a/b c.yaml"), ""),
        [""],
        ["a-b/z.yaml", "a.yaml", "a/b c.yaml", "a/b.yaml", "a/b/c.yaml", "a/z.yaml", "a0/z.yaml", "b.yaml"],
    ),
    "only wanted names": ({"a.yaml": "", "a.py": ""}, [""], ["a.yaml"]),
    "a named file is always considered": ({"a.txt": ""}, ["a.txt"], ["a.txt"]),
    "paths are joined to what was given": ({"d/a.yaml": ""}, ["./d/"], ["./d/a.yaml"]),
    "the current folder by its dot": ({"d/a.yaml": ""}, ["."], ["./d/a.yaml"]),
    "a file is found once": ({"d/a.yaml": ""}, ["d/a.yaml", "d", ""], ["d/a.yaml"]),
    "folders of tools are passed over": (
        {f"{folder}/a.yaml": "" for folder in [".git", "node_modules", ".venv", "venv", ".tox", "x/node_modules"]},
        [""],
        [],
    ),
    "other hidden folders are not": ({".github/a.yaml": ""}, [""], [".github/a.yaml"]),
    "a folder of tools can be named": ({"node_modules/a.yaml": ""}, ["node_modules"], ["node_modules/a.yaml"]),
    "what .gitignore names is left out": (
        {".gitignore": "build/\n*.gen.yaml", "build/a.yaml": "", "b.gen.yaml": "", "c.yaml": ""},
        [""],
        ["c.yaml"],
    ),
    "a nearer .gitignore wins": (
        {".gitignore": "*.yaml", "keep/.gitignore": "!*.yaml", "keep/a.yaml": "", "b.yaml": ""},
        [""],
        ["keep/a.yaml"],
    ),
    "its patterns are relative to it": (
        {"d/.gitignore": "/a.yaml", "d/a.yaml": "", "d/e/a.yaml": "", "a.yaml": ""},
        [""],
        ["a.yaml", "d/e/a.yaml"],
    ),
    "an ignored folder is not entered": ({".gitignore": "d/", "d/.gitignore": "!*", "d/a.yaml": ""}, [""], []),
    "a pattern that is none is passed over, as Git does": (
        {".gitignore": "\\\na.yaml", "a.yaml": "", "b.yaml": ""},
        [""],
        ["b.yaml"],
    ),
    "an ignored file can be named": ({".gitignore": "a.yaml", "a.yaml": ""}, ["a.yaml"], ["a.yaml"]),
    "the .gitignore of the repository holds below": (
        {".git/HEAD": "", ".gitignore": "gen.yaml", "d/gen.yaml": "", "d/a.yaml": ""},
        ["d"],
        ["d/a.yaml"],
    ),
    "that of a folder above the repository does not": (
        {".gitignore": "*", "r/.git/HEAD": "", "r/d/a.yaml": ""},
        ["r/d"],
        ["r/d/a.yaml"],
    ),
}


@pytest.mark.parametrize(("files", "paths", "expected"), CASES.values(), ids=CASES.keys())
def test_a_walk(tree: Path, files: dict[str, str], paths: list[str], expected: list[str]) -> None:
    build(tree, files)
    assert found(*paths) == expected


def test_exclude_leaves_out_folders_and_named_files(tree: Path) -> None:
    build(tree, {"d/a.yaml": "", "b.yaml": ""})
    assert found("", excluded="d") == ["b.yaml"]
    assert found("b.yaml", excluded="b.yaml") == []


def test_links_are_not_followed_in_a_walk_but_where_they_are_named(tree: Path) -> None:
    build(tree, {"d/a.yaml": ""})
    (tree / "link.yaml").symlink_to("d/a.yaml")
    (tree / "d" / "loop").symlink_to("..")
    (tree / "folder").symlink_to("d")
    assert found("") == ["d/a.yaml"]
    assert found("link.yaml") == ["link.yaml"]
    assert found("folder") == ["folder/a.yaml"]


def test_a_gitignore_that_is_a_pipe_does_not_hold_the_walk(tree: Path) -> None:
    build(tree, {"a.yaml": ""})
    os.mkfifo(tree / ".gitignore")
    assert found("") == ["a.yaml"]


def test_a_folder_that_cannot_be_listed_is_told(tree: Path) -> None:
    deep = "x" * 200
    os.makedirs(deep)
    descriptor = os.open(deep, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("y" * 200, dir_fd=descriptor)
        descriptor = os.open("y" * 200, os.O_RDONLY, dir_fd=descriptor)
    entries = list(discover([""], lambda _path: True, lambda _path, _is_folder: False))
    assert [type(entry) for entry in entries] == [WalkError]


def test_the_root_of_a_repository(tree: Path) -> None:
    build(tree, {"r/.git": "gitdir: elsewhere", "r/d/a.yaml": ""})
    assert repository_root("r/d") == str(tree / "r")
    assert repository_root(str(tree)) is None
