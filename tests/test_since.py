"""`--since`: findings on lines that changed since the merge base, as Git sees them, and nothing of a repository runs for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.trees import build, commit

from imglint.engine import changed_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

    Git = Callable[..., None]
    Change = Callable[[Path], object]

SERVICE = "  {name}:\n    image: ghcr.io/acme/{name}:latest\n"
COMPOSE = "services:\n" + "".join([SERVICE.format(name=name) for name in "abcdefghij"])
DOCKERFILE = "ARG BASE=ghcr.io/acme/base:latest\nFROM ${BASE}\nUSER 1001\n"
POLICY = "rules: {latest-tag: error}\n"


@pytest.fixture
def tree(tmp_path: Path, git: Git) -> Path:
    """Return a repository with findings on a branch `base`, and a commit after it on the current branch."""
    root = tmp_path / "tree"
    root.mkdir()
    git(root, "init", "--quiet")
    files = {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE, "README": "old\n"}
    commit(git, root, files)
    git(root, "branch", "base")
    commit(git, root, {"README": "new\n"})
    return root


def lines(imglint: Imglint, *arguments: str, cwd: Path) -> list[str]:
    """Return the locations of the findings of a run, as `path:line`."""
    outcome = imglint("--format", "json", "--ignore", "implicit-registry", *arguments, cwd=cwd)
    assert outcome.err == ""
    found = json.loads(outcome.out)["findings"]
    assert outcome.status == bool(found)
    return [f"{finding['path']}:{finding['line']}" for finding in found]


def error(imglint: Imglint, *arguments: str, cwd: Path) -> str:
    outcome = imglint(*arguments, cwd=cwd)
    assert (outcome.status, outcome.out) == (2, "")
    return outcome.err.removesuffix("\n")


def edit(name: str, old: str, new: str) -> Change:
    """Return a change that replaces a text in a file."""

    def change(tree: Path) -> None:
        path = tree / name
        text = path.read_bytes()
        assert old.encode() in text
        path.write_bytes(text.replace(old.encode(), new.encode()))

    return change


def both(*changes: Change) -> Change:
    return lambda tree: [change(tree) for change in changes]


def move(old: str, new: str) -> Change:
    def change(tree: Path) -> None:
        (tree / new).parent.mkdir(exist_ok=True)
        (tree / old).rename(tree / new)

    return change


def write(name: str, text: str | bytes) -> Change:
    def change(tree: Path) -> None:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


ALL_OF_COMPOSE = [f"compose.yaml:{line}" for line in range(3, 23, 2)]
CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda tree: None, []),
    "a line": (edit("compose.yaml", "acme/c:", "acme/x:"), ["compose.yaml:7"]),
    "two lines": (both(edit("compose.yaml", "/c:", "/x:"), edit("compose.yaml", "/h:", "/y:")), ["compose.yaml:7", "compose.yaml:17"]),
    "lines that were added": (edit("compose.yaml", "  d:\n", SERVICE.format(name="x") + "  d:\n"), ["compose.yaml:9"]),
    "lines that were removed": (edit("compose.yaml", SERVICE.format(name="c"), ""), []),
    "a line without a finding": (edit("compose.yaml", "  c:\n", "  cc:\n"), []),
    "the last line without a line break": (edit("compose.yaml", "/j:latest\n", "/j:latest"), []),
    "the default of an argument": (edit("Dockerfile", "acme/base:", "acme/other:"), ["Dockerfile:1"]),
    "the FROM that uses an argument": (edit("Dockerfile", "FROM ${BASE}", "FROM  ${BASE}"), ["Dockerfile:1"]),
    "a file without findings": (write("README", "x"), []),
    "line breaks": (lambda tree: (tree / "compose.yaml").write_bytes(COMPOSE.replace("\n", "\r\n").encode()), []),
    "line breaks and a line": (
        lambda tree: (tree / "compose.yaml").write_bytes(COMPOSE.replace("\n", "\r\n").replace("/c:", "/x:").encode()),
        ["compose.yaml:7"],
    ),
    "an encoding": (write("compose.yaml", COMPOSE.encode("utf-16")), ALL_OF_COMPOSE),
    "a new file": (write("new/Dockerfile", "FROM a\nUSER 1\n\nFROM b\nUSER 1\n"), ["new/Dockerfile:1", "new/Dockerfile:4"]),
    "a new file with an odd name": (
        write('new/ä"\n\tb -> c Dockerfile', "FROM a\nUSER 1\n"), ['new/ä"\n\tb -> c Dockerfile:1'],
    ),
    "an odd name": (move("Dockerfile", 'b/ "\n@@ -1 +1 @@\nDockerfile'), []),
    "a file that moved": (move("compose.yaml", "deploy/compose.yaml"), []),
    "a file that moved and changed": (
        both(move("compose.yaml", "deploy/compose.yaml"), edit("deploy/compose.yaml", "/c:", "/x:")), ["deploy/compose.yaml:7"],
    ),
    "a file that was copied": (
        lambda tree: shutil.copy(tree / "Dockerfile", tree / "other.Dockerfile"), ["other.Dockerfile:1"],
    ),
    "lines that look like a diff": (
        both(edit("compose.yaml", "  b:\n", "# x\n++ b/0\n@@ -1 +5,9 @@\n".replace("++", "#++").replace("@@ -", "#@@ -") + "  b:\n")), [],
    ),
    "a file that became unreadable": (write("Dockerfile", b"FROM a\nFROM b\n# \xff\n"), ["Dockerfile:3"]),
    "a syntax error in another line": (
        edit("compose.yaml", "  j:\n", "\t{\n  j:\n"), ["compose.yaml:20"],
    ),
    "a folder in place of a file": (
        both(lambda tree: (tree / "README").unlink(), write("README/Dockerfile", "FROM a\nUSER 1\n")),
        ["README/Dockerfile:1"],
    ),
    "a file in place of a link": (
        both(lambda tree: (tree / "link.Dockerfile").unlink(), write("link.Dockerfile", "FROM a\nUSER 1\n")),
        ["link.Dockerfile:1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("state", ["untracked", "staged", "committed"])
def test_findings_on_changed_lines_are_reported(
    change: Change, expected: list[str], state: str, imglint: Imglint, tree: Path, git: Git
) -> None:
    if "link" in str(expected):
        (tree / "link.Dockerfile").symlink_to("Dockerfile")
        commit(git, tree)
        git(tree, "branch", "--force", "base")
    change(tree)
    if state != "untracked":
        git(tree, "add", "--all", ".")
    if state == "committed":
        commit(git, tree)
    assert lines(imglint, "--since", "base", cwd=tree) == expected


def test_uncommitted_changes_and_commits_count_together(imglint: Imglint, tree: Path, git: Git) -> None:
    edit("compose.yaml", "/a:", "/x:")(tree)
    commit(git, tree)
    edit("compose.yaml", "/c:", "/x:")(tree)
    git(tree, "add", "compose.yaml")
    edit("compose.yaml", "/e:", "/x:")(tree)
    assert lines(imglint, "--since", "base", cwd=tree) == ["compose.yaml:3", "compose.yaml:7", "compose.yaml:11"]
    assert lines(imglint, "--since", "HEAD", cwd=tree) == ["compose.yaml:7", "compose.yaml:11"]


def test_changes_of_the_other_branch_do_not_count(imglint: Imglint, tree: Path, git: Git) -> None:
    git(tree, "checkout", "--quiet", "-b", "mine")
    edit("compose.yaml", "/a:", "/x:")(tree)
    commit(git, tree)
    git(tree, "checkout", "--quiet", "base")
    edit("compose.yaml", "/j:", "/y:")(tree)
    commit(git, tree)
    git(tree, "checkout", "--quiet", "mine")
    assert lines(imglint, "--since", "base", cwd=tree) == ["compose.yaml:3"]


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [(["deploy/compose.yaml"], "."), (["."], "deploy"), (["../deploy"], "deploy"), (["deploy", "Dockerfile"], "."), ([], ".")],
)
def test_paths_are_those_of_the_repository(arguments: list[str], folder: str, imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {"deploy/compose.yaml": COMPOSE})
    edit("deploy/compose.yaml", "/a:", "/x:")(tree)
    found = lines(imglint, "--since", "HEAD", *arguments, cwd=tree / folder)
    assert [Path(path).name for path in found] == ["compose.yaml:3"]


def test_a_folder_reached_through_a_link(imglint: Imglint, tree: Path) -> None:
    edit("compose.yaml", "/a:", "/x:")(tree)
    (tree.parent / "link").symlink_to("tree")
    assert lines(imglint, "--since", "base", "link", cwd=tree.parent) == ["link/compose.yaml:3"]
    assert lines(imglint, "--since", "base", cwd=tree.parent / "link") == ["compose.yaml:3"]


def test_links_to_files(imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / "old.Dockerfile").symlink_to("Dockerfile")
    commit(git, tree)
    git(tree, "branch", "--force", "base")
    (tree / "new.Dockerfile").symlink_to("Dockerfile")
    assert lines(imglint, "--since", "base", cwd=tree) == ["new.Dockerfile:1"]
    edit("Dockerfile", "/base:", "/x:")(tree)
    (tree / "new.Dockerfile").unlink()
    assert lines(imglint, "--since", "base", cwd=tree) == ["Dockerfile:1", "old.Dockerfile:1"]
    outside = tree.parent / "outside"
    outside.write_text("FROM a\nUSER 1\n")
    (tree / "out.Dockerfile").symlink_to(outside)
    commit(git, tree)
    assert lines(imglint, "--since", "HEAD", "out.Dockerfile", cwd=tree) == ["out.Dockerfile:1"]


def test_several_repositories(imglint: Imglint, tree: Path) -> None:
    other = Path(shutil.copytree(tree, tree.parent / "other", symlinks=True))
    edit("compose.yaml", "/a:", "/x:")(tree)
    edit("compose.yaml", "/b:", "/x:")(other)
    assert lines(imglint, "--since", "base", "tree", "other", cwd=tree.parent) == ["other/compose.yaml:5", "tree/compose.yaml:3"]


def test_a_submodule_is_compared_with_the_commit_it_was_at(imglint: Imglint, tree: Path, git: Git) -> None:
    other = tree.parent / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    commit(git, other, {"Dockerfile": "FROM a\nUSER 1\n\n# More.\n\nFROM b\nUSER 1\n"})
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    commit(git, tree)
    assert lines(imglint, "--since", "HEAD", cwd=tree) == []
    edit("sub/Dockerfile", "FROM b", "FROM c")(tree)
    assert lines(imglint, "--since", "HEAD", cwd=tree) == ["sub/Dockerfile:6"]
    commit(git, tree / "sub")
    commit(git, tree)
    assert lines(imglint, "--since", "HEAD^", cwd=tree) == ["sub/Dockerfile:6"]
    # A commit that is not in the clone of the submodule.
    git(tree, "update-index", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(tree, "commit", "--quiet", "--message", "Another commit")
    assert lines(imglint, "--since", "HEAD", cwd=tree) == ["sub/Dockerfile:1", "sub/Dockerfile:6"]


def test_a_repository_with_sha256(imglint: Imglint, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    commit(git, tmp_path, {"compose.yaml": COMPOSE})
    assert lines(imglint, "--since", "HEAD", cwd=tmp_path) == []
    edit("compose.yaml", "/a:", "/x:")(tmp_path)
    assert lines(imglint, "--since", "HEAD", cwd=tmp_path) == ["compose.yaml:3"]


def test_a_commit_without_files(imglint: Imglint, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--quiet")
    commit(git, tmp_path)
    build(tmp_path, {"Dockerfile": "FROM a\nUSER 1\n"})
    assert lines(imglint, "--since", "HEAD", cwd=tmp_path) == ["Dockerfile:1"]


def test_files_that_git_ignores_are_new(imglint: Imglint, tree: Path) -> None:
    build(tree, {".gitignore": "local/\n", "local/Dockerfile": "FROM a\nUSER 1\n"})
    assert lines(imglint, "--since", "base", "local/Dockerfile", cwd=tree) == ["local/Dockerfile:1"]


@pytest.mark.parametrize(("text", "expected"), [(COMPOSE, []), (COMPOSE.replace("/b:", "/x:"), ["compose.yaml:5"]), ("", [])])
def test_standard_input_is_compared_with_the_file(
    text: str, expected: list[str], imglint: Imglint, tree: Path, stdin: Callable[[bytes], None]
) -> None:
    stdin(text.encode())
    edit("compose.yaml", "/a:", "/y:")(tree)
    assert lines(imglint, "--since", "base", "-", "--stdin-filename", "compose.yaml", cwd=tree) == expected


def test_standard_input_without_a_name_is_new(imglint: Imglint, tree: Path, stdin: Callable[[bytes], None]) -> None:
    policy = "kinds: {compose: ['-']}\n"
    build(tree, {".imglint.yaml": policy})
    stdin(COMPOSE.encode())
    assert len(lines(imglint, "--since", "base", "-", cwd=tree)) == 10


POLICIES: dict[str, tuple[Change, bool]] = {
    "an edited policy": (edit(".imglint.yaml", "error", "warning"), True),
    "a policy without a line": (edit(".imglint.yaml", "# more\n", ""), True),
    "no policy": (lambda tree: (tree / ".imglint.yaml").unlink(), True),
    "an edited file that it extends": (edit("parts/registry.yaml", "warning", "error"), True),
    "a new file that it extends": (
        both(edit(".imglint.yaml", "parts/registry", "parts/new"), write("parts/new.yaml", "fail-on: warning\n")), True,
    ),
    "a file that it does not extend": (write("parts/new.yaml", "fail-on: warning\n"), False),
}  # fmt: skip


@pytest.mark.parametrize("folder", [".", "deploy"])
@pytest.mark.parametrize(("change", "expected"), POLICIES.values(), ids=POLICIES.keys())
def test_a_change_of_the_policy_reports_all_findings(
    change: Change, expected: bool, folder: str, imglint: Imglint, tree: Path, git: Git
) -> None:
    policy = f"extends: [parts/registry.yaml]\n{POLICY}# more\n"
    files = {".imglint.yaml": policy, "parts/registry.yaml": "fail-on: warning\n", "deploy/Dockerfile": DOCKERFILE}
    commit(git, tree, files)
    change(tree)
    expected_lines = ["Dockerfile:1", *ALL_OF_COMPOSE, "deploy/Dockerfile:1"] if folder == "." else ["Dockerfile:1"]
    found = lines(imglint, "--since", "HEAD", cwd=tree / folder)
    assert sorted(found) == (sorted(expected_lines) if expected else [])


def test_a_new_policy_reports_all_findings(imglint: Imglint, tree: Path) -> None:
    build(tree, {".imglint.yaml": POLICY})
    assert len(lines(imglint, "--since", "HEAD", cwd=tree)) == 11


def test_a_policy_of_a_revision_is_compared_with_that_of_the_base(imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {".imglint.yaml": POLICY})
    git(tree, "branch", "--force", "base")
    (tree / ".imglint.yaml").unlink()
    assert lines(imglint, "--since", "base", "--config-from", "base", cwd=tree) == []
    commit(git, tree, {".imglint.yaml": POLICY.replace("error", "warning")})
    assert len(lines(imglint, "--since", "base", "--config-from", "HEAD", cwd=tree)) == 11
    assert lines(imglint, "--since", "HEAD", "--config-from", "HEAD", cwd=tree) == []


def test_a_policy_outside_of_the_repository_never_changed(imglint: Imglint, tree: Path) -> None:
    text = "exceptions:\n- {match: a, rules: [latest-tag], until: 2020-01-31}\n"
    build(tree.parent, {"policy.yaml": text})
    assert lines(imglint, "--since", "base", "--config", "../policy.yaml", cwd=tree) == []
    edit("compose.yaml", "/a:", "/x:")(tree)
    assert lines(imglint, "--since", "base", "--config", "../policy.yaml", cwd=tree) == ["compose.yaml:3"]


def test_findings_in_the_policy_are_reported_where_it_changed(imglint: Imglint, tree: Path, git: Git) -> None:
    text = "exceptions:\n- {match: a, rules: [latest-tag], until: 2020-01-31}\n"
    commit(git, tree, {".imglint.yaml": text})
    for more in ([], ["--config-from", "HEAD"]):
        assert lines(imglint, "--since", "HEAD", *more, cwd=tree) == []
        assert len(lines(imglint, "--since", "base", *more, cwd=tree)) == 12


def test_an_unused_policy_is_reported_where_it_changed(imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {".imglint.yaml": POLICY, "deploy/.imglint.yaml": POLICY, "deploy/Dockerfile": DOCKERFILE})
    git(tree, "branch", "--force", "base")
    for more in ([], ["--config-from", "HEAD"]):
        assert lines(imglint, "--since", "base", *more, cwd=tree) == []
    build(tree, {"deploy/.imglint.yaml": f"{POLICY}# More.\n"})
    assert lines(imglint, "--since", "base", cwd=tree) == ["deploy/.imglint.yaml:1"]
    assert lines(imglint, "--since", "base", "--config-from", "base", cwd=tree) == []
    commit(git, tree)
    assert lines(imglint, "--since", "base", "--config-from", "HEAD", cwd=tree) == ["HEAD:deploy/.imglint.yaml:1"]


def test_a_change_of_a_delegate_reports_its_findings(imglint: Imglint, tree: Path, git: Git) -> None:
    policy = f"delegates: [deploy/]\n{POLICY}"
    commit(git, tree, {".imglint.yaml": policy, "deploy/.imglint.yaml": POLICY, "deploy/Dockerfile": DOCKERFILE})
    edit("deploy/.imglint.yaml", "error", "warning")(tree)
    assert lines(imglint, "--since", "HEAD", cwd=tree) == ["deploy/Dockerfile:1"]


def test_no_name_of_a_file_hides_its_findings(imglint: Imglint, tree: Path, git: Git) -> None:
    build(tree, {"package:x/Dockerfile": DOCKERFILE, "None:x/Dockerfile": DOCKERFILE, "base:x/Dockerfile": DOCKERFILE})
    commit(git, tree, {".imglint.yaml": POLICY})
    expected = ["None:x/Dockerfile:1", "base:x/Dockerfile:1", "package:x/Dockerfile:1"]
    assert [line for line in lines(imglint, "--since", "base", cwd=tree) if ":x/" in line] == expected
    git(tree, "branch", "--force", "base")
    for name in ("package", "None", "base"):
        edit(f"{name}:x/Dockerfile", "/base:", "/x:")(tree)
    for more in ([], ["--config-from", "base"]):
        assert lines(imglint, "--since", "base", *more, cwd=tree) == expected


def test_a_baseline_has_all_findings(imglint: Imglint, tree: Path) -> None:
    edit("compose.yaml", "/a:", "/x:")(tree)
    assert lines(imglint, "--since", "base", "--write-baseline", "baseline.json", "--quiet", cwd=tree) == []
    assert len(json.loads((tree / "baseline.json").read_text())["findings"]) == 11
    assert lines(imglint, "--since", "base", "--baseline", "baseline.json", cwd=tree) == []
    edit("compose.yaml", "/b:", "/x:")(tree)
    outcome = imglint("--since", "base", "--baseline", "baseline.json", cwd=tree)
    assert outcome.status == 1
    assert outcome.out.startswith("compose.yaml:5:")


def test_an_internal_error_is_always_reported(imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("imglint.engine.facts.claim", fail)
    outcome = imglint("--since", "base", "compose.yaml", cwd=tree)
    assert outcome.status == 2
    assert "error internal-error: detecting the kind of this file failed" in outcome.out


def test_a_revision_that_cannot_be_used_is_an_error(imglint: Imglint, tree: Path, git: Git) -> None:
    unknown = "no such revision in this clone; fetch it first"
    for ref in ("nope", "", "base..HEAD", "HEAD:README"):
        assert error(imglint, "--since", ref, cwd=tree) == f"imglint: --since {ref}: {unknown}"
    assert error(imglint, "--since=--output=made", cwd=tree) == "imglint: --since --output=made: invalid revision"
    assert "given more than once" in error(imglint, "--since", "base", "--since", "HEAD", cwd=tree)
    git(tree, "checkout", "--quiet", "--orphan", "other")
    git(tree, "commit", "--quiet", "--message", "Another history")
    assert error(imglint, "--since", "base", cwd=tree) == "imglint: --since base: no common ancestor with HEAD"
    git(tree, "checkout", "--quiet", "--orphan", "unborn")
    assert error(imglint, "--since", "base", cwd=tree) == "imglint: --since base: git: Not a valid object name HEAD"


def test_no_repository_is_an_error(imglint: Imglint, tree: Path) -> None:
    build(tree.parent, {"outside/Dockerfile": DOCKERFILE})
    message = f"imglint: --since base: {tree.parent / 'outside'} is not in a Git repository"
    assert error(imglint, "--since", "base", "../outside", ".", cwd=tree) == message


def test_a_shallow_clone_has_no_common_ancestor(imglint: Imglint, tree: Path, git: Git) -> None:
    git(tree, "branch", "change")
    git(tree, "checkout", "--quiet", "base")
    commit(git, tree, {"README": "other\n"})
    clone = tree.parent / "clone"
    git(tree, "clone", "--quiet", "--depth", "1", "--branch", "change", f"file://{tree}", str(clone))
    git(clone, "fetch", "--quiet", "--depth", "1", "origin", "base:base")
    advice = "fetch the history, for example with `git fetch --unshallow`"
    assert error(imglint, "--since", "base", cwd=clone) == (
        f"imglint: --since base: no common ancestor with HEAD in this shallow clone; {advice}"
    )
    git(clone, "fetch", "--quiet", "--unshallow")
    assert lines(imglint, "--since", "base", cwd=clone) == []


def test_a_partial_clone_asks_no_server(imglint: Imglint, tree: Path, git: Git) -> None:
    git(tree, "config", "uploadpack.allowFilter", "true")
    clone = tree.parent / "clone"
    git(tree, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{tree}", str(clone))
    git(clone, "config", "remote.origin.url", f"ext::touch {clone}/made")
    build(clone, {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE.replace("/base:", "/x:")})
    message = "imglint: --since HEAD: files of the merge base are missing in this partial clone; clone without `--filter`"
    assert error(imglint, "--since", "HEAD", cwd=clone) == message
    # The name of a blob is enough for an unchanged file.
    build(clone, {"Dockerfile": DOCKERFILE})
    assert lines(imglint, "--since", "HEAD", cwd=clone) == []
    assert not (clone / "made").exists()


def test_git_that_is_not_installed_is_an_error(imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert error(imglint, "--since", "base", cwd=tree) == "imglint: --since base: Git is not installed; install it"


@pytest.mark.parametrize("command", ["ls-tree", "cat-file", "diff"])
def test_git_that_fails_is_an_error(command: str, imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit("compose.yaml", "/a:", "/x:")(tree)
    (tree.parent / "bin").mkdir()
    (tree.parent / "bin" / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" {command} "*) echo "fatal: no" >&2; exit 128;; esac\nexec {shutil.which("git")} "$@"\n'
    )
    (tree.parent / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tree.parent / "bin"))
    assert error(imglint, "--since", "base", cwd=tree) == "imglint: --since base: git: no"


def test_configuration_and_attributes_have_no_effect(
    imglint: Imglint, tree: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, home = tree.parent / "made", tree.parent / "home"
    command = f"touch {made}"
    for key in ("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "core.pager"):
        git(tree, "config", key, command)
    for key, value in (("required", "true"), ("process", command)):
        git(tree, "config", f"filter.evil.{key}", value)
    for key, value in (("noprefix", "false"), ("mnemonicPrefix", "true"), ("interHunkContext", "9"), ("context", "9")):
        git(tree, "config", f"diff.{key}", value)
    build(home, {".gitconfig": "[diff]\nexternal = false\n[color]\nui = always\n[core]\nautocrlf = true\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "nowhere")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", command)
    build(tree, {".gitattributes": "* filter=evil diff=evil -text\n", ".git/info/attributes": "* filter=evil diff=evil\n"})
    both(edit("compose.yaml", "/c:", "/x:"), edit("compose.yaml", "/e:", "/y:"))(tree)
    made.unlink(missing_ok=True)
    assert lines(imglint, "--since", "base", cwd=tree) == ["compose.yaml:7", "compose.yaml:11"]
    assert not made.exists()


def test_nothing_is_written_to_the_repository(imglint: Imglint, tree: Path, git: Git) -> None:
    edit("compose.yaml", "/c:", "/x:")(tree)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    assert lines(imglint, "--since", "base", cwd=tree) == ["compose.yaml:7"]
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_many_deleted_files_are_not_compared(imglint: Imglint, tree: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, tree, {f"{number}.txt": f"{number}\n" for number in range(3)})
    for path in tree.glob("*.txt"):
        path.unlink()
    both(move("compose.yaml", "docker-compose.yaml"), move("Dockerfile", "x.Dockerfile"))(tree)
    edit("docker-compose.yaml", "/c:", "/x:")(tree)
    monkeypatch.setattr(changed_lines, "RENAMED_MAX", 5)
    assert lines(imglint, "--since", "HEAD", cwd=tree) == ["docker-compose.yaml:7"]
    monkeypatch.setattr(changed_lines, "RENAMED_MAX", 4)
    # The file that moved without a change is still recognized.
    assert len(lines(imglint, "--since", "HEAD", cwd=tree)) == 10


@pytest.mark.parametrize(("limit", "count"), [(len(COMPOSE), 1), (len(COMPOSE) - 1, 10)])
def test_large_files_are_not_compared(
    limit: int, count: int, imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_lines, "COMPARED_MAX", limit)
    assert lines(imglint, "--since", "base", cwd=tree) == []
    edit("compose.yaml", "/c:", "/x:")(tree)
    assert len(lines(imglint, "--since", "base", cwd=tree)) == count


def test_the_changed_lines_are_those_of_git(imglint: Imglint, tree: Path, git: Git) -> None:
    text = "".join([f"FROM a{number % 7}\nUSER 1\n" for number in range(60)])
    commit(git, tree, {"Dockerfile": text})
    rows = text.splitlines(keepends=True)
    changed = rows[:10] + rows[16:40] + rows[2:9] + rows[40:90:2] + ["FROM new\n"] + rows[90:]
    build(tree, {"Dockerfile": "".join(changed)})
    shown = subprocess.run(["git", "diff", "-U0"], cwd=tree, capture_output=True, text=True, check=True).stdout
    expected: list[int] = []
    for line in shown.splitlines():
        if line.startswith("@@"):
            first, _, count = line.split("+")[1].split(" ")[0].partition(",")
            expected += range(int(first), int(first) + int(count or 1))
    found = lines(imglint, "--select", "latest-tag", "--since", "HEAD", cwd=tree)
    assert found == [f"Dockerfile:{line}" for line in expected if changed[line - 1].startswith("FROM")]
    assert found
