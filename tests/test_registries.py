"""What rules learn from registries, by the answers of registries in memory."""

from __future__ import annotations

import pytest

from imglint import Unverified, parse
from imglint.registry.examples import ExampleRegistries
from imglint.registry.hosts import Hosts, RegistryEntry
from imglint.registry.images import ImageDetails
from imglint.registry.registries import Registries


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
