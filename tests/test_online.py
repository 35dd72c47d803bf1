"""`imglint --online` with a real registry: from the policy and the user's credentials to the report."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.registry_images import KEY, LIST, PLAIN, REGISTRY, SIGNED, SINGLE, WEB
from tests.registry_server import BASIC, OPEN, PASSWORD, TOKEN, USER, RegistryServer
from tests.trees import build

from imglint.registry.client import Client
from imglint.registry.examples import ExampleRegistries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Imglint, Outcome
    from tests.registry_server import RegistryServers

    from imglint.registry.questions import Answer, Question

WAYS = [(access, tls) for tls in (False, True) for access in (OPEN, BASIC, TOKEN)]
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
PRESENT = (WEB, LIST, SINGLE, PLAIN)


def pod(*images: str) -> str:
    return POD + "".join([f"    - {{name: a, image: {REGISTRY}/{image}}}\n" for image in images])


class Checkout:
    """A folder to check, with a policy beside it that names the registry."""

    def __init__(self, folder: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tree, self.policy, self.imglint, self.patch = folder / "tree", folder / "policy.yaml", imglint, monkeypatch
        self.tree.mkdir()

    def uses(self, server: RegistryServer, more: str = "") -> None:
        """Let the policy and the user's credentials name a server."""
        entry = {
            "host": REGISTRY,
            "mirror": server.host,
            "private": True,
            "credentials": True,
            **({"ca": "ca.pem"} if server.ca else {"insecure": True}),
            **({"realms": list(server.realms)} if server.realms else {}),
        }
        (self.policy.parent / "ca.pem").write_text(server.ca)
        self.policy.write_text(f"registries: {json.dumps([entry])}\n{more}")
        self.patch.setenv("DOCKER_CONFIG", str(server.login))

    def check(self, *options: str) -> Outcome:
        return self.imglint("--online", "--config", self.policy, *options, cwd=self.tree)

    def findings(self, *options: str) -> list[tuple[str, int, str]]:
        """Return the rules, lines and messages of the findings."""
        found: list[dict[str, Any]] = json.loads(self.check("--format", "json", *options).out)["findings"]
        return [(finding["rule"], finding["line"], finding["message"]) for finding in found]


@pytest.fixture
def checkout(tmp_path: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, imglint, monkeypatch)


@pytest.mark.parametrize(("access", "tls"), WAYS)
def test_an_image_that_does_not_exist_is_found(
    access: str, tls: bool, checkout: Checkout, registry_servers: RegistryServers
) -> None:
    checkout.uses(registry_servers.get(access, tls=tls))
    build(checkout.tree, {"pod.yaml": pod(*PRESENT, "acme/web:9.9", "acme/absent:1")})
    first = 6 + len(PRESENT)
    assert [finding[:2] for finding in checkout.findings("--select", "unknown-image")] == [
        ("unknown-image", first),
        ("unknown-image", first + 1),
    ]
    assert checkout.check().status == 1
    build(checkout.tree, {"pod.yaml": pod(*PRESENT)})
    assert checkout.check("--select", "unknown-image")[:2] == (0, f"No findings in 1 file ({len(PRESENT)} images).\n")


def test_what_a_row_demands_is_checked(checkout: Checkout, registry_servers: RegistryServers) -> None:
    row = {
        "match": f"{REGISTRY}/acme/*",
        "platforms": ["linux/amd64", "linux/arm/v7"],
        "labels": ["org.opencontainers.image.source"],
        "max-size": "10MB",
    }
    checkout.uses(registry_servers.get(TOKEN, tls=True), f"images: {json.dumps([row])}\n")
    build(checkout.tree, {"web.yaml": pod(WEB), "single.yaml": pod(SINGLE)})
    assert sorted({rule for rule, *_ in checkout.findings()}) == ["missing-label", "missing-platform", "oversized-image"]
    assert {rule for rule, *_ in checkout.findings("web.yaml")} == {"oversized-image"}


@pytest.mark.parametrize(("access", "tls"), [(OPEN, False), (TOKEN, True)])
def test_a_signature_is_checked(access: str, tls: bool, checkout: Checkout, registry_servers: RegistryServers) -> None:
    rows = [{"match": f"{REGISTRY}/**", "signed": {"key": KEY}}]
    checkout.uses(registry_servers.get(access, tls=tls), f"images: {json.dumps(rows)}\n")
    build(checkout.policy.parent, registry_servers.examples.files)
    build(checkout.tree, {"pod.yaml": pod(SIGNED, WEB)})
    assert [finding[:2] for finding in checkout.findings("--select", "unsigned-image")] == [("unsigned-image", 7)]
    # A key that did not sign it.
    other = ExampleRegistries()
    other.add(f"{REGISTRY}/{WEB}", signed_by="other.pub")
    build(checkout.policy.parent, {KEY: other.files["other.pub"]})
    assert [finding[:2] for finding in checkout.findings("--select", "unsigned-image", "--refresh")] == [
        ("unsigned-image", 6),
        ("unsigned-image", 7),
    ]


def test_the_user_of_the_base_image_is_known(checkout: Checkout, registry_servers: RegistryServers) -> None:
    checkout.uses(registry_servers.get())
    build(checkout.tree, {"a/Dockerfile": f"FROM {REGISTRY}/{WEB}\n", "b/Dockerfile": f"FROM {REGISTRY}/{SINGLE}\n"})
    assert checkout.findings("--select", "unstated-user", "a") == []
    assert [rule for rule, *_ in checkout.findings("b")] != []


def test_credentials_come_from_a_helper(
    checkout: Checkout, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = registry_servers.get(BASIC)
    checkout.uses(server)
    build(checkout.tree, {"pod.yaml": pod(WEB, "acme/absent:1")})
    build(tmp_path, {"docker/config.json": json.dumps({"credHelpers": {server.host: "test"}})})
    helper = tmp_path / "bin" / "docker-credential-test"
    answer = json.dumps({"Username": USER, "Secret": PASSWORD})
    build(tmp_path, {"bin/docker-credential-test": f"#!/bin/sh\necho >>{tmp_path}/log\necho '{answer}'\n"})
    helper.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert [finding[:2] for finding in checkout.findings()] == [("unknown-image", 7)]
    assert (tmp_path / "log").read_text() == "\n"


@pytest.mark.parametrize("root", [".git", ""])
def test_no_credentials_come_from_the_checkout(
    root: str, checkout: Checkout, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(BASIC)
    checkout.uses(server)
    config = (server.login / "config.json").read_text()
    build(checkout.tree, {"pod.yaml": pod(WEB), ".docker/config.json": config})
    if root:
        (checkout.tree / root).mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(checkout.tree / ".docker"))
    [(rule, _, message)] = checkout.findings()
    assert rule == "unverified-image"
    assert "is in the checked repository" in message


@pytest.mark.parametrize("named", ["tree", "tree/pod.yaml"])
def test_no_credentials_come_from_a_named_folder_below_the_home_folder(
    named: str, checkout: Checkout, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(BASIC)
    checkout.uses(server)
    build(checkout.tree, {"pod.yaml": pod(WEB), ".docker/config.json": (server.login / "config.json").read_text()})
    monkeypatch.setenv("HOME", str(checkout.tree.parent))
    monkeypatch.setenv("DOCKER_CONFIG", str(checkout.tree / ".docker"))
    outcome = checkout.imglint("--online", "--config", checkout.policy, named, cwd=checkout.tree.parent)
    assert "is in the checked repository" in outcome.out


def test_the_home_folder_as_a_checked_folder_keeps_its_credentials(
    checkout: Checkout, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(BASIC)
    checkout.uses(server)
    build(checkout.tree, {"pod.yaml": pod(WEB), ".docker/config.json": (server.login / "config.json").read_text()})
    monkeypatch.setenv("HOME", str(checkout.tree))
    monkeypatch.delenv("DOCKER_CONFIG")
    assert checkout.findings() == []


class Counted:
    """Counts the questions that a run asks, and calls a function before one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at = 0, -1
        self.then: Callable[[], object] = int
        asked = Client.ask

        def ask(client: Client, question: Question) -> Answer:
            self.count += 1
            if self.count == self.at:
                self.then()
            return asked(client, question)

        monkeypatch.setattr(Client, "ask", ask)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def many(registry_server: RegistryServer, checkout: Checkout) -> int:
    """Fill the registry with images that a checkout names, and return their number."""
    examples, number = ExampleRegistries(), 40
    examples.add(f"{REGISTRY}/acme/web:1.0", platforms=("linux/amd64",), also=[f"1.{n}" for n in range(1, number)])
    registry_server.push(examples)
    checkout.uses(registry_server)
    for n in range(4):
        build(checkout.tree, {f"{n}.yaml": pod(*[f"acme/web:1.{k}" for k in range(n, number, 4)])})
    return number


def test_a_name_is_asked_once_and_answers_serve_later_runs(many: int, checkout: Checkout, counted: Counted) -> None:
    build(checkout.tree, {"again.yaml": pod("acme/web:1.1", "acme/web:1.1")})
    for options, asked in (((), many), ((), 0), (("--refresh",), many), (("--jobs", "4"), 0)):
        counted.count = 0
        assert checkout.check("--select", "unknown-image", *options).status == 0
        assert counted.count == asked


@pytest.mark.parametrize("place", ["checkout", "link"])
def test_without_a_usable_cache_a_run_asks_everything(
    place: str, many: int, checkout: Checkout, counted: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = checkout.tree if place == "checkout" else tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    if place == "link":
        folder.mkdir()
        (tmp_path / "target").mkdir(mode=0o700)
        (folder / "imglint").symlink_to(tmp_path / "target")
    for _ in range(2):
        outcome = checkout.check("--select", "unknown-image")
        assert (outcome.status, outcome.err) == (0, "")
    assert counted.count == 2 * many
    assert "answers of registries are not cached: " in checkout.check("--verbose").err
    assert not (checkout.tree / "imglint").exists()
    assert not list(tmp_path.glob("target/*"))


BESIDE = {"Dockerfile": "FROM docker.io/library/nginx:latest\nUSER root\n"}
"""A file with findings that need no registry. Its own is not listed."""


def _offline(found: list[tuple[str, int, str]]) -> list[str]:
    return sorted(rule for rule, *_ in found if rule != "unverified-image")


def test_a_registry_that_is_gone_ends_in_bounded_time(many: int, registry_server: RegistryServer, checkout: Checkout) -> None:
    build(checkout.tree, BESIDE)
    expected = sorted(
        finding["rule"]
        for finding in json.loads(checkout.imglint("--config", checkout.policy, "--format", "json", cwd=checkout.tree).out)[
            "findings"
        ]
    )
    registry_server.stop()
    start = time.monotonic()
    found = checkout.findings()
    assert time.monotonic() - start < 15
    assert _offline(found) == expected
    assert "latest-tag" in expected
    assert len([rule for rule, *_ in found if rule == "unverified-image"]) > many


@pytest.mark.parametrize(
    ("options", "status"), [((), 1), (("--fail-on", "error"), 0), (("--fail-on", "never"), 0), (("--fail-on", "note"), 1)]
)
def test_a_registry_that_is_gone_fails_by_the_level(
    options: tuple[str, ...], status: int, many: int, registry_server: RegistryServer, checkout: Checkout
) -> None:
    registry_server.stop()
    assert checkout.check(*options).status == status


def test_a_registry_that_stops_in_the_middle_has_no_unknown_images(
    many: int, registry_server: RegistryServer, checkout: Checkout, counted: Counted
) -> None:
    counted.at, counted.then = many // 2, registry_server.stop
    rules = [rule for rule, *_ in checkout.findings("--select", "unknown-image")]
    assert set(rules) == {"unverified-image"}
    assert 0 < len(rules) < many


def test_what_is_known_from_earlier_runs_needs_no_registry(
    many: int, registry_server: RegistryServer, checkout: Checkout
) -> None:
    assert checkout.check("--select", "unknown-image").status == 0
    registry_server.stop()
    assert checkout.check("--select", "unknown-image").status == 0
    assert checkout.check("--select", "unknown-image", "--refresh").status == 1


def test_without_the_option_nothing_is_asked(many: int, checkout: Checkout, counted: Counted) -> None:
    assert checkout.imglint("--config", checkout.policy, cwd=checkout.tree).status == 0
    assert counted.count == 0
