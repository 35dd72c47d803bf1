"""The command with `--online`, in a process of its own, and a registry on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.example_server import serving

from imglint.registry.examples import ExampleRegistries

if TYPE_CHECKING:
    from collections.abc import Iterator

IMGLINT = str(Path(sys.executable).parent / "imglint")
POLICY = """
registries:
  - {{host: ghcr.io, mirror: "{0}/ghcr.io", private: true, insecure: true}}
  - {{host: quay.io, mirror: "127.0.0.1:1", private: true, insecure: true}}
rules: {{missing-digest: warning, outdated-tag: note}}
"""
DOCKERFILE = "FROM ghcr.io/acme/go:latest AS build\nFROM ghcr.io/acme/web:1.0.0\nUSER 1001\n"


@pytest.fixture
def registries() -> ExampleRegistries:
    return ExampleRegistries()


@pytest.fixture
def tree(tmp_path: Path, registries: ExampleRegistries) -> Iterator[Path]:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    with serving(registries) as host:
        (tmp_path / "policy.yaml").write_text(POLICY.format(host))
        yield folder


def imglint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tree.parent / "cache")}
    command = [IMGLINT, "--config", "../policy.yaml", "--online", *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_repository_is_pinned_and_kept_up_to_date(tree: Path, registries: ExampleRegistries) -> None:
    go = registries.add("ghcr.io/acme/go:1.25.3", also=("latest", "1.25"))
    old = registries.add("ghcr.io/acme/web:1.0.0")
    new = registries.add("ghcr.io/acme/web:1.1.0")
    outcome = imglint(tree, "--fix", "--select", "latest-tag,missing-digest")
    pinned = f"FROM ghcr.io/acme/go:1.25.3@{go} AS build\nFROM ghcr.io/acme/web:1.0.0@{old}\nUSER 1001\n"
    assert (outcome.returncode, outcome.stderr) == (0, "fixed 3 findings in 1 file\n")
    assert (tree / "Dockerfile").read_text() == pinned

    moved = registries.add("ghcr.io/acme/web:1.0.0", labels={"rebuilt": "yes"})
    found = json.loads(imglint(tree, "--refresh", "--format", "json").stdout)["findings"]
    assert [(finding["rule"], finding["line"], finding["text"]) for finding in found] == [
        ("outdated-tag", 2, "1.0.0"),
        ("stale-digest", 2, old),
    ]
    outcome = imglint(tree, "--refresh", "--fix", "--unsafe-fixes", "--select", "stale-digest")
    assert outcome.stderr == "fixed 1 finding in 1 file\n"
    assert (tree / "Dockerfile").read_text() == pinned.replace(old, moved)
    imglint(tree, "--fix", "--unsafe-fixes", "--select", "outdated-tag")
    assert (tree / "Dockerfile").read_text() == pinned.replace("1.0.0", "1.1.0").replace(old, new)


def test_a_registry_that_is_gone_ends_in_a_warning(tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/acme/web:1.0.0\nUSER root\n")
    outcome = imglint(tree, "--fix")
    assert outcome.returncode == 1
    assert outcome.stderr == ""
    assert "unverified-image: cannot ask quay.io: " in outcome.stdout
    assert "root-user" in outcome.stdout
    assert (tree / "Dockerfile").read_text() == "FROM quay.io/acme/web:1.0.0\nUSER root\n"


@pytest.mark.parametrize("arguments", [("--fix",), ("--fix", "--baseline", "../baseline.json")])
def test_what_cannot_be_fixed_is_still_reported_after_a_fix(
    tree: Path, registries: ExampleRegistries, arguments: list[str]
) -> None:
    registries.add("ghcr.io/acme/web:1.0.0")
    (tree / "Dockerfile").write_text("FROM ghcr.io/acme/web:1.0.0\nCOPY --from=ghcr.io/acme/nope:1 / /\nUSER 1001\n")
    (tree.parent / "baseline.json").write_text('{"version": 2, "findings": []}')
    outcome = imglint(tree, *arguments, "--format", "json")
    assert "@sha256:" in (tree / "Dockerfile").read_text()
    found = [(finding["rule"], finding["line"]) for finding in json.loads(outcome.stdout)["findings"]]
    assert found == [("missing-digest", 2), ("unknown-image", 2)]
    assert outcome.returncode == 1
