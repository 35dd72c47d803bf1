"""Asking a real registry, over each way to reach and to log in to it. skopeo says what is right."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.registry_images import KEY, LIST, MANY, PLAIN, REGISTRY, SIGNED, SINGLE, WEB
from tests.registry_server import BASIC, OPEN, TOKEN, RegistryServer

from imglint import Unverified, parse
from imglint.registry import client as client_module
from imglint.registry.answers import Answers
from imglint.registry.client import Client
from imglint.registry.credentials import DockerCredentials
from imglint.registry.examples import ExampleRegistries, digest_of
from imglint.registry.hosts import Hosts, RegistryEntry
from imglint.registry.images import PublicKey, Signature
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS, Question
from imglint.registry.registries import Registries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry_server import RegistryServers

    from imglint.registry.questions import Answer

IMAGES = (WEB, LIST, SINGLE, PLAIN)
WAYS = [(access, tls) for tls in (False, True) for access in (OPEN, BASIC, TOKEN)]
ABSENT = f"sha256:{'0' * 64}"


def entry(server: RegistryServer, **changes: Any) -> RegistryEntry:
    """Return the entry of a policy for a server."""
    given: dict[str, Any] = {
        "mirror": server.host,
        "credentials": True,
        "private": True,
        "insecure": not server.ca,
        "ca": server.ca,
        "realms": server.realms,
    }
    return RegistryEntry(REGISTRY, **given | changes)


def asked(server: RegistryServer, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Registries:
    """Return what a run knows that asks a server with the user's credentials."""
    monkeypatch.setenv("DOCKER_CONFIG", str(server.login))
    return Registries(Hosts((entry(server, **changes),)), Client(DockerCredentials()).ask)


def skopeo(server: RegistryServer, command: str, image: str, *options: str) -> Any:
    done = server.skopeo(command, image, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def variants(server: RegistryServer, image: str) -> list[tuple[str, str]]:
    """Return the platforms and digests of an image by skopeo."""
    raw = server.skopeo("inspect", image, "--raw").stdout
    manifest = json.loads(raw)
    if "manifests" not in manifest:
        config = skopeo(server, "inspect", image, "--config")
        return [(f"{config['os']}/{config['architecture']}", digest_of(raw))]
    entries = [(dict(part["platform"]), part["digest"]) for part in manifest["manifests"]]
    return [("/".join([at["os"], at["architecture"], *filter(None, [at.get("variant")])]), digest) for at, digest in entries]


@pytest.mark.parametrize(("access", "tls"), WAYS)
@pytest.mark.parametrize("image", IMAGES)
def test_digests_platforms_and_details_are_those_of_skopeo(
    image: str, access: str, tls: bool, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(access, tls=tls)
    registries = asked(server, monkeypatch)
    reference = parse(f"{REGISTRY}/{image}")
    found = registries.image(reference)
    assert found is not None
    assert registries.digest(reference) == found.digest == digest_of(server.skopeo("inspect", image, "--raw").stdout)
    assert [(variant.platform, variant.digest) for variant in found.variants] == variants(server, image)
    name = image.partition(":")[0]
    for variant in found.variants[:: len(IMAGES)] if access != OPEN else found.variants:
        config = skopeo(server, "inspect", f"{name}@{variant.digest}", "--config")
        manifest = skopeo(server, "inspect", f"{name}@{variant.digest}", "--raw")
        details = registries.details(reference, variant)
        assert details.user == config["config"].get("User", "")
        assert details.labels == config["config"].get("Labels", {})
        assert details.created == config.get("created", "")
        assert details.size == sum(layer["size"] for layer in manifest["layers"])


@pytest.mark.parametrize(("access", "tls"), WAYS)
def test_tags_are_those_of_skopeo(
    access: str, tls: bool, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(access, tls=tls)
    tags = asked(server, monkeypatch).tags(parse(f"{REGISTRY}/acme/many"))
    assert tags is not None
    assert sorted(tags) == sorted(skopeo(server, "list-tags", "acme/many")["Tags"])
    assert len(tags) == MANY


@pytest.mark.parametrize(("access", "tls"), [(OPEN, False), (TOKEN, True)])
@pytest.mark.parametrize(("image", "expected"), [(SIGNED, "signed"), (WEB, "unsigned")])
def test_signatures(
    image: str, expected: str, access: str, tls: bool, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    registries = asked(registry_servers.get(access, tls=tls), monkeypatch)
    key = PublicKey(KEY, registry_servers.examples.files[KEY])
    reference = parse(f"{REGISTRY}/{image}")
    # This registry does not have the API for referrers.
    assert registries.signature(reference, key) == Signature(expected, registries.digest(reference) or "")


@pytest.mark.parametrize("size", [1, 7, MANY, MANY + 1])
def test_tags_come_in_pages(size: int, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE_TAGS", size)
    tags = asked(registry_servers.get(), monkeypatch).tags(parse(f"{REGISTRY}/acme/many"))
    assert sorted(tags or ()) == sorted(registry_servers.examples.tags[f"{REGISTRY}/acme/many"])


@pytest.mark.parametrize(("access", "tls"), WAYS)
@pytest.mark.parametrize("image", ["acme/web:2.0", "acme/absent:1", f"acme/web@{ABSENT}"])
def test_what_is_absent_is_none(
    image: str, access: str, tls: bool, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(access, tls=tls)
    registries = asked(server, monkeypatch)
    assert registries.digest(parse(f"{REGISTRY}/{image}")) is None
    assert registries.image(parse(f"{REGISTRY}/{image}")) is None
    assert b"unknown" in server.skopeo("inspect", image).stderr
    assert registries.tags(parse(f"{REGISTRY}/acme/absent")) is None


def test_the_registries_in_memory_answer_as_a_real_one(registry_servers: RegistryServers) -> None:
    examples = registry_servers.examples
    endpoint = Hosts((entry(registry_servers.get()),)).endpoint(parse(f"{REGISTRY}/x"))
    questions = [Question(kind, endpoint, "acme/absent", target) for kind, target in ((DIGEST, "1"), (BLOB, ABSENT), (TAGS, ""))]
    for name, manifests in examples.manifests.items():
        path = name.partition("/")[2]
        digests, tags, blobs = [*manifests, ABSENT], [*examples.tags[name], "absent"], [*examples.blobs[name], ABSENT]
        questions.append(Question(TAGS, endpoint, path))
        for kind, targets in ((DIGEST, digests + tags), (MANIFEST, digests), (BLOB, blobs), (REFERRERS, digests[-2:])):
            questions += [Question(kind, endpoint, path, target) for target in targets]
    answers = Answers(Client().ask)
    answers.ask_all(questions)
    assert len(questions) > 250
    assert [_sorted(answers.ask(question)) for question in questions] == [
        _sorted(examples.ask(question)) for question in questions
    ]


def _sorted(answer: Answer) -> object:
    return sorted(answer) if isinstance(answer, tuple) else answer


def test_a_token_serves_all_questions_about_a_repository(
    registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = registry_servers.get(TOKEN)
    assert server.tokens
    server.tokens.asked.clear()
    registries = asked(server, monkeypatch)
    for image in (WEB, LIST):
        assert registries.image(parse(f"{REGISTRY}/{image}"))
        assert registries.tags(parse(f"{REGISTRY}/{image}"))
    assert server.tokens.asked == ["repository:acme/web:pull", "repository:acme/list:pull"]


def test_a_mirror_has_repositories_below_a_path(registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch) -> None:
    server = registry_servers.get()
    registries = asked(server, monkeypatch, mirror=f"{server.host}/acme")
    expected = registry_servers.examples.tags[f"{REGISTRY}/acme/web"]["1.0"]
    assert registries.digest(parse(f"{REGISTRY}/web:1.0")) == expected


@pytest.mark.parametrize(
    ("access", "tls", "changes"),
    [
        (BASIC, False, {"credentials": False}),
        (TOKEN, True, {"credentials": False}),
        (TOKEN, True, {"realms": ()}),
        (OPEN, True, {"ca": ""}),
        (OPEN, True, {"insecure": True}),
        (OPEN, False, {"insecure": False}),
        (OPEN, False, {"private": False}),
    ],
    ids=str,
)
def test_what_the_policy_does_not_allow_is_not_asked(
    access: str, tls: bool, changes: dict[str, Any], registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    registries = asked(registry_servers.get(access, tls=tls), monkeypatch, **changes)
    with pytest.raises(Unverified) as raised:
        registries.digest(parse(f"{REGISTRY}/{WEB}"))
    assert raised.value.registry == REGISTRY
    assert raised.value.reason


@pytest.mark.parametrize("access", [BASIC, TOKEN])
def test_a_wrong_password_is_not_absence(
    access: str, registry_servers: RegistryServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = registry_servers.get(access)
    registries = asked(server, monkeypatch)
    auths = {server.host: {"username": "reader", "password": "wrong"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(Unverified):
        registries.digest(parse(f"{REGISTRY}/acme/absent:1"))


def test_a_deleted_image_is_absent(registry_server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ExampleRegistries()
    digest = examples.add(f"{REGISTRY}/acme/web:1", platforms=("linux/amd64",))
    examples.add(f"{REGISTRY}/acme/web:2", platforms=("linux/amd64",))
    registry_server.push(examples)
    registries = asked(registry_server, monkeypatch)
    pinned = parse(f"{REGISTRY}/acme/web:1@{digest}")
    assert registries.digest(pinned) == digest
    registry_server.delete("acme/web", digest)
    assert registries.digest(pinned) is None
    assert registries.digest(parse(f"{REGISTRY}/acme/web:1")) is None
    assert registries.tags(pinned) == tuple(skopeo(registry_server, "list-tags", "acme/web")["Tags"]) == ("2",)


def test_a_registry_that_is_gone_is_not_waited_for(registry_server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ExampleRegistries()
    digest = examples.add(f"{REGISTRY}/acme/web:1")
    registry_server.push(examples)
    registries = asked(registry_server, monkeypatch)
    reference = parse(f"{REGISTRY}/acme/web:1")
    assert registries.digest(reference) == digest
    registry_server.stop()
    start = time.monotonic()
    for _ in range(20):
        with pytest.raises(Unverified):
            registries.image(reference)
    assert time.monotonic() - start < 10
