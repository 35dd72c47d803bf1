"""What rules learn from registries, by the answers of registries in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imglint import Unverified, parse
from imglint.registry import answers
from imglint.registry.answers import Answers
from imglint.registry.examples import ExampleRegistries
from imglint.registry.hosts import Hosts, RegistryEntry
from imglint.registry.images import ImageDetails
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, Question
from imglint.registry.registries import Registries

if TYPE_CHECKING:
    from imglint.registry.questions import Answer


@pytest.mark.parametrize("platforms", [("linux/amd64",), ("linux/amd64", "linux/arm64/v8")])
def test_an_image_has_a_digest_platforms_and_details(platforms: tuple[str, ...]) -> None:
    examples = ExampleRegistries()
    digest = examples.add(
        "nginx:1.27.0", platforms=platforms, user="101", labels={"a": "b"}, created="2026-01-02T00:00:00Z", size=7, also=("1.27",)
    )
    registries = Registries(Hosts(None), examples.ask)
    for text in ("nginx:1.27.0", "docker.io/nginx:1.27", f"nginx@{digest}", f"nginx:gone@{digest}"):
        image = registries.image(parse(text))
        assert image is not None
        assert (image.digest, tuple(variant.platform for variant in image.variants)) == (digest, platforms)
        for variant in image.variants:
            assert registries.details(parse(text), variant) == ImageDetails("101", {"a": "b"}, "2026-01-02T00:00:00Z", 7)
    assert registries.tags(parse("nginx")) == ("1.27", "1.27.0")


@pytest.mark.parametrize("text", ["nginx:1.28", "nginx", "absent:1", f"nginx@sha256:{'0' * 64}"])
def test_what_a_registry_does_not_have_is_none(text: str) -> None:
    examples = ExampleRegistries()
    examples.add("nginx:1.27.0")
    registries = Registries(Hosts(None), examples.ask)
    assert registries.digest(parse(text)) is None
    assert registries.image(parse(text)) is None


def test_only_listed_hosts_are_asked() -> None:
    examples = ExampleRegistries()
    examples.add("registry.acme.example:5000/web:1")
    entry = RegistryEntry("registry.acme.example:5000", mirror="mirror.acme.example/hub")
    registries = Registries(Hosts((entry,)), examples.ask)
    assert registries.digest(parse("registry.acme.example:5000/web:1"))
    for text in ("registry.acme.example/web:1", "nginx:1", "acme.example:5000/web:1"):
        with pytest.raises(Unverified, match="not listed under `registries`"):
            registries.digest(parse(text))
    endpoint = Hosts((entry,)).endpoint(parse("registry.acme.example:5000/web:1"))
    assert (endpoint.host, endpoint.prefix, endpoint.registry) == ("mirror.acme.example", "hub/", "registry.acme.example:5000")
    docker_hub = Hosts(None).endpoint(parse("nginx"))
    assert (docker_hub.host, docker_hub.realms) == ("registry-1.docker.io", ("auth.docker.io",))
    assert Hosts(None).endpoint(parse("registry.gitlab.com/acme/app")).realms == ("gitlab.com",)


def test_a_platform_is_not_any_text() -> None:
    registries = Registries(Hosts(None), (examples := ExampleRegistries()).ask)
    for number, platform in enumerate(
        (f"linux/{'a' * 64}", "linux/a.b_c-1", f"linux/{'a' * 65}", "linux/\x1b[31m", "linux/a b", "li\nnux/a")
    ):
        examples.add(f"nginx:{number}", platforms=(platform,))
        examples.add(f"nginx:{number}-all", platforms=(platform, "linux/amd64"))
        for tag in (f"{number}", f"{number}-all"):
            if number < 2:
                image = registries.image(parse(f"nginx:{tag}"))
                assert image is not None
                assert image.variants[0].platform == platform
            else:
                with pytest.raises(Unverified, match=r"answered with an invalid platform$"):
                    registries.image(parse(f"nginx:{tag}"))


@pytest.mark.parametrize(("size", "is_valid"), [(0, True), (2**63 - 1, True), (2**63, False), (-1, False), (True, False)])
def test_the_size_of_a_layer_is_a_number_of_64_bits(size: int, is_valid: bool) -> None:
    registries = Registries(Hosts(None), (examples := ExampleRegistries()).ask)
    examples.add("nginx:1", platforms=("linux/amd64",), size=size)
    if is_valid:
        ((_, details),) = registries.all_details(parse("nginx:1")) or ()
        assert details.size == size
    else:
        with pytest.raises(Unverified, match=r"answered with an invalid manifest$"):
            registries.all_details(parse("nginx:1"))


def test_too_many_bytes_end_the_questions_that_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SIZE_MAX", 10)
    endpoint = Hosts(None).endpoint(parse("nginx"))
    asked: list[str] = []

    def ask(question: Question) -> Answer:
        asked.append(question.kind)
        return "sha256:0" if question.kind == DIGEST else b"x" * 11

    known = Answers(ask)
    for kind in (BLOB, BLOB, MANIFEST, REFERRERS):
        with pytest.raises(Unverified, match="the answers of this run take up more than 10 bytes"):
            known.ask(Question(kind, endpoint, "nginx", str(len(asked))))
    assert known.ask(Question(DIGEST, endpoint, "nginx", "1")) == "sha256:0"
    assert asked == [BLOB, DIGEST]
