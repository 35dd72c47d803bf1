"""Which policy applies to a file: the outermost one of its repository, one in a delegated folder, or the one given with --config."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.trees import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

    Git = Callable[..., None]

FILE = "FROM quay.io/a/b:1\nUSER 1\n"
"""A Dockerfile that only a policy with `images` flags."""
STRICT = "images: [{match: ghcr.io/**}]\n"
LOOSE = "images: [{match: '**'}]\n"
DELEGATING = f"delegates: [services/payments/]\n{STRICT}"


def found(imglint: Imglint, *arguments: str, cwd: Path | None = None) -> list[str]:
    """Return the findings of a run, as `path rule`."""
    outcome = imglint(*arguments, "--format", "json", cwd=cwd)
    assert outcome.err == ""
    return sorted([f"{finding['path']} {finding['rule']}" for finding in json.loads(outcome.out)["findings"]])


UNAPPROVED = "unapproved-image"
TREES: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {
    # Each tree is one repository; the findings are those in each file, however it is named.
    "the outermost policy applies to all files": (
        {".imglint.yaml": STRICT, "Dockerfile": FILE, "a/b/Dockerfile": FILE},
        {"Dockerfile": [UNAPPROVED], "a/b/Dockerfile": [UNAPPROVED]},
    ),
    "a policy applies to its folder if there is none above": (
        {"a/.imglint.yaml": STRICT, "Dockerfile": FILE, "a/b/Dockerfile": FILE, "c/Dockerfile": FILE},
        {"Dockerfile": [], "a/b/Dockerfile": [UNAPPROVED], "c/Dockerfile": []},
    ),
    "a policy further down cannot loosen the outermost": (
        {".imglint.yaml": STRICT, "a/.imglint.yaml": LOOSE, "a/b/Dockerfile": FILE},
        {"a/.imglint.yaml": ["unused-policy"], "a/b/Dockerfile": [UNAPPROVED]},
    ),
    "a policy further down is not even read": (
        {".imglint.yaml": STRICT, "a/.imglint.yaml": "images: [", "a/b/Dockerfile": FILE},
        {"a/.imglint.yaml": ["unused-policy"], "a/b/Dockerfile": [UNAPPROVED]},
    ),
    "a delegate is a policy of its own": (
        {".imglint.yaml": DELEGATING, "services/payments/.imglint.yaml": LOOSE, "services/payments/a/Dockerfile": FILE},
        {"services/payments/a/Dockerfile": []},
    ),
    "the folders beside a delegate are not delegated": (
        {
            ".imglint.yaml": DELEGATING,
            "services/payments/.imglint.yaml": LOOSE,
            "services/other/.imglint.yaml": LOOSE,
            "services/other/Dockerfile": FILE,
            "a/services/payments/.imglint.yaml": LOOSE,
            "a/services/payments/Dockerfile": FILE,
        },
        {
            "services/other/.imglint.yaml": ["unused-policy"],
            "services/other/Dockerfile": [UNAPPROVED],
            "a/services/payments/.imglint.yaml": ["unused-policy"],
            "a/services/payments/Dockerfile": [UNAPPROVED],
        },
    ),
    "a delegate with one component is not any folder of that name": (
        {
            ".imglint.yaml": f"delegates: [a]\n{STRICT}",
            "a/.imglint.yaml": LOOSE,
            "b/a/.imglint.yaml": LOOSE,
            "b/a/Dockerfile": FILE,
        },
        {"b/a/.imglint.yaml": ["unused-policy"], "b/a/Dockerfile": [UNAPPROVED]},
    ),
    "a pattern delegates every folder that matches and has a policy": (
        {
            ".imglint.yaml": f"delegates: ['services/*']\n{STRICT}",
            "services/a/.imglint.yaml": LOOSE,
            "services/a/Dockerfile": FILE,
            "services/b/Dockerfile": FILE,
            "services/b/c/.imglint.yaml": LOOSE,
        },
        {"services/a/Dockerfile": [], "services/b/Dockerfile": [UNAPPROVED], "services/b/c/.imglint.yaml": ["unused-policy"]},
    ),
    "a delegate delegates in turn": (
        {
            ".imglint.yaml": f"delegates: [a]\n{LOOSE}",
            "a/.imglint.yaml": f"delegates: [b]\n{STRICT}",
            "a/b/.imglint.yaml": LOOSE,
            "a/Dockerfile": FILE,
            "a/b/Dockerfile": FILE,
        },
        {"a/Dockerfile": [UNAPPROVED], "a/b/Dockerfile": []},
    ),
    "a delegate that extends the outermost policy does not inherit its delegates": (
        {
            ".imglint.yaml": f"delegates: [a]\n{STRICT}",
            "a/.imglint.yaml": "extends: [../.imglint.yaml]\nimages: [{match: quay.io/a/*}]\n",
            "a/Dockerfile": FILE,
            "a/a/.imglint.yaml": STRICT,
            "b/Dockerfile": FILE,
        },
        {"a/Dockerfile": [], "a/a/.imglint.yaml": ["unused-policy"], "b/Dockerfile": [UNAPPROVED]},
    ),
    "what the outermost policy excludes is not delegated": (
        {".imglint.yaml": f"delegates: [a]\nexclude: [a/]\n{STRICT}", "a/.imglint.yaml": STRICT, "a/Dockerfile": FILE},
        {"a/Dockerfile": []},
    ),
    "an unused policy in an excluded folder is not reported": (
        {".imglint.yaml": f"exclude: [a/]\n{STRICT}", "a/.imglint.yaml": STRICT, "b/Dockerfile": FILE},
        {"b/Dockerfile": [UNAPPROVED]},
    ),
    "the level of unused-policy is that of the policy that applies": (
        {".imglint.yaml": f"rules: {{unused-policy: off}}\n{STRICT}", "a/.imglint.yaml": LOOSE, "a/Dockerfile": FILE},
        {"a/Dockerfile": [UNAPPROVED]},
    ),
}


@pytest.mark.parametrize(("files", "expected"), TREES.values(), ids=TREES.keys())
def test_the_same_policy_applies_from_every_folder_and_for_every_way_to_name_a_file(
    files: dict[str, str], expected: dict[str, list[str]], imglint: Imglint, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    build(repository, files)
    (repository / ".git").mkdir()
    # A policy outside of the repository has no effect.
    build(tmp_path, {".imglint.yaml": LOOSE})
    everything = sorted([f"{path} {rule}" for path, rules in expected.items() for rule in rules])
    assert found(imglint, cwd=repository) == everything
    assert found(imglint, "--jobs", "2", cwd=repository) == everything
    assert [one.removeprefix("repository/") for one in found(imglint, "repository", cwd=tmp_path)] == everything
    for path, rules in expected.items():
        if not path.endswith(".imglint.yaml"):
            for cwd in (repository, (repository / path).parent, tmp_path):
                named = os.path.relpath(repository / path, cwd)
                assert [one for one in found(imglint, named, cwd=cwd) if "unused-policy" not in one] == [
                    f"{named} {rule}" for rule in rules
                ]


def test_a_named_file_reports_the_unused_policy_above_it(imglint: Imglint, tmp_path: Path) -> None:
    build(tmp_path, {".imglint.yaml": STRICT, "a/.imglint.yaml": LOOSE, "a/b/Dockerfile": FILE})
    outcome = imglint("a/b/Dockerfile")
    assert (
        "a/.imglint.yaml:1:1: warning unused-policy: unused policy; .imglint.yaml applies here; add `a/` to its `delegates`, "
        "or remove this file\n"
    ) in outcome.out


def test_many_repositories_in_one_run_find_what_a_run_for_each_finds(imglint: Imglint, tmp_path: Path, git: Git) -> None:
    policies = {"a": STRICT, "b": LOOSE, "c": ""}
    for name, policy in policies.items():
        build(tmp_path / "repositories" / name, {"deploy/Dockerfile": FILE} | ({".imglint.yaml": policy} if policy else {}))
        git(tmp_path / "repositories" / name, "init", "--quiet")
    each = [one for name in policies for one in found(imglint, f"repositories/{name}")]
    assert each == [f"repositories/a/deploy/Dockerfile {UNAPPROVED}"]
    assert found(imglint, "repositories") == each
    assert found(imglint, *[f"repositories/{name}" for name in policies]) == each


def test_a_submodule_has_the_policy_of_the_repository_around_it_and_a_worktree_its_own(
    imglint: Imglint, tmp_path: Path, git: Git
) -> None:
    build(tmp_path / "inner", {"Dockerfile": FILE, ".imglint.yaml": LOOSE})
    build(tmp_path / "outer", {".imglint.yaml": STRICT})
    for name in ("inner", "outer"):
        git(tmp_path / name, "init", "--quiet")
        git(tmp_path / name, "add", ".")
        git(tmp_path / name, "commit", "--quiet", "--message", "Add files")
    git(tmp_path / "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "sub")
    git(tmp_path / "inner", "worktree", "add", "--quiet", str(tmp_path / "outer" / "tree"))
    assert found(imglint, cwd=tmp_path / "outer") == ["sub/.imglint.yaml unused-policy", f"sub/Dockerfile {UNAPPROVED}"]
    assert found(imglint, "Dockerfile", cwd=tmp_path / "outer" / "sub") == [
        ".imglint.yaml unused-policy",
        f"Dockerfile {UNAPPROVED}",
    ]


OUTSIDE = {
    # Without a repository: the current folder and the paths, and the findings.
    "the current folder": ("project", ["deploy"], [f"deploy/Dockerfile {UNAPPROVED}"]),
    "a folder below the policy, from there": ("project/deploy", ["Dockerfile"], []),
    "a folder elsewhere": ("elsewhere", ["../project"], [f"../project/deploy/Dockerfile {UNAPPROVED}"]),
    "a folder below the policy, from elsewhere": ("elsewhere", ["../project/deploy"], []),
    "a file from elsewhere": ("elsewhere", ["../project/deploy/Dockerfile"], []),
    "a file in a named folder": (
        "elsewhere",
        ["../project/deploy/Dockerfile", "../project"],
        [f"../project/deploy/Dockerfile {UNAPPROVED}"],
    ),
}


@pytest.mark.parametrize(("cwd", "paths", "expected"), OUTSIDE.values(), ids=OUTSIDE.keys())
def test_root_outside_of_a_repository(cwd: str, paths: list[str], expected: list[str], imglint: Imglint, tmp_path: Path) -> None:
    build(
        tmp_path, {".imglint.yaml": LOOSE, "project/.imglint.yaml": STRICT, "project/deploy/Dockerfile": FILE, "elsewhere/a": ""}
    )
    assert found(imglint, *paths, cwd=tmp_path / cwd) == expected


# Errors in the policies.

DELEGATE_ERRORS = {
    "a folder without a policy": ("[a/b]", "1:13: delegates: no .imglint.yaml in a/b; add one, or remove this entry"),
    "a folder outside": (
        "[../a]",
        "1:13: delegates: a delegate is a folder below that of the policy, without `.` and `..`",
    ),
    "no list": ("a", "1:12: delegates: expected a list, found string `a`; write `[a]`"),
    "everything": ("[/]", "1:13: delegates: pattern names no file; `**` matches every file"),
}


@pytest.mark.parametrize(("value", "message"), DELEGATE_ERRORS.values(), ids=DELEGATE_ERRORS.keys())
def test_invalid_delegates(value: str, message: str, imglint: Imglint, tmp_path: Path) -> None:
    build(tmp_path, {".imglint.yaml": f"delegates: {value}\n", "Dockerfile": FILE, "a/b/Dockerfile": FILE})
    assert imglint() == (2, "", f".imglint.yaml:{message}\n")


def test_an_invalid_delegate_ends_the_run_without_output(imglint: Imglint, tmp_path: Path) -> None:
    files = {f"services/payments/{number}/Dockerfile": FILE for number in range(50)}
    build(tmp_path, {".imglint.yaml": DELEGATING, "services/payments/.imglint.yaml": "images: 1\n", **files})
    for jobs in ("1", "2"):
        outcome = imglint("--jobs", jobs)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err == "services/payments/.imglint.yaml:1:9: images: expected a list, found number `1`; write `[1]`\n"


@pytest.mark.parametrize("name", [".imglint.yml", "imglint.yaml"])
def test_a_misspelled_name_is_an_error_where_a_policy_is_looked_for(name: str, imglint: Imglint, tmp_path: Path) -> None:
    error = "this file is not read as a policy; rename it to `.imglint.yaml`"
    build(tmp_path, {"Dockerfile": FILE, f"a/{name}": STRICT, "a/b/Dockerfile": FILE})
    for arguments in ([], ["a/b/Dockerfile"]):
        assert imglint(*arguments) == (2, "", f"a/{name}:1:1: {error}\n")
    assert found(imglint, "Dockerfile") == []
    build(tmp_path, {".imglint.yaml": STRICT})
    assert found(imglint, "a") == [f"a/b/Dockerfile {UNAPPROVED}"]


def test_environment_must_be_known_to_every_policy(imglint: Imglint, tmp_path: Path) -> None:
    build(tmp_path, {".imglint.yaml": f"environments: {{staging: [a]}}\n{DELEGATING}", "services/payments/.imglint.yaml": LOOSE})
    build(tmp_path, {"services/payments/Dockerfile": FILE, "Dockerfile": FILE})
    assert found(imglint, "--environment", "staging", "Dockerfile") == [f"Dockerfile {UNAPPROVED}"]
    outcome = imglint("--environment", "staging")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "imglint: unknown environment `staging`; known environments: ci, production\n"


# --config, and what depends on the policy of a file.


def test_config_serves_many_repositories(imglint: Imglint, tmp_path: Path, git: Git) -> None:
    policy = (
        "environments: {development: [deploy/dev/]}\nexclude: [vendor/, /top/]\ndelegates: [nowhere]\n"
        "images: [{match: quay.io/**, environments: [development]}]\n"
    )
    build(tmp_path, {"policies/registry.yaml": policy})
    names = ("Dockerfile", "deploy/dev/Dockerfile", "top/Dockerfile", "vendor/Dockerfile", "deploy/top/Dockerfile")
    for name in ("a", "b"):
        build(tmp_path / "repositories" / name, dict.fromkeys(names, FILE) | {".imglint.yaml": LOOSE})
        git(tmp_path / "repositories" / name, "init", "--quiet")
    config = ("--config", "policies/registry.yaml")
    expected = [
        f"repositories/{name}/{path} misplaced-image" for name in "ab" for path in ("Dockerfile", "deploy/top/Dockerfile")
    ]
    assert found(imglint, *config, "repositories") == expected
    assert [one for name in "ab" for one in found(imglint, *config, f"repositories/{name}")] == expected
    inside = found(imglint, "--config", "../../../policies/registry.yaml", ".", cwd=tmp_path / "repositories" / "a" / "deploy")
    assert inside == ["./top/Dockerfile misplaced-image"]


def test_fail_on_is_that_of_the_policy_of_each_file(imglint: Imglint, tmp_path: Path) -> None:
    for outer, inner, status in (("never", "warning", 1), ("warning", "never", 0), ("note", "note", 1)):
        delegate = f"fail-on: {inner}\n{STRICT}"
        build(
            tmp_path,
            {".imglint.yaml": f"fail-on: {outer}\ndelegates: [a]\n{LOOSE}", "a/.imglint.yaml": delegate, "a/Dockerfile": FILE},
        )
        assert imglint().status == status
        assert imglint("--fail-on", "error").status == 1


def test_a_named_policy_has_its_whole_folder_checked(imglint: Imglint, tmp_path: Path) -> None:
    files = {"services/payments/.imglint.yaml": f"extends: [../rows.yaml]\n{STRICT}", "services/rows.yaml": STRICT}
    build(tmp_path, {".imglint.yaml": DELEGATING, "Dockerfile": FILE, "services/payments/deep/Dockerfile": FILE, **files})
    everything = [f"Dockerfile {UNAPPROVED}", f"services/payments/deep/Dockerfile {UNAPPROVED}"]
    assert found(imglint, ".imglint.yaml") == everything
    assert found(imglint, "services/payments/.imglint.yaml") == everything[1:]
    assert found(imglint, "services/rows.yaml") == []
    build(tmp_path, {".imglint.yaml": f"extends: [services/rows.yaml]\n{DELEGATING}"})
    assert found(imglint, "services/rows.yaml", "Dockerfile") == everything


def test_exceptions_belong_to_the_policies_of_the_checked_files(imglint: Imglint, tmp_path: Path) -> None:
    entry = "{match: docker.io/x/%s, rules: [latest-tag]%s}"
    outer = f"exceptions: [{entry % ('a', '')}, {entry % ('b', ', until: 2020-01-01')}]\ndelegates: [a]\n"
    inner = f"extends: [../.imglint.yaml]\nexceptions: [{entry % ('c', '')}]\n"
    build(tmp_path, {".imglint.yaml": outer, "a/.imglint.yaml": inner, "a/Dockerfile": FILE, "Dockerfile": FILE})
    unused = [".imglint.yaml unused-exception", "a/.imglint.yaml unused-exception"]
    assert found(imglint) == [".imglint.yaml expired-exception", *unused]
    assert found(imglint, "a") == [".imglint.yaml expired-exception", unused[1]]
    assert found(imglint, "Dockerfile") == [".imglint.yaml expired-exception"]
    build(tmp_path, {"a/.imglint.yaml": f"exceptions: [{entry % ('c', '')}]\n"})
    assert found(imglint, "a") == unused[1:]
    # The outermost policy's exception is needed by a file of the delegate that extends it.
    build(tmp_path, {"a/.imglint.yaml": "extends: [../.imglint.yaml]\n", "a/Dockerfile": "FROM x/a\nUSER 1\n"})
    assert found(imglint) == [".imglint.yaml expired-exception", "a/Dockerfile implicit-registry"]


def test_explain_names_the_policy_and_what_delegates_to_it(imglint: Imglint, tmp_path: Path) -> None:
    build(tmp_path, {".imglint.yaml": DELEGATING, "services/payments/.imglint.yaml": LOOSE})
    build(tmp_path, {"services/payments/Dockerfile": FILE, "Dockerfile": FILE})
    assert "  policy       .imglint.yaml\n" in imglint("explain", "Dockerfile").out
    delegated = imglint("explain", "services/payments/Dockerfile").out
    assert "  policy       services/payments/.imglint.yaml, by `delegates` (.imglint.yaml:1)\n" in delegated


def test_delegates_of_a_revision(imglint: Imglint, tmp_path: Path, git: Git) -> None:
    build(tmp_path, {".imglint.yaml": DELEGATING, "services/payments/.imglint.yaml": STRICT, "a/.imglint.yaml": LOOSE})
    build(tmp_path, {"services/payments/Dockerfile": FILE, "a/Dockerfile": FILE})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Add files")
    for name in (".imglint.yaml", "services/payments/.imglint.yaml", "a/.imglint.yaml"):
        build(tmp_path, {name: LOOSE})
    expected = ["HEAD:a/.imglint.yaml unused-policy", f"a/Dockerfile {UNAPPROVED}", f"services/payments/Dockerfile {UNAPPROVED}"]
    assert found(imglint, "--config-from", "HEAD") == expected
