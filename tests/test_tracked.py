"""A run over a tree reads what Git tracks, whatever .gitignore says, and so agrees with a hook that gets all tracked files."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from imglint import git_index
from imglint.engine.discover import IGNORED, LINK, Found, Skipped, WalkError, discover

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Imglint

    Git = Callable[..., None]

LATEST = "FROM quay.io/a/b:latest\nUSER 1001\n"


def build(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


@pytest.fixture
def tree(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def walked(*paths: str, excluded: str = "") -> tuple[list[str], list[tuple[str, bool, str]]]:
    """Return what a discovery finds, and what it skips."""
    skipped: list[Skipped] = []
    entries = list(
        discover(paths, lambda path: path.endswith(".yaml"), lambda path, _is_folder: path == excluded, skipped.append)
    )
    assert all(isinstance(entry, Found) for entry in entries)
    return [entry.path for entry in entries], [(entry.path, entry.is_folder, entry.reason) for entry in skipped]


CASES: dict[str, tuple[str, list[str], list[str], list[str], list[str], list[tuple[str, bool, str]]]] = {
    # Lines of .gitignore, tracked files, other files, paths, what is found, and what is skipped.
    "a file": ("a.yaml", ["a.yaml"], ["d/a.yaml"], [""], ["a.yaml"], [("d/a.yaml", False, IGNORED)]),
    "a folder": ("manager", ["manager/a.yaml", "manager/d/b.yaml"], [], [""], ["manager/a.yaml", "manager/d/b.yaml"], []),
    "other files in an ignored folder": (
        "d/",
        ["d/e/a.yaml", "d/b.txt"],
        ["d/b.yaml", "d/c.txt", "d/f/c.yaml", "d/e/g/a.yaml"],
        [""],
        ["d/e/a.yaml"],
        [("d/b.yaml", False, IGNORED), ("d/e/g", True, IGNORED), ("d/f", True, IGNORED)],
    ),
    "a pattern of an ignored folder includes nothing again": (
        "d/",
        ["d/a.yaml"],
        ["d/.gitignore", "d/b.yaml"],
        [""],
        ["d/a.yaml"],
        [("d/b.yaml", False, IGNORED)],
    ),
    "folders of tools": (
        "venv",
        ["node_modules/a.yaml", "venv/d/a.yaml"],
        ["node_modules/b.yaml", "node_modules/d/a.yaml", ".tox/a.yaml"],
        [""],
        ["node_modules/a.yaml", "venv/d/a.yaml"],
        [(".tox", True, ".tox"), ("node_modules/b.yaml", False, "node_modules"), ("node_modules/d", True, "node_modules")],
    ),
    "a folder of tools in an ignored folder": (
        "d",
        ["d/a.yaml", "d/venv/a.yaml"],
        ["d/venv/b.yaml", "d/node_modules/x"],
        [""],
        ["d/a.yaml", "d/venv/a.yaml"],
        [("d/node_modules", True, "node_modules"), ("d/venv/b.yaml", False, "venv")],
    ),
    "an ignored folder that is named": ("d", ["d/a.yaml"], ["d/b.yaml"], ["d"], ["d/a.yaml"], [("d/b.yaml", False, IGNORED)]),
    "a folder in an ignored folder": ("d", ["d/e/a.yaml"], ["d/e/b.yaml"], ["d/e/"], ["d/e/a.yaml"], [("d/e/b.yaml", False, IGNORED)]),
    "a named folder without tracked files": ("d", ["d/e/a.yaml"], ["d/f/b.yaml"], ["d/f"], [], [("d/f", True, IGNORED)]),
    "a folder of tools that is named too": (
        "",
        ["venv/a.yaml"],
        ["venv/b.yaml", "venv/d/c.yaml", "venv/e/c.txt"],
        ["", "venv/"],
        ["venv/a.yaml", "venv/b.yaml", "venv/d/c.yaml"],
        [],
    ),
    "a folder in one of tools that is named too": (
        "",
        ["venv/a.yaml"],
        ["venv/b.yaml", "venv/d/x", "venv/e/c.txt"],
        ["", "venv/d"],
        ["venv/a.yaml"],
        [("venv/b.yaml", False, "venv"), ("venv/e", True, "venv")],
    ),
    "names that begin with that of a folder": ("d", ["d.yaml", "d-e/a.yaml"], ["d/a.yaml"], [""], ["d-e/a.yaml", "d.yaml"], [("d", True, IGNORED)]),
    "a file that is not there": ("d", ["d/a.yaml", "d/-gone.yaml"], [], [""], ["d/a.yaml"], []),
    "a folder instead of a file": ("d", ["d/a.yaml"], ["d/-gone.yaml/a.yaml"], [""], ["d/a.yaml"], [("d/-gone.yaml", True, IGNORED)]),
    "nothing tracked": ("*.yaml", [], ["a.yaml"], [""], [], [("a.yaml", False, IGNORED)]),
}  # fmt: skip


@pytest.mark.parametrize(("patterns", "tracked", "others", "paths", "expected", "skipped"), CASES.values(), ids=CASES.keys())
def test_tracked_files_are_read(
    patterns: str, tracked: list[str], others: list[str], paths: list[str], expected: list[str], skipped: list[tuple[str, bool, str]],
    tree: Path, git: Git,
) -> None:  # fmt: skip
    build(tree, *tracked)
    git(tree, "add", "--all")
    for gone in tree.glob("*/-gone.yaml"):
        gone.unlink()
    build(tree, *others)
    (tree / ".gitignore").write_text(patterns)
    assert walked(*paths) == (expected, skipped)


def test_the_index_is_read_only_before_something_is_skipped(tree: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(git_index, "read_index", read.append)
    build(tree, "a.yaml", "d/b.yaml", "d/x.gen")
    (tree / ".gitignore").write_text("*.gen\nz\n")
    assert walked("", "d") == (["a.yaml", "d/b.yaml"], [])
    assert read == []
    build(tree, "d/z/a.yaml", "venv/x", "z/b.yaml")
    assert len(walked("", "d")[1]) == 3
    assert read == [str(tree)]
    read.clear()
    assert walked("", excluded="venv")[1] == [("d/z", True, IGNORED), ("z", True, IGNORED)]
    assert read == [str(tree)]


def test_what_is_excluded_is_not_read(tree: Path, git: Git) -> None:
    build(tree, "d/a.yaml", "d/b.yaml", "e/a.yaml")
    git(tree, "add", "--all")
    (tree / ".gitignore").write_text("d\ne\n")
    assert walked("", excluded="d/a.yaml") == (["d/b.yaml", "e/a.yaml"], [])
    assert walked("", excluded="d") == (["e/a.yaml"], [])


def test_links_to_tracked_files_are_read(tree: Path, git: Git) -> None:
    build(tree, "d/a.txt", "node_modules/a.txt", "b.txt")
    (tree / "d" / "link.yaml").symlink_to("../b.txt")
    (tree / "d" / "out.yaml").symlink_to("/etc/hostname")
    git(tree, "add", "--all")
    build(tree, "d/untracked.txt")
    (tree / ".gitignore").write_text("d\n")
    for name, target in {
        "1": "d/a.txt",
        "2": "node_modules/a.txt",
        "3": "d/link.yaml",
        "4": "d/untracked.txt",
        "5": ".git/config",
    }.items():
        (tree / f"{name}.yaml").symlink_to(target)
    found = ["1.yaml", "2.yaml", "3.yaml", "d/link.yaml"]
    assert walked("") == (found, [("4.yaml", False, LINK), ("5.yaml", False, LINK), ("d/out.yaml", False, LINK)])


def test_a_folder_may_be_named_by_a_link(tree: Path, git: Git) -> None:
    build(tree, "d/a.yaml")
    git(tree, "add", "--all")
    (tree / "link").symlink_to("d")
    (tree / ".gitignore").write_text("*.yaml\n")
    assert walked("link")[0] == ["link/a.yaml"]


def test_names_that_are_not_utf_8(tree: Path, git: Git) -> None:
    build(tree, "d/\udcff.yaml", "d/\U0001f600.yaml", "d/é.yaml")
    git(tree, "add", "--all")
    build(tree, "d/\udcfe.yaml")
    (tree / ".gitignore").write_text("d\n")
    assert walked("") == (["d/é.yaml", "d/\udcff.yaml", "d/\U0001f600.yaml"], [("d/\udcfe.yaml", False, IGNORED)])


@pytest.fixture
def submodules(tree: Path, git: Git, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with submodules of the same contents in two folders, and a clone of them in a third one."""
    inner = tmp_path_factory.mktemp("inner")
    git(inner, "init", "--quiet")
    build(inner, "a.yaml", "gen/b.yaml")
    (inner / ".gitignore").write_text("untracked.yaml\n")
    git(inner, "add", "--all")
    git(inner, "commit", "--quiet", "--message", "One")
    for folder in ("libs/inner", "node_modules/inner"):
        git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), folder)
    git(tree, "clone", "--quiet", str(inner), "clone")
    for folder in ("libs/inner", "node_modules/inner", "clone"):
        build(tree, f"{folder}/untracked.yaml", f"{folder}/gen/c.yaml", f"{folder}/new.yaml")
    return tree


def test_submodules_have_an_index_and_a_gitignore_of_their_own(submodules: Path) -> None:
    (submodules / ".gitignore").write_text("libs\ngen\na.yaml\n")
    found, skipped = walked("")
    contents = ["a.yaml", "gen/b.yaml", "gen/c.yaml", "new.yaml"]
    whole = [f"{folder}/{name}" for folder in ("libs/inner", "node_modules/inner") for name in contents]
    # The .gitignore of the repository around applies to a clone that is no submodule.
    assert found == ["clone/a.yaml", "clone/gen/b.yaml", "clone/new.yaml", *whole]
    assert skipped == [
        ("clone/gen/c.yaml", False, IGNORED),
        *[(f"{folder}/untracked.yaml", False, IGNORED) for folder in ("clone", "libs/inner", "node_modules/inner")],
    ]
    assert walked("libs")[0] == walked("libs/inner")[0] == whole[:4]
    assert walked("libs/inner/gen")[0] == whole[1:3]
    assert walked("node_modules/inner")[0] == whole[4:]


def test_a_clone_that_git_ignores_is_skipped(submodules: Path) -> None:
    (submodules / ".gitignore").write_text("clone\nlibs\n")
    assert ("clone", True, IGNORED) in walked("")[1]
    # A submodule that is not checked out has no files of its own.
    for path in (submodules / "libs" / "inner" / ".git", submodules / "node_modules" / "inner" / ".git"):
        path.unlink()
    assert {("libs/inner", True, IGNORED), ("node_modules/inner", True, "node_modules")} <= {*walked("")[1]}


REASON = (
    ".gitignore not applied: cannot read the Git index: damaged or in an unknown format; run `git status` for the error of Git"
)


def test_an_index_that_cannot_be_read_is_reported_once(tree: Path) -> None:
    build(tree, "a.yaml", "d/a.yaml", "d/e/b.yaml", "d/venv/a.yaml", "venv/a.yaml", "f/.git/HEAD", "f/a.yaml")
    (tree / ".gitignore").write_text("a.yaml\nd/e\n")
    (tree / ".git" / "index").write_bytes(b"DIRC")
    for paths, prefix in ((["", "d"], ""), ([str(tree)], f"{tree}/"), (["."], "./")):
        skipped: list[Skipped] = []
        entries = list(discover(paths, lambda path: path.endswith(".yaml"), lambda *_: False, skipped.append))
        found = [entry.path.removeprefix(prefix) for entry in entries if isinstance(entry, Found)]
        assert found == ["a.yaml", "d/a.yaml", "d/e/b.yaml"]
        assert [entry for entry in entries if isinstance(entry, WalkError)] == [WalkError(".git", REASON)]
        # Folders of tools are skipped, and the other repository has no index.
        assert [entry.path.removeprefix(prefix) for entry in skipped] == ["d/venv", "f/a.yaml", "venv"]
    (tree / "link.yaml").symlink_to("d/e/b.yaml")
    assert ("link.yaml", LINK) in [(entry.path, entry.reason) for entry in _skipped()]


def _skipped() -> list[Skipped]:
    skipped: list[Skipped] = []
    list(discover([""], lambda path: path.endswith(".yaml"), lambda *_: False, skipped.append))
    return skipped


def test_an_ignored_folder_of_an_index_that_cannot_be_read_is_walked(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    build(tree, "d/e/a.yaml", "d/.gitignore")
    (tree / ".gitignore").write_text("d\n")
    (tree / ".git" / "index").write_bytes(b"DIRC")
    entries = list(discover(["d/e"], lambda path: path.endswith(".yaml"), lambda *_: False))
    assert entries == [WalkError(".git", REASON), Found("d/e/a.yaml", False, under="d/e")]
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert WalkError(str(tree / ".git"), REASON) in discover([str(tree)], lambda path: path.endswith(".yaml"), lambda *_: False)


def test_errors_of_a_walk_are_in_the_order_of_the_findings(tree: Path, imglint: Imglint) -> None:
    for folder in ("", "a", "z"):
        (tree / folder).mkdir(exist_ok=True)
        (tree / folder / "Dockerfile").write_text(LATEST)
    (tree / ".gitignore").write_text("a\n")
    (tree / ".git" / "index").write_bytes(b"DIRC")
    os.mkfifo(tree / "z" / ".gitignore")
    findings = json.loads(imglint("--format", "json").out)["findings"]
    assert [(finding["path"], finding["rule"]) for finding in findings] == [
        (".git", "unread-file"),
        ("Dockerfile", "latest-tag"),
        ("a/Dockerfile", "latest-tag"),
        ("z/.gitignore", "unread-file"),
        ("z/Dockerfile", "latest-tag"),
    ]


@pytest.fixture
def deployed(tree: Path, git: Git) -> Path:
    """Return a repository in which .gitignore names the folders and files that hold its manifests."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: nginx}]}\n"
    kustomization = "resources: [pod.yaml]\nimages: [{name: nginx, newTag: latest}]\n"
    for name in ("config/manager/pod.yaml", "config/kustomize/pod.yaml", "deploy/pod.yaml", "node_modules/x/pod.yaml"):
        build(tree, name)
        (tree / name).write_text(pod)
    for name in ("config/kustomize/kustomization.yaml", "config/manager/kustomization.yaml"):
        (tree / name).write_text(kustomization)
    (tree / "config" / "manager" / "Dockerfile").write_text(LATEST)
    (tree / "config" / "manager" / "Dockerfile.link").symlink_to("Dockerfile")
    git(tree, "add", "--all")
    (tree / ".gitignore").write_text("manager\nkustomize\n*.yaml\n")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "One")
    for name in ("untracked.yaml", "config/manager/untracked.yaml"):
        (tree / name).write_text(pod)
    return tree


def test_a_run_over_the_tree_agrees_with_a_hook(deployed: Path, imglint: Imglint) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True).stdout.decode().split("\0")[:-1]
    by_name, whole = (json.loads(imglint("--format", "json", *paths).out) for paths in (listed, []))
    assert whole["findings"] == by_name["findings"]
    assert {finding["path"] for finding in whole["findings"]} >= {
        "config/manager/Dockerfile", "config/manager/Dockerfile.link", "config/manager/pod.yaml", "config/kustomize/pod.yaml",
        "deploy/pod.yaml", "node_modules/x/pod.yaml",
    }  # fmt: skip
    assert whole["summary"]["skipped"] == 2
    assert "2 files skipped: ignored by Git" in imglint().out


def test_a_commit_of_some_files_is_checked_by_its_own_index(
    deployed: Path, imglint: Imglint, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deployed / ".git" / "own").write_bytes((deployed / ".git" / "index").read_bytes())
    git(deployed, "add", "--force", "untracked.yaml")
    paths = {finding["path"] for finding in json.loads(imglint("--format", "json").out)["findings"]}
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/own")
    assert {finding["path"] for finding in json.loads(imglint("--format", "json").out)["findings"]} == paths - {"untracked.yaml"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("config/manager/pod.yaml", ""),
        ("node_modules/x/pod.yaml", ""),
        ("config/manager/untracked.yaml", "walk checked only if named, because it is ignored by a .gitignore"),
        ("node_modules/x/new.yaml", "walk checked only if named, because folders named node_modules are skipped"),
    ],
)
def test_explain_agrees(path: str, expected: str, deployed: Path, imglint: Imglint) -> None:
    (deployed / "node_modules" / "x" / "new.yaml").write_text((deployed / "deploy" / "pod.yaml").read_text())
    shown = " ".join(imglint("explain", path).out.split())
    assert expected in shown
    assert ("walk checked" in shown) is bool(expected)


def test_a_folder_of_tools_above_the_repository_is_no_reason(tmp_path: Path, imglint: Imglint, git: Git) -> None:
    root = tmp_path / "venv" / "src"
    root.mkdir(parents=True)
    git(root, "init", "--quiet")
    (root / "Dockerfile").write_text(LATEST)
    assert "checked only if named" not in imglint("explain", "Dockerfile", cwd=root).out
