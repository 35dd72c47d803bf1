"""`package:` names policy files in installed packages. No code of a package runs, and no checked repository can provide one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from tests.trees import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "policy-package"
TABLE = "images: [{match: ghcr.io/**}]\n"
RULE = f"{TABLE}rules: {{unapproved-image: error}}\n"
DOCKERFILE = "FROM quay.io/a/b:v1\nUSER 1\n"
NAME = "package:acme_policy/registry.yaml"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the search path with the package `acme_policy`, which fails if it is imported."""
    folder = tmp_path / "packages"
    init = "raise SystemExit('imported')\n"
    build(folder, {"acme_policy/__init__.py": init, "acme_policy/registry.yaml": TABLE})
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a repository whose policy extends that of the package."""
    build(tmp_path / "tree", {".git/HEAD": "", ".imglint.yaml": f"extends: ['{NAME}']\n", "Dockerfile": DOCKERFILE})
    return tmp_path / "tree"


def rules(imglint: Imglint, *arguments: str, cwd: Path) -> list[str]:
    outcome = imglint("--format", "json", *arguments, cwd=cwd)
    assert outcome.err == ""
    return [finding["rule"] for finding in json.loads(outcome.out)["findings"]]


def error(imglint: Imglint, *arguments: str, cwd: Path) -> str:
    outcome = imglint(*arguments, cwd=cwd)
    assert (outcome.status, outcome.out) == (2, "")
    return outcome.err.removesuffix("\n")


def test_a_found_policy_extends_a_package(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": RULE})
    outcome = imglint(cwd=tree)
    assert f"approved here: ghcr.io/** ({NAME}:2)" in outcome.out
    assert (outcome.status, outcome.err) == (1, "")
    assert "acme_policy" not in sys.modules


def test_config_takes_a_package(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(tree, {".imglint.yaml": "unknown: 1\n", "old/Dockerfile": DOCKERFILE})
    build(packages, {"acme_policy/registry.yaml": f"{TABLE}exclude: [/old/]\n"})
    for folder in (tree, tree / "old"):
        assert rules(imglint, "--config", NAME, cwd=folder) == ["unapproved-image"] * (folder == tree)
    assert imglint("--config", NAME, "--verbose", cwd=tree).err.startswith(f"policy: {NAME}\n")
    assert f"policy       {NAME}\n" in imglint("explain", "Dockerfile", "--config", NAME, cwd=tree).out
    assert json.loads(imglint("images", "--format", "json", "--config", NAME, cwd=tree).out)[0]["row"] is None


def test_a_policy_of_a_revision_extends_a_package(imglint: Imglint, tree: Path, packages: Path, git: Callable[..., None]) -> None:
    shutil.rmtree(tree / ".git")
    git(tree, "init", "--quiet", "--initial-branch", "package")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "Import")
    (tree / ".imglint.yaml").unlink()
    build(packages, {"acme_policy/registry.yaml": RULE})
    for ref in ("HEAD", "package"):
        assert f"approved here: ghcr.io/** ({NAME}:2)" in imglint("--config-from", ref, cwd=tree).out


@pytest.mark.parametrize("kind", ["file", "package"])
def test_a_policy_of_a_package_extends_others(kind: str, imglint: Imglint, tree: Path, packages: Path) -> None:
    extended = {"file": "parts/../parts/table.yaml", "package": "package:other/parts/table.yaml"}[kind]
    text = f"extends: [{extended}]\nexclude: [old/]\n"
    table = "extends: [more.yaml]\n" + TABLE
    build(packages, {"acme_policy/registry.yaml": text, "acme_policy/parts/table.yaml": table, "other/parts/table.yaml": table})
    for name in ("acme_policy", "other"):
        build(packages, {f"{name}/parts/more.yaml": "rules: {root-user: off}\n"})
    build(tree, {"old/Dockerfile": DOCKERFILE})
    assert rules(imglint, cwd=tree) == ["unapproved-image"]


def test_patterns_are_relative_to_the_extending_policy(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": f"{TABLE}exclude: [/Dockerfile]\n"})
    build(tree, {"acme_policy/Dockerfile": DOCKERFILE})
    outcome = imglint("--format", "json", cwd=tree)
    assert [finding["path"] for finding in json.loads(outcome.out)["findings"]] == ["acme_policy/Dockerfile"]


def test_a_package_in_several_folders(imglint: Imglint, tree: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = packages.parent / "other"
    build(other, {"acme_policy/registry.yaml": "images: [{match: '**'}]\n", "acme_policy/more.yaml": TABLE})
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert rules(imglint, cwd=tree) == ["unapproved-image"]
    build(tree, {".imglint.yaml": "extends: ['package:acme_policy/more.yaml']\n"})
    assert rules(imglint, cwd=tree) == ["unapproved-image"]


def test_an_editable_installation(imglint: Imglint, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = ModuleType("__editable___acme_policy_1_0_0_finder")
    finder.__dict__["MAPPING"] = {"acme_policy": str(tmp_path / "source")}
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    build(tmp_path / "source", {"registry.yaml": TABLE})
    assert rules(imglint, cwd=tree) == ["unapproved-image"]


INVALID = "invalid name of a file in a package; write `package:NAME/FILE.yaml`"
MISSING = "package `{}` is not installed; install it, or add it to `additional_dependencies`"
SUFFIX = "only files with names in `.yaml` are read from a package"
ERRORS = {
    "package:": INVALID,
    "package:acme_policy": INVALID,
    "package:acme_policy/": INVALID,
    "package:/etc/x.yaml": INVALID,
    "package:../x.yaml": INVALID,
    "package:acme.policy/x.yaml": INVALID,
    "package:acme-policy/x.yaml": INVALID,
    "package:nope/registry.yaml": MISSING.format("nope"),
    "package:policy/registry.yaml": "package `policy` is in the checked folder and not installed; extend its file instead",
    "package:acme_policy/nope.yaml": "cannot read package:acme_policy/nope.yaml: no such file in the package",
    "package:acme_policy/../x.yaml": "cannot read package:acme_policy/../x.yaml: outside of the package",
    "package:acme_policy//etc/x.yaml": "cannot read package:acme_policy//etc/x.yaml: outside of the package",
    "package:acme_policy/__init__.py": f"cannot read package:acme_policy/__init__.py: {SUFFIX}",
    "package:acme_policy/secret.yml": f"cannot read package:acme_policy/secret.yml: {SUFFIX}",
    "package:acme_policy/folder.yaml": "cannot read package:acme_policy/folder.yaml: not a regular file",
    "package:acme_policy/out.yaml": "cannot read package:acme_policy/out.yaml: symbolic link out of the package",
    "package:acme_policy/linked/x.yaml": "cannot read package:acme_policy/linked/x.yaml: symbolic link out of the package",
}


@pytest.mark.parametrize(("name", "message"), ERRORS.items(), ids=ERRORS.keys())
def test_a_name_that_cannot_be_used_is_an_error(name: str, message: str, imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"x.yaml": TABLE, "acme_policy/secret.yml": TABLE, "acme_policy/folder.yaml/x": ""})
    (packages / "acme_policy" / "out.yaml").symlink_to("../x.yaml")
    (packages / "acme_policy" / "linked").symlink_to("..")
    build(tree, {".imglint.yaml": f"extends: ['{name}']\n", "policy/registry.yaml": TABLE})
    sys.path.insert(0, str(tree))
    try:
        assert error(imglint, cwd=tree) == f".imglint.yaml:1:12: extends: {message}"
        if not message.startswith("cannot read"):
            assert error(imglint, "--config", name, cwd=tree) == f"imglint: --config {name}: {message}"
    finally:
        sys.path.remove(str(tree))


def test_a_file_of_a_package_that_extends_itself_is_an_error(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": "extends: [./registry.yaml]\n"})
    assert error(imglint, "--config", NAME, cwd=tree) == f"{NAME}:1:11: extends: circular reference to {NAME}"


@pytest.mark.parametrize("relative", ["/etc/x.yaml", "../other/x.yaml"])
def test_a_file_of_a_package_extends_no_file_outside(relative: str, imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": f"extends: [{relative}]\n", "other/x.yaml": TABLE})
    assert error(imglint, "--config", NAME, cwd=tree).endswith(": outside of the package")


def test_a_name_with_a_null_character_is_an_error(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(tree, {".imglint.yaml": 'extends: ["package:acme_policy/\\0.yaml"]\n'})
    assert error(imglint, cwd=tree).startswith(".imglint.yaml:1:12: extends: invalid path 'package:acme_policy/\\x00.yaml'")


@pytest.mark.parametrize(
    "text", ["password: hunter2\n", "- hunter2\n", "{", "hunter2: [\n", "images: [{match: a, hunter2: b}]\n"]
)
def test_no_error_quotes_a_file_of_a_package_that_is_no_policy(text: str, imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": text})
    message = f"{NAME} is not a valid policy; run `imglint --config {NAME}` for its errors"
    assert error(imglint, cwd=tree) == f".imglint.yaml:1:12: {message}"
    assert error(imglint, "--config", ".imglint.yaml", cwd=tree) == f".imglint.yaml:1:12: {message}"
    assert error(imglint, "--config", NAME, cwd=tree).startswith(f"{NAME}:")


def test_the_current_folder_and_the_checked_repository_provide_no_package(
    imglint: Imglint, tree: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = "images: [{match: '**'}]\n"
    build(tree, {"acme_policy/registry.yaml": loose, "src/acme_policy/registry.yaml": loose})
    build(tree.parent, {"acme_policy/registry.yaml": loose})
    monkeypatch.setattr(sys, "path", ["", ".", "src", "..", str(tree), str(tree / "src"), *sys.path])
    for folder in (tree, tree / "src"):
        assert rules(imglint, str(tree / "Dockerfile"), cwd=folder) == ["unapproved-image"]
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(packages)])
    message = "package `acme_policy` is in the checked folder and not installed; extend its file instead"
    assert error(imglint, cwd=tree) == f".imglint.yaml:1:12: extends: {message}"


def test_an_environment_in_the_checked_repository_provides_packages(
    imglint: Imglint, tree: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tree / ".venv" / "lib" / "site-packages"
    shutil.move(packages, installed)
    monkeypatch.setattr(sys, "path", [str(installed), *sys.path])
    monkeypatch.setattr("site.getsitepackages", lambda: [str(installed)])
    assert rules(imglint, cwd=tree) == ["unapproved-image"]


UNUSED = "exceptions:\n- {match: quay.io/x/y, rules: [latest-tag]}\n"
EXPIRED = "exceptions:\n- {match: quay.io/x/y, rules: [latest-tag], until: 2020-01-31}\n"


def test_unused_exceptions_of_shared_policies_are_not_reported(imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": UNUSED})
    assert rules(imglint, cwd=tree) == []
    assert rules(imglint, "--config", NAME, cwd=tree) == []
    build(tree, {"policy.yaml": UNUSED})
    assert rules(imglint, "--config", "policy.yaml", cwd=tree) == []
    build(tree, {".imglint.yaml": f"extends: ['{NAME}', policy.yaml]\n"})
    assert rules(imglint, cwd=tree) == ["unused-exception"]
    assert rules(imglint, "--config", ".imglint.yaml", cwd=tree) == []


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github", "gitlab"])
def test_expired_exceptions_of_packages_are_reported(name: str, imglint: Imglint, tree: Path, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": EXPIRED})
    outcome = imglint("--format", name, cwd=tree)
    assert (outcome.status, outcome.err) == (1, "")
    if name == "text":
        assert f"{NAME}:2:3: error expired-exception: exception expired on 2020-01-31\n    2 | - {{match: " in outcome.out


def test_changed_lines_of_a_repository_with_a_package(
    imglint: Imglint, tree: Path, packages: Path, git: Callable[..., None]
) -> None:
    build(packages, {"acme_policy/registry.yaml": TABLE + EXPIRED})
    shutil.rmtree(tree / ".git")
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "Import")
    assert rules(imglint, "--since", "HEAD", cwd=tree) == []
    build(tree, {"api/Dockerfile": DOCKERFILE})
    assert rules(imglint, "--since", "HEAD", cwd=tree) == ["unapproved-image"]


@pytest.fixture(scope="module")
def installed(environment: Callable[..., Path], wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` folder of an environment with imglint and the package of the example."""
    source = tmp_path_factory.mktemp("example") / "acme-policy"
    shutil.copytree(EXAMPLE / "acme-policy", source)
    return environment(wheel, source)


def run(command: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([str(command), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_example_extends_its_installed_package(installed: Path, tmp_path: Path) -> None:
    tree = tmp_path / "repository"
    shutil.copytree(EXAMPLE / "repository", tree)
    # What a pull request could add.
    build(tree, {"acme_policy/registry.yaml": "images: [{match: '**'}]\n", "acme_policy/__init__.py": "open('hacked', 'w')\n"})
    isolated = [["-I", "-m", "imglint"], ["-m", "imglint"]]
    commands = [(installed / "imglint", []), *[(installed / "python", options) for options in isolated]]
    for command, options in commands:
        for path in ("", "."):
            outcome = run(command, *options, "--format", "json", cwd=tree, PYTHONPATH=path)
            assert (outcome.returncode, outcome.stderr) == (1, "")
            findings = json.loads(outcome.stdout)["findings"]
            assert [(finding["rule"], finding["path"], finding["line"]) for finding in findings] == [
                ("unapproved-image", "deploy/shop.yaml", 12)
            ]
    assert not (tree / "hacked").exists()
    (tree / "deploy" / "shop.yaml").unlink()
    assert run(installed / "imglint", cwd=tree).returncode == 0
    assert run(installed / "imglint", "--config", NAME, cwd=tree).returncode == 0


def test_the_example_without_the_package_is_an_error(imglint: Imglint) -> None:
    outcome = imglint(cwd=EXAMPLE / "repository")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == f".imglint.yaml:3:5: extends: {MISSING.format('acme_policy')}\n"


def test_pre_commit_accepts_the_configuration_of_the_example() -> None:
    pre_commit = Path(sys.executable).parent / "pre-commit"
    outcome = run(pre_commit, "validate-config", ".pre-commit-config.yaml", cwd=EXAMPLE / "repository")
    assert outcome.returncode == 0, outcome.stdout
