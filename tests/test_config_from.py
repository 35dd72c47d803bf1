"""`--config-from`: the policy of a Git revision decides, and no file, configuration or variable of the checkout changes that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.trees import build, commit

from imglint.policy import revision

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

    Git = Callable[..., None]

IMGLINT = str(Path(sys.executable).parent / "imglint")
POLICY = "images:\n- match: ghcr.io/**\n"
LOOSE = "images:\n- match: '**'\n"
UNAPPROVED = "FROM quay.io/a/b:1\nUSER 1\n"


@pytest.fixture
def tree(tmp_path: Path, git: Git) -> Path:
    """Return a repository with a branch `base`, which has a policy, and a file that the policy does not approve."""
    git(tmp_path, "init", "--quiet")
    commit(git, tmp_path, {".imglint.yaml": POLICY, "deploy/Dockerfile": UNAPPROVED})
    git(tmp_path, "branch", "base")
    return tmp_path


def rules_of(imglint: Imglint, *arguments: str, cwd: Path | None = None) -> list[str]:
    """Return the rules of the findings of a run."""
    outcome = imglint("--format", "json", *arguments, cwd=cwd)
    assert outcome.err == ""
    return [finding["rule"] for finding in json.loads(outcome.out)["findings"]]


def error(imglint: Imglint, *arguments: str, cwd: Path | None = None) -> str:
    """Return the error of a run that fails."""
    outcome = imglint(*arguments, cwd=cwd)
    assert (outcome.status, outcome.out) == (2, "")
    return outcome.err.removesuffix("\n")


def link_to_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


CHANGES: dict[str, Callable[[Path], object]] = {
    "unchanged": lambda tree: None,
    "loosened": lambda tree: (tree / ".imglint.yaml").write_text(LOOSE),
    "deleted": lambda tree: (tree / ".imglint.yaml").unlink(),
    "broken": lambda tree: (tree / ".imglint.yaml").write_text("images: ["),
    "a policy nearer to the file": lambda tree: (tree / "deploy" / ".imglint.yaml").write_text(LOOSE),
    "a link": lambda tree: link_to_device(tree / ".imglint.yaml"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("is_committed", [False, True])
def test_changes_of_the_policy_have_no_effect(
    change: Callable[[Path], object], is_committed: bool, imglint: Imglint, tree: Path, git: Git
) -> None:
    change(tree)
    if is_committed:
        (tree / "more").write_text("")
        commit(git, tree)
    for folder in (tree, tree / "deploy"):
        assert rules_of(imglint, "--config-from", "base", cwd=folder) == ["unapproved-image"]


def test_a_change_of_the_policy_has_an_effect_without_the_option(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(LOOSE)
    assert rules_of(imglint) == []


def test_the_outermost_policy_of_the_revision_counts(imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {"deploy/.imglint.yaml": LOOSE, "deploy/deep/Dockerfile": UNAPPROVED})
    shutil.rmtree(tree / ".git" / "logs")
    for folder in (tree, tree / "deploy", tree / "deploy" / "deep"):
        assert "unapproved-image" in rules_of(imglint, "--config-from", "HEAD", cwd=folder)
    (tree / ".imglint.yaml").unlink()
    commit(git, tree)
    assert rules_of(imglint, "--config-from", "HEAD", cwd=tree / "deploy" / "deep") == []
    assert rules_of(imglint, "--config-from", "base", cwd=tree / "deploy" / "deep") == ["unapproved-image"]


def test_extended_files_come_from_the_revision_too(imglint: Imglint, tree: Path, git: Git) -> None:
    extending = "extends: [../shared/registry.yaml]\n"
    files = {".imglint.yaml": "delegates: [deploy]\n", "shared/registry.yaml": POLICY, "shared/more.yaml": LOOSE}
    commit(git, tree, {"deploy/.imglint.yaml": extending, **files})
    build(tree, {"deploy/.imglint.yaml": LOOSE, "shared/registry.yaml": LOOSE})
    assert rules_of(imglint, "--config-from", "HEAD", cwd=tree / "deploy") == ["unapproved-image"]


def test_patterns_are_relative_to_the_folder_of_the_policy(imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / ".imglint.yaml").unlink()
    commit(git, tree, {"deploy/.imglint.yaml": POLICY + "exclude: [old/]\n", "deploy/old/Dockerfile": UNAPPROVED})
    assert rules_of(imglint, "--config-from", "HEAD", cwd=tree / "deploy") == ["unapproved-image"]


def test_findings_name_the_revision(imglint: Imglint, tree: Path, git: Git) -> None:
    text = "\nrules: {unapproved-image: error}\nexceptions:\n- {match: a, rules: [latest-tag], until: 2020-01-31}\n"
    commit(git, tree, {".imglint.yaml": POLICY + text})
    (tree / ".imglint.yaml").unlink()
    shown = imglint("--config-from", "HEAD").out
    assert "not an approved image; approved here: ghcr.io/** (HEAD:.imglint.yaml:4)\n" in shown
    assert (
        "HEAD:.imglint.yaml:6:3: error expired-exception: exception expired on 2020-01-31\n"
        "    6 | - {match: a, rules: [latest-tag], until: 2020-01-31}\n"
    ) in shown
    for name in ("json", "sarif", "github", "gitlab"):
        assert imglint("--config-from", "HEAD", "--format", name).status == 1


def test_explain_and_images_take_the_option(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(LOOSE)
    explained = imglint("explain", "deploy/Dockerfile", "--config-from", "base").out
    assert "policy       base:.imglint.yaml\n" in explained
    assert "error unapproved-image" in explained
    places = json.loads(imglint("images", "--config-from", "base", "--format", "json").out)
    assert [place["row"] for place in places] == [None]
    assert imglint("--config-from", "base", "--verbose").err.startswith("policy: base:.imglint.yaml\n")


@pytest.mark.parametrize("ref", ["HEAD", "base", "refs/heads/base", "v1", "HEAD~0", "base^{commit}"])
def test_revisions(ref: str, imglint: Imglint, tree: Path, git: Git) -> None:
    git(tree, "tag", "--annotate", "--message", "One", "v1")
    assert rules_of(imglint, "--config-from", ref) == ["unapproved-image"]


@pytest.mark.parametrize(
    "ref", ["nope", "origin/main", "", " ", "HEAD:deploy", "HEAD^{tree}", "base..HEAD", "\n", "0" * 40, "deadbeef" * 5, "\udcff"]
)
def test_an_unknown_revision_is_an_error(ref: str, imglint: Imglint, tree: Path) -> None:
    shown = ref.encode("unicode_escape").decode() if ref == "\n" else "\\udcff" if ref == "\udcff" else ref
    assert (
        error(imglint, "--config-from", ref) == f"imglint: --config-from {shown}: no such revision in this clone; fetch it first"
    )


@pytest.mark.parametrize("ref", ["-h", "--git-dir=/tmp", "--output=made", "-"])
def test_a_revision_is_no_option_of_git(ref: str, imglint: Imglint, tree: Path) -> None:
    assert error(imglint, f"--config-from={ref}") == f"imglint: --config-from {ref}: invalid revision"
    assert not (tree / "made").exists()


def test_two_policies_are_an_error(imglint: Imglint, tree: Path) -> None:
    for config in (".imglint.yaml", ""):
        message = error(imglint, "--config", config, "--config-from", "base")
        assert message == "imglint: --config and --config-from exclude each other; leave one out"


def test_two_revisions_are_an_error(imglint: Imglint, tree: Path) -> None:
    assert "given more than once" in error(imglint, "--config-from", "base", "--config-from", "HEAD")


def test_a_revision_without_a_policy_is_an_error(imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / ".imglint.yaml").unlink()
    commit(git, tree)
    build(tree, {".imglint.yaml": LOOSE})
    expected = "imglint: --config-from HEAD: this revision has no .imglint.yaml; use another revision, or --config"
    for folder in (tree, tree / "deploy"):
        assert error(imglint, "--config-from", "HEAD", cwd=folder) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rulez: {}\n", "HEAD:.imglint.yaml:1:1: unknown key `rulez`; did you mean `rules`?"),
        ("\nfail-on: [\n", "HEAD:.imglint.yaml:3:1: invalid YAML: "),
        ("extends: [gone.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:gone.yaml: no such file in this revision"),
        ("extends: [deploy]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:deploy: not a regular file"),
        ("extends: [../x.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:../x.yaml: outside of the repository"),
        ("extends: [/x.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:/x.yaml: outside of the repository"),
        ("extends: [.]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:.: no such file in this revision"),
        ('extends: ["a\\0b"]\n', "HEAD:.imglint.yaml:1:12: extends: invalid path 'HEAD:a\\x00b'"),
        ("extends: [deploy/../.imglint.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: circular reference to HEAD:.imglint.yaml"),
        ("extends: [deploy/link.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:deploy/link.yaml: is a symbolic link,"),
        ("extends: [folder/link.yaml]\n", "HEAD:.imglint.yaml:1:11: extends: cannot read HEAD:folder/link.yaml: no such file"),
        ("extends: ['*.yaml']\n", "HEAD:.imglint.yaml:1:12: extends: cannot read HEAD:*.yaml: no such file"),
        ("extends: [':(glob)*']\n", "HEAD:.imglint.yaml:1:12: extends: cannot read HEAD::(glob)*: no such file"),
    ],
)  # fmt: skip
def test_errors_in_the_policy_name_the_revision(text: str, expected: str, imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / "deploy" / "link.yaml").symlink_to("../.imglint.yaml")
    (tree / "folder").symlink_to("deploy")
    commit(git, tree, {".imglint.yaml": text})
    assert error(imglint, "--config-from", "HEAD").startswith(expected)


def test_a_policy_that_is_a_link_is_not_followed(imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / ".imglint.yaml").unlink()
    (tree / ".imglint.yaml").symlink_to("deploy/policy.yaml")
    commit(git, tree, {"deploy/policy.yaml": LOOSE})
    message = error(imglint, "--config-from", "HEAD")
    assert message.startswith("HEAD:.imglint.yaml:1:1: cannot read policy: is a symbolic link, ")


def test_a_policy_that_is_no_text_is_an_error(imglint: Imglint, tree: Path, git: Git) -> None:
    (tree / ".imglint.yaml").write_bytes(b"fail-on: error\n# \xe9\n")
    commit(git, tree)
    assert error(imglint, "--config-from", "HEAD") == "HEAD:.imglint.yaml:2:3: cannot read policy: not valid UTF-8"


def test_a_policy_in_a_submodule_is_not_read(
    imglint: Imglint, tree: Path, git: Git, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    commit(git, other, {".imglint.yaml": LOOSE})
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    commit(git, tree, {".imglint.yaml": "extends: [sub/.imglint.yaml]\n"})
    assert error(imglint, "--config-from", "HEAD").endswith("cannot read HEAD:sub/.imglint.yaml: no such file in this revision")
    # A submodule belongs to the repository around it.
    build(tree, {"sub/Dockerfile": UNAPPROVED})
    assert rules_of(imglint, "--config-from", "base", cwd=tree / "sub") == ["unapproved-image"]


def test_a_shallow_clone_has_only_what_was_fetched(
    imglint: Imglint, tree: Path, git: Git, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit(git, tree, {".imglint.yaml": LOOSE})
    git(tree, "branch", "change")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(clone.parent, "clone", "--quiet", "--depth", "1", "--branch", "change", f"file://{tree}", str(clone))
    before = subprocess.run(["git", "rev-parse", "base"], cwd=tree, capture_output=True, text=True, check=True).stdout.strip()
    for ref in ("origin/base", "HEAD~1", before):
        assert error(imglint, "--config-from", ref, cwd=clone).endswith("no such revision in this clone; fetch it first")
    git(clone, "fetch", "--quiet", "--depth", "1", "origin", "base:refs/remotes/origin/base")
    assert rules_of(imglint, "--config-from", "origin/base", cwd=clone) == ["unapproved-image"]


def test_a_worktree_is_a_repository(imglint: Imglint, tree: Path, git: Git, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("worktree") / "tree"
    git(tree, "worktree", "add", "--quiet", str(other), "-b", "change")
    build(other, {".imglint.yaml": LOOSE})
    assert rules_of(imglint, "--config-from", "base", cwd=other) == ["unapproved-image"]


def test_a_partial_clone_asks_no_server(imglint: Imglint, tree: Path, git: Git, tmp_path_factory: pytest.TempPathFactory) -> None:
    git(tree, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    options = ["--quiet", "--no-checkout", "--filter=blob:none", "--branch", "base"]
    git(clone.parent, "clone", *options, f"file://{tree}", str(clone))
    git(clone, "config", "remote.origin.url", f"ext::touch {clone}/made")
    assert "base" in error(imglint, "--config-from", "base", cwd=clone)
    assert not (clone / "made").exists()


def test_an_object_that_is_missing_is_an_error(imglint: Imglint, tree: Path) -> None:
    shown = subprocess.run(
        ["git", "rev-parse", "base:.imglint.yaml"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout
    (tree / ".git" / "objects" / shown[:2] / shown[2:].strip()).unlink()
    message = error(imglint, "--config-from", "base")
    assert message == "base:.imglint.yaml:1:1: cannot read policy: its object is missing in this clone; fetch it first"


def test_an_object_that_is_broken_is_an_error(imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {".imglint.yaml": POLICY + "".join([f"# {hash(str(number))}\n" for number in range(1000)])})
    shown = subprocess.run(
        ["git", "rev-parse", "HEAD:.imglint.yaml"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout
    path = tree / ".git" / "objects" / shown[:2] / shown[2:].strip()
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1000])
    assert error(imglint, "--config-from", "HEAD").startswith("HEAD:.imglint.yaml:1:1: cannot read policy: git: ")


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo first >&2; echo fatal: no >&2", "no"), ("echo first >&2; echo second >&2", "first"), ("", "exit status 3")],
)
def test_errors_of_git_are_shown(
    script: str,
    expected: str,
    imglint: Imglint,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    (folder / "git").write_text(f"#!/bin/sh\n{script}\nexit 3\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tree}:{folder}")
    assert error(imglint, "--config-from", "base") == f"imglint: --config-from base: git: {expected}"


@pytest.mark.parametrize(("size", "status"), [(1000, 1), (1001, 2)])
def test_a_policy_at_the_limit_is_read(
    size: int, status: int, imglint: Imglint, tree: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "FILE_SIZE_MAX", 1000)
    commit(git, tree, {".imglint.yaml": POLICY + "#".ljust(size - len(POLICY))})
    assert imglint("--config-from", "HEAD").status == status


def test_no_repository_is_an_error(imglint: Imglint, tmp_path: Path) -> None:
    build(tmp_path, {".imglint.yaml": LOOSE})
    message = "imglint: --config-from main: there is no Git repository here or above; use --config"
    assert error(imglint, "--config-from", "main") == message


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.write_text("gitdir: nowhere\n")])
def test_a_broken_repository_is_an_error(make: Callable[[Path], object], imglint: Imglint, tree: Path) -> None:
    (tree / "deploy" / "inner").mkdir()
    make(tree / "deploy" / "inner" / ".git")
    # The repository around it is another one.
    message = error(imglint, "--config-from", "base", cwd=tree / "deploy" / "inner")
    assert message.startswith("imglint: --config-from base: git: ")


def test_a_folder_that_looks_like_a_bare_repository_is_not_used(imglint: Imglint, tree: Path, git: Git) -> None:
    git(tree / "deploy", "init", "--quiet", "--bare", "bare")
    assert rules_of(imglint, "--config-from", "base", "../Dockerfile", cwd=tree / "deploy" / "bare") == ["unapproved-image"]


@pytest.mark.parametrize("path", ["", "relative", ".", "nowhere"])
def test_git_that_is_not_installed_is_an_error(path: str, imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tree, tree / "relative"):
        folder.mkdir(exist_ok=True)
        (folder / "git").write_text("#!/bin/sh\n: > made\n")
        (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", path)
    message = error(imglint, "--config-from", "base")
    assert message == "imglint: --config-from base: Git is not installed; install it, or use --config"
    assert not (tree / "made").exists()


def test_variables_of_git_have_no_effect(
    imglint: Imglint, tree: Path, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    commit(git, other, {".imglint.yaml": LOOSE})
    git(other, "branch", "base")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_TRACE", str(tree / "trace"))
    assert rules_of(imglint, "--config-from", "base") == ["unapproved-image"]
    assert not (tree / "trace").exists()


def test_configuration_of_the_repository_runs_nothing(imglint: Imglint, tree: Path, git: Git) -> None:
    command = f"touch {tree}/made"
    for key in ("fsmonitor", "pager", "editor", "sshCommand", "askPass", "gitProxy", "alternateRefsCommand"):
        git(tree, "config", f"core.{key}", command)
    for key in ("pager.cat-file", "filter.evil.smudge", "diff.evil.textconv", "alias.cat-file", "alias.ls-tree"):
        git(tree, "config", key, f"!{command}" if key.startswith("alias") else command)
    hooks = tree / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        build(tree, {f"hooks/{name}": f"#!/bin/sh\n{command}\n", ".gitattributes": "* filter=evil diff=evil\n"})
        (hooks / name).chmod(0o755)
    git(tree, "config", "core.hooksPath", str(hooks))
    (tree / "made").unlink(missing_ok=True)
    assert rules_of(imglint, "--config-from", "base") == ["unapproved-image"]
    assert not (tree / "made").exists()


def test_replaced_objects_have_no_effect(imglint: Imglint, tree: Path, git: Git) -> None:
    commit(git, tree, {".imglint.yaml": LOOSE})
    git(tree, "replace", "base", "HEAD")
    assert rules_of(imglint, "--config-from", "base") == ["unapproved-image"]


def test_other_runs_start_no_program(tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin" / "git").write_text(f"#!/bin/sh\n: > {tree}/made\n")
    (tree / "bin" / "git").chmod(0o755)
    environment = os.environ | {"PATH": str(tree / "bin")}
    assert subprocess.run([IMGLINT], cwd=tree, env=environment, capture_output=True, check=False).returncode == 1
    assert not (tree / "made").exists()
    assert subprocess.run(
        [IMGLINT, "--config-from", "base"], cwd=tree, env=environment, capture_output=True, check=False
    ).returncode
    assert (tree / "made").exists()
