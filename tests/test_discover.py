"""Discovery: which files a walk finds, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imglint.engine.discover import Found, WalkError, discover
from imglint.engine.gitignore import PATTERNS_MAX
from imglint.repository import repository_root


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(*paths: str, excluded: str = "") -> list[str]:
    def is_excluded(path: str, is_folder: bool) -> bool:
        return bool(excluded) and os.path.normpath(path) == excluded

    entries = list(discover(paths, lambda path: path.endswith(".yaml"), is_excluded))
    assert [entry for entry in entries if isinstance(entry, WalkError)] == []
    return [entry.path for entry in entries]


def walked(*paths: str) -> list[Found | WalkError]:
    """Return everything that a discovery without excludes yields."""
    return list(discover(paths, lambda path: path.endswith(".yaml"), lambda _path, _is_folder: False))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


CASES = {
    "path order": (
        dict.fromkeys(("b.yaml", "a/z.yaml", "a.yaml", "a-b/z.yaml", "a0/z.yaml", "a/b/c.yaml", "a/b.yaml", "a/b c.yaml"), ""),
        [""],
        ["a-b/z.yaml", "a.yaml", "a/b c.yaml", "a/b.yaml", "a/b/c.yaml", "a/z.yaml", "a0/z.yaml", "b.yaml"],
    ),
    "path order of names that begin with another": (
        dict.fromkeys(("x.yaml", "x.yaml-1.yaml", "x.yaml.yaml", "x.yaml0.yaml", "y.yaml/a.yaml", "y.yaml-1.yaml"), ""),
        [""],
        ["x.yaml", "x.yaml-1.yaml", "x.yaml.yaml", "x.yaml0.yaml", "y.yaml-1.yaml", "y.yaml/a.yaml"],
    ),
    "only wanted names": ({"a.yaml": "", "a.py": ""}, [""], ["a.yaml"]),
    "a named file is always considered": ({"a.txt": ""}, ["a.txt"], ["a.txt"]),
    "paths are joined to the given path": ({"d/a.yaml": ""}, ["./d/"], ["./d/a.yaml"]),
    "the current folder as a dot": ({"d/a.yaml": ""}, ["."], ["./d/a.yaml"]),
    "a file is found once": ({"d/a.yaml": ""}, ["d/a.yaml", "d", ""], ["d/a.yaml"]),
    "a file is found once in two paths": ({"d/a.yaml": ""}, ["d", "./d/a.yaml"], ["d/a.yaml"]),
    "files found before do not hide others": (
        {"d/a.yaml": "", "d/b.yaml": "", "d/c.yaml": ""},
        ["d/b.yaml", "d"],
        ["d/b.yaml", "d/a.yaml", "d/c.yaml"],
    ),
    "paths keep their order": ({"a.yaml": "", "b.yaml": ""}, ["b.yaml", "a.yaml"], ["b.yaml", "a.yaml"]),
    "folders of tools are skipped": (
        {f"{folder}/a.yaml": "" for folder in [".git", "node_modules", ".venv", "venv", ".tox", "x/node_modules"]},
        [""],
        [],
    ),
    "other hidden folders are walked": ({".github/a.yaml": ""}, [""], [".github/a.yaml"]),
    "a folder of tools can be named": ({"node_modules/a.yaml": ""}, ["node_modules"], ["node_modules/a.yaml"]),
    "files and folders in .gitignore are skipped": (
        {".gitignore": "build/\n*.gen.yaml", "build/a.yaml": "", "b.gen.yaml": "", "c.yaml": ""},
        [""],
        ["c.yaml"],
    ),
    "the nearest .gitignore takes precedence": (
        {".gitignore": "*.yaml", "keep/.gitignore": "!*.yaml", "keep/a.yaml": "", "b.yaml": ""},
        [""],
        ["keep/a.yaml"],
    ),
    "patterns are relative to the .gitignore": (
        {"d/.gitignore": "/a.yaml", "d/a.yaml": "", "d/e/a.yaml": "", "a.yaml": ""},
        [""],
        ["a.yaml", "d/e/a.yaml"],
    ),
    "an ignored folder is not entered": ({".gitignore": "d/", "d/.gitignore": "!*", "d/a.yaml": ""}, [""], []),
    "an invalid pattern is skipped, as in Git": (
        {".gitignore": "\\\na.yaml", "a.yaml": "", "b.yaml": ""},
        [""],
        ["b.yaml"],
    ),
    "an ignored file can be named": ({".gitignore": "a.yaml", "a.yaml": ""}, ["a.yaml"], ["a.yaml"]),
    "the .gitignore of the repository applies to a subfolder": (
        {".git/HEAD": "", ".gitignore": "gen.yaml", "d/gen.yaml": "", "d/a.yaml": ""},
        ["d"],
        ["d/a.yaml"],
    ),
    "only some folders of a repository have a .gitignore": (
        {".git/HEAD": "", "d/.gitignore": "gen.yaml", "d/e/f/gen.yaml": "", "d/e/f/a.yaml": ""},
        ["d/e/f"],
        ["d/e/f/a.yaml"],
    ),
    "a .gitignore above the repository does not apply": (
        {".gitignore": "*", "r/.git/HEAD": "", "r/d/a.yaml": ""},
        ["r/d"],
        ["r/d/a.yaml"],
    ),
}


@pytest.mark.parametrize(("files", "paths", "expected"), CASES.values(), ids=CASES.keys())
def test_walk(tree: Path, files: dict[str, str], paths: list[str], expected: list[str]) -> None:
    build(tree, files)
    assert found(*paths) == expected


def test_exclude_applies_to_folders_and_named_files(tree: Path) -> None:
    build(tree, {"d/a.yaml": "", "b.yaml": ""})
    assert found("", excluded="d") == ["b.yaml"]
    assert found("b.yaml", excluded="b.yaml") == []


def test_exclude_is_asked_about_paths_of_files_and_folders(tree: Path) -> None:
    build(tree, {"a.yaml": "", "d/b.yaml": "", "d/c.txt": "", "e/node_modules/f.yaml": ""})
    asked: list[tuple[str, bool]] = []

    def is_excluded(path: str, is_folder: bool) -> bool:
        asked.append((path, is_folder))
        return False

    assert len(list(discover(["a.yaml", "d", "e"], lambda path: path.endswith(".yaml"), is_excluded))) == 2
    assert asked == [("a.yaml", False), ("d/b.yaml", False)]
    asked.clear()
    assert len(list(discover([""], lambda path: path.endswith(".yaml"), is_excluded))) == 2
    assert sorted(asked) == [("a.yaml", False), ("d", True), ("d/b.yaml", False), ("e", True)]
    assert {type(is_folder) for _, is_folder in asked} == {bool}


def test_whether_the_user_named_a_file(tree: Path) -> None:
    build(tree, {"a.yaml": "", "d/b.yaml": ""})
    assert walked("a.yaml", "d") == [Found("a.yaml", True), Found("d/b.yaml", False)]


def test_links_are_followed_only_if_named(tree: Path) -> None:
    build(tree, {"d/a.yaml": ""})
    (tree / "link.yaml").symlink_to("d/a.yaml")
    (tree / "d" / "loop").symlink_to("..")
    (tree / "folder").symlink_to("d")
    assert found("") == ["d/a.yaml"]
    assert found("link.yaml") == ["link.yaml"]
    assert found("folder") == ["folder/a.yaml"]


def test_gitignore_that_is_a_pipe_does_not_block(tree: Path) -> None:
    build(tree, {"a.yaml": "", "d/b.yaml": ""})
    os.mkfifo(tree / "d" / ".gitignore")
    reason = ".gitignore not applied: not a regular file"
    assert walked("") == [Found("a.yaml", False), WalkError("d/.gitignore", reason), Found("d/b.yaml", False)]


def test_each_gitignore_above_a_folder_that_cannot_be_read_is_reported(tree: Path) -> None:
    build(tree, {".git/HEAD": "", "d/e/a.yaml": ""})
    for folder in ("", "d", "d/e"):
        os.mkfifo(tree / folder / ".gitignore")
    reason = ".gitignore not applied: not a regular file"
    assert walked("d/e") == [
        WalkError(str(tree / ".gitignore"), reason),
        WalkError(str(tree / "d" / ".gitignore"), reason),
        WalkError("d/e/.gitignore", reason),
        Found("d/e/a.yaml", False),
    ]


def test_patterns_of_all_gitignore_files_above_count_towards_the_limit(tree: Path) -> None:
    build(
        tree,
        {".gitignore": "a*\n" * PATTERNS_MAX, "d/.gitignore": "b*\nc\n", "d/b.yaml": "", "d/a.yaml": "", "e/.gitignore": "b"},
    )
    reason = f".gitignore not applied: more than {PATTERNS_MAX} patterns would apply to this folder"
    assert walked("") == [WalkError("d/.gitignore", reason), Found("d/b.yaml", False)]


def test_folder_that_cannot_be_listed(tree: Path) -> None:
    deep = "x" * 200
    os.makedirs(deep)
    path, descriptor = deep, os.open(deep, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("y" * 200, dir_fd=descriptor)
        below = os.open("y" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    while len(path) + 201 < os.pathconf("/", "PC_PATH_MAX"):
        path += "/" + "y" * 200
    path += "/" + "y" * 200
    build(tree, {"a.yaml": "", "z.yaml": ""})
    assert walked("") == [
        Found("a.yaml", False),
        WalkError(path, "cannot read folder: File name too long"),
        Found("z.yaml", False),
    ]


def test_repository_root(tree: Path) -> None:
    build(tree, {"r/.git": "gitdir: elsewhere", "r/d/a.yaml": ""})
    assert repository_root("r/d") == str(tree / "r")
    assert repository_root(str(tree)) is None
