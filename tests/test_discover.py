"""Discovery: which files a walk finds, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.trees import build

from imglint.engine.discover import IGNORED, LINK, Found, Skipped, WalkError, discover
from imglint.engine.gitignore import PATTERNS_MAX
from imglint.repository import repository_root


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
    assert asked == [("a.yaml", False), ("d/b.yaml", False), ("e/node_modules", True)]
    asked.clear()
    assert len(list(discover([""], lambda path: path.endswith(".yaml"), is_excluded))) == 2
    assert sorted(asked) == [("a.yaml", False), ("d", True), ("d/b.yaml", False), ("e", True), ("e/node_modules", True)]
    assert {type(is_folder) for _, is_folder in asked} == {bool}


def test_whether_the_user_named_a_file(tree: Path) -> None:
    build(tree, {"a.yaml": "", "d/b.yaml": ""})
    assert walked("a.yaml", "d") == [Found("a.yaml", True), Found("d/b.yaml", False, under="d")]


def skipped(*paths: str, excluded: str = "") -> list[tuple[str, bool, str]]:
    """Return path, kind and reason of what is skipped."""
    entries: list[Skipped] = []
    for _ in discover(paths, lambda path: path.endswith(".yaml"), lambda path, _is_folder: path == excluded, entries.append):
        pass
    return [(entry.path, entry.is_folder, entry.reason) for entry in entries]


SKIPPED: dict[str, tuple[dict[str, str], list[str], list[tuple[str, bool, str]]]] = {
    "nothing": ({"a.yaml": "", "b.py": "", ".git/a.yaml": ""}, [""], []),
    "only wanted names": ({".gitignore": "*", "a.yaml": "", "b.py": ""}, [""], [("a.yaml", False, IGNORED)]),
    "folders, whatever is in them": (
        {".gitignore": "c/\n", "c/b.py": "", "d/node_modules/a.yaml": "", "venv/x": ""},
        [""],
        [("c", True, IGNORED), ("d/node_modules", True, "node_modules"), ("venv", True, "venv")],
    ),
    "a file in two paths": (
        {".git/HEAD": "", ".gitignore": "a.yaml", "d/a.yaml": "", "b.yaml": ""},
        ["d", "", "./d"],
        [("d/a.yaml", False, IGNORED)],
    ),
    "a file that is named too": ({".gitignore": "a.yaml", "d/a.yaml": ""}, ["", "d/a.yaml"], []),
    "a folder of tools that is named too": ({"venv/a.yaml": ""}, ["", "venv"], []),
    "an ignored folder that is named": ({".git/HEAD": "", ".gitignore": "d/", "d/a.yaml": ""}, ["d"], [("d", True, IGNORED)]),
    "an ignored folder that is named too": (
        {".git/HEAD": "", ".gitignore": "d/", "d/a.yaml": ""},
        ["", "d"],
        [("d", True, IGNORED)],
    ),
    "an ignored current folder": ({".git/HEAD": "", ".gitignore": "*", "d/a.yaml": ""}, ["d"], [("d", True, IGNORED)]),
}


@pytest.mark.parametrize(("files", "paths", "expected"), SKIPPED.values(), ids=SKIPPED.keys())
def test_skipped_files_and_folders(
    tree: Path, files: dict[str, str], paths: list[str], expected: list[tuple[str, bool, str]]
) -> None:
    build(tree, files)
    assert skipped(*paths) == expected


def test_what_is_excluded_is_not_skipped(tree: Path) -> None:
    build(tree, {".gitignore": "*.yaml", "a.yaml": "", "venv/a.yaml": ""})
    assert skipped("", excluded="venv") == [("a.yaml", False, IGNORED)]
    assert skipped("", excluded="a.yaml") == [("venv", True, "venv")]


def test_a_link_to_a_file_of_the_repository_is_a_file(tree: Path) -> None:
    build(tree, {"d/a.yaml": "", "d/b.txt": "", ".git/HEAD": ""})
    (tree / "d" / "link.yaml").symlink_to("a.yaml")
    (tree / "up.yaml").symlink_to("d/link.yaml")
    (tree / "other-name.yaml").symlink_to(tree / "d" / "b.txt")
    (tree / "d" / "no-yaml").symlink_to("a.yaml")
    assert found("") == ["d/a.yaml", "d/link.yaml", "other-name.yaml", "up.yaml"]
    assert found("d") == ["d/a.yaml", "d/link.yaml"]
    assert found("", "d") == found("")
    assert skipped("") == []


@pytest.mark.parametrize(
    "target",
    [
        "nowhere.yaml",
        "link.yaml",
        "d",
        "/etc/hostname",
        "/dev/null",
        "../outside.yaml",
        "d/../../outside.yaml",
        "pipe",
        ".git/config",
        "d/node_modules/a.yaml",
        "ignored.txt",
        "d/ignored/a.yaml",
        "d/more.txt",
        "out.yaml",
        "chain-0",
    ],
)
def test_other_links_are_not_followed(tree: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    build(
        tree,
        {
            "outside.yaml": "",
            "r/.git/config": "",
            "r/.gitignore": "ignored*",
            "r/ignored.txt": "",
            "r/d/ignored/a.yaml": "",
            "r/d/.gitignore": "more.txt",
            "r/d/more.txt": "",
            "r/d/node_modules/a.yaml": "",
        },
    )
    monkeypatch.chdir(tree / "r")
    os.mkfifo("pipe")
    Path("out").symlink_to("../outside.yaml")
    if target == "chain-0":
        for number in range(2000):
            Path(f"chain-{number}").symlink_to(f"chain-{number + 1}")
        Path("chain-2000").write_text("")
    Path("link.yaml").symlink_to(target)
    assert found("") == []
    assert [entry for entry in skipped("") if entry[2] == LINK] == [("link.yaml", False, LINK)]
    assert found("link.yaml") == ([] if target == "d" else ["link.yaml"])


def test_links_to_folders_are_not_followed(tree: Path) -> None:
    build(tree, {"r/.git/HEAD": "", "r/d/a.yaml": "", "out/a.yaml": ""})
    (tree / "r" / "d" / "loop").symlink_to("..")
    (tree / "r" / "folder").symlink_to("d")
    (tree / "r" / "out").symlink_to("../out")
    assert found("r") == ["r/d/a.yaml"]
    # What is in the other folders is found on its own path.
    assert skipped("r") == [("r/out", False, LINK)]
    assert found("r/folder") == ["r/folder/a.yaml"]


@pytest.mark.parametrize(
    ("current", "path", "expected"), [(".", "d", True), (".", "", True), ("d", ".", False), ("d", "../e", False)]
)
def test_without_a_repository_the_current_folder_bounds_links(
    tree: Path, monkeypatch: pytest.MonkeyPatch, current: str, path: str, expected: bool
) -> None:
    build(tree, {"a.txt": "", "d/x": "", "e/x": ""})
    (tree / "d" / "link.yaml").symlink_to("../a.txt")
    (tree / "e" / "link.yaml").symlink_to("../d/x")
    monkeypatch.chdir(current)
    assert bool(found(path)) is expected


def test_a_link_in_a_folder_without_a_repository_stays_in_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tree, {"d/a.txt": "", "e/x": ""})
    (tree / "d" / "link.yaml").symlink_to("a.txt")
    monkeypatch.chdir("e")
    assert found("../d") == ["../d/link.yaml"]


def test_gitignore_that_is_a_pipe_does_not_block(tree: Path) -> None:
    build(tree, {"a.yaml": "", "d/b.yaml": ""})
    os.mkfifo(tree / "d" / ".gitignore")
    reason = ".gitignore not applied: not a regular file"
    assert walked("") == [Found("a.yaml", False, under=""), WalkError("d/.gitignore", reason), Found("d/b.yaml", False, under="")]


def test_each_gitignore_above_a_folder_that_cannot_be_read_is_reported(tree: Path) -> None:
    build(tree, {".git/HEAD": "", "d/e/a.yaml": ""})
    for folder in ("", "d", "d/e"):
        os.mkfifo(tree / folder / ".gitignore")
    reason = ".gitignore not applied: not a regular file"
    assert walked("d/e") == [
        WalkError(str(tree / ".gitignore"), reason),
        WalkError(str(tree / "d" / ".gitignore"), reason),
        WalkError("d/e/.gitignore", reason),
        Found("d/e/a.yaml", False, under="d/e"),
    ]


def test_patterns_of_all_gitignore_files_above_count_towards_the_limit(tree: Path) -> None:
    build(
        tree,
        {".gitignore": "a*\n" * PATTERNS_MAX, "d/.gitignore": "b*\nc\n", "d/b.yaml": "", "d/a.yaml": "", "e/.gitignore": "b"},
    )
    reason = f".gitignore not applied: more than {PATTERNS_MAX} patterns would apply to this folder"
    assert walked("") == [WalkError("d/.gitignore", reason), Found("d/b.yaml", False, under="")]


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
        Found("a.yaml", False, under=""),
        WalkError(path, "cannot read folder: File name too long"),
        Found("z.yaml", False, under=""),
    ]


def test_repository_root(tree: Path) -> None:
    build(tree, {"r/.git": "gitdir: elsewhere", "r/d/a.yaml": ""})
    assert repository_root("r/d") == str(tree / "r")
    assert repository_root(str(tree)) is None
