"""`registries` in a policy, the files that it names, and where its keys hold: a pull request must not choose where credentials go."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.trees import build, commit

from imglint.errors import PolicyError
from imglint.plugins import load as plugins
from imglint.policy.find import WorkingTree
from imglint.policy.load import load
from imglint.policy.registries import GIVEN_KEYS
from imglint.policy.revision import Revision
from imglint.registry.hosts import RegistryEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

    from imglint.policy.find import Place
    from imglint.policy.lookup import Policy

    Git = Callable[..., None]

KEYS = Path(__file__).parent.parent / "fixtures" / "policy-files" / "good" / "keys"
CA, KEY = ((KEYS / name).read_text(encoding="utf-8") for name in ("ca.pem", "cosign.pub"))
DOCKERFILE = "FROM docker.io/library/alpine:3.20.1\nUSER 1\n"
ENTRIES = {
    "credentials": "credentials: true",
    "mirror": "mirror: mirror.example",
    "private": "private: true",
    "insecure": "insecure: true",
    "ca": "ca: ca.pem",
    "realms": "realms: [auth.example]",
}
ADVICE = "pass the policy with --config or --config-from"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: Git) -> Path:
    """Return a repository with a certificate, and change to it."""
    folder = tmp_path / "repository"
    build(folder, {"ca.pem": CA, "Dockerfile": DOCKERFILE})
    git(folder, "init", "--quiet")
    monkeypatch.chdir(folder)
    return folder


def read(path: str, place: Place | None = None, *, found: bool = False, online: bool = False) -> Policy:
    return load(path, plugins.rules(), plugins.kinds(), place, found=found, online=online)


def found_errors(path: str = ".imglint.yaml", place: Place | None = None) -> list[str]:
    """Return the errors of a policy that was found by a run with `--online`."""
    try:
        read(path, place or WorkingTree(str(Path.cwd())), found=True, online=True)
    except PolicyError as error:
        return [str(diagnostic) for diagnostic in error.diagnostics]
    return []


def test_the_entries_of_a_policy() -> None:
    path = str(KEYS.parent / "registries.yaml")
    policy = read(path)
    assert policy.registries == (
        RegistryEntry("ghcr.io", credentials=True, at=f"{path}:2"),
        RegistryEntry("docker.io", mirror="mirror.acme.example/hub", at=f"{path}:4"),
        RegistryEntry(
            "registry.acme.example:5000",
            private=True,
            ca=CA,
            realms=("auth.acme.example", "login.acme.example:8443"),
            at=f"{path}:6",
        ),
        RegistryEntry("localhost", insecure=True, at=f"{path}:11"),
        RegistryEntry("[::1]:5000", at=f"{path}:12"),
    )
    assert policy.table is not None
    row, *others = policy.table.rows
    assert row.platforms == ("linux/amd64", "linux/arm64", "linux/arm/v7")
    assert row.labels == ("org.opencontainers.image.source",)
    assert row.signed is not None
    assert (row.signed.path, row.signed.pem, row.signed.at) == (str(KEYS / "cosign.pub"), KEY, f"{path}:16:19")
    quantities = [(one.max_size and (one.max_size.text, one.max_size.value)) for one in policy.table.rows]
    assert quantities == [("30MB", 30_000_000), ("1.5GB", 1_500_000_000), ("512 MiB", 536_870_912)]
    assert [one.max_age and one.max_age.value for one in policy.table.rows] == [180, 182, 365]
    assert not others[0].platforms


@pytest.mark.parametrize(("text", "expected"), [("registries: []\n", ()), ("fail-on: error\n", None)])
def test_a_policy_without_entries(tree: Path, text: str, expected: object) -> None:
    build(tree, {".imglint.yaml": text})
    assert read(".imglint.yaml").registries == expected


def test_entries_of_the_extending_file_come_first(tree: Path) -> None:
    build(
        tree,
        {
            ".imglint.yaml": "extends: [base.yaml]\nregistries: [{host: index.docker.io}]\n",
            "base.yaml": "registries: [{host: ghcr.io}, {host: docker.io, insecure: true}]\n",
        },
    )
    policy = read(".imglint.yaml")
    assert policy.registries is not None
    assert [(entry.host, entry.insecure) for entry in policy.registries] == [
        ("docker.io", False),
        ("ghcr.io", False),
        ("docker.io", True),
    ]


def test_every_key_that_can_lead_credentials_away_is_guarded() -> None:
    assert set(ENTRIES) == set(GIVEN_KEYS)


@pytest.mark.parametrize("key", ENTRIES)
def test_a_policy_that_was_found_sets_no_such_key_with_online(key: str, tree: Path, imglint: Imglint, git: Git) -> None:
    text = f"registries:\n  - host: ghcr.io\n    {ENTRIES[key]}\n"
    message = f"3:5: registries: with --online, a policy found in the repository cannot set `{key}`; {ADVICE}"
    build(tree, {".imglint.yaml": text})
    outcome = imglint("--online", cwd=tree)
    assert (outcome.status, outcome.out, outcome.err) == (2, "", f".imglint.yaml:{message}\n")
    assert imglint(cwd=tree).status == 0
    assert read(".imglint.yaml", online=True).registries
    commit(git, tree)
    assert read("HEAD:.imglint.yaml", Revision("HEAD", str(tree)), found=True, online=True).registries
    build(tree, {".imglint.yaml": "extends: [parts/base.yaml]\n", "parts/base.yaml": text, "parts/ca.pem": CA})
    assert found_errors() == [f"parts/base.yaml:{message}"]


def test_a_policy_that_was_found_lists_hosts(tree: Path) -> None:
    build(tree, {".imglint.yaml": "registries: [{host: ghcr.io}]\nimages: [{match: a, max-size: 3MB}]\n"})
    assert not found_errors()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that Python has packages in."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def test_a_policy_that_was_found_does_not_choose_a_package_with_such_keys(tree: Path, packages: Path, git: Git) -> None:
    name = "package:acme_policy/registry.yaml"
    build(
        packages,
        {
            "acme_policy/registry.yaml": "extends: [parts/hosts.yaml]\n",
            "acme_policy/parts/hosts.yaml": "registries: [{host: ghcr.io, credentials: true, ca: ../ca.pem}]\n",
            "acme_policy/ca.pem": CA,
        },
    )
    build(tree, {".imglint.yaml": f"extends: [base.yaml, '{name}']\n", "base.yaml": "fail-on: error\n"})
    path = "package:acme_policy/parts/hosts.yaml"
    assert found_errors() == [
        f".imglint.yaml:1:23: extends: with --online, a policy found in the repository cannot take `{key}` from {path}; {ADVICE}"
        for key in ("credentials", "ca")
    ]
    assert read(".imglint.yaml", WorkingTree(str(tree)), found=True).registries
    commit(git, tree)
    policy = read("HEAD:.imglint.yaml", Revision("HEAD", str(tree)), found=True, online=True)
    assert policy.registries is not None
    assert policy.registries[0].ca == CA


def test_paths_are_relative_to_the_file_that_states_them(tree: Path, packages: Path, git: Git) -> None:
    row = "images: [{match: a, signed: {key: keys/cosign.pub}}]\n"
    build(packages, {"acme_policy/parts/rows.yaml": row, "acme_policy/parts/keys/cosign.pub": KEY})
    build(
        tree,
        {
            ".imglint.yaml": "extends: [policy/rows.yaml, 'package:acme_policy/parts/rows.yaml']\n",
            "policy/rows.yaml": row,
            "policy/keys/cosign.pub": KEY,
        },
    )
    commit(git, tree)
    shutil.rmtree(tree / "policy" / "keys")
    policy = read("HEAD:.imglint.yaml", Revision("HEAD", str(tree)), found=True)
    assert policy.table is not None
    assert [row.signed.path if row.signed else "" for row in policy.table.rows] == [
        "HEAD:policy/keys/cosign.pub",
        "package:acme_policy/parts/keys/cosign.pub",
    ]
    missing = "No such file or directory"
    assert found_errors() == [f"policy/rows.yaml:1:35: key: cannot read keys/cosign.pub: {missing}"]


def test_a_policy_that_was_found_names_no_file_outside_of_its_root(tree: Path) -> None:
    build(tree.parent, {"cosign.pub": KEY})
    (tree / "link.pub").symlink_to("../cosign.pub")
    advice = f"outside of {tree}; use a file inside, or pass the policy with --config"
    for name in ("../cosign.pub", "link.pub", str(tree.parent / "cosign.pub")):
        build(tree, {".imglint.yaml": f"images: [{{match: a, signed: {{key: {name}}}}}]\n"})
        column = f".imglint.yaml:1:{len('images: [{match: a, signed: {key: ') + 1}"
        assert found_errors() == [f"{column}: key: cannot read {name}: {advice}"]
        assert read(".imglint.yaml").table


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x.pub", "linked.pub"])
def test_a_package_names_no_file_outside(name: str, packages: Path) -> None:
    build(packages, {"acme_policy/registry.yaml": f"images: [{{match: a, signed: {{key: {name}}}}}]\n", "x.pub": KEY})
    (packages / "acme_policy" / "linked.pub").symlink_to("../x.pub")
    from imglint.policy.packages import Package

    path = "package:acme_policy/registry.yaml"
    with pytest.raises(PolicyError, match=r"outside of the package|link out of the package"):
        read(path, Package(path))
