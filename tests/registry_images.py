"""The images in the real registries of the tests."""

from __future__ import annotations

from imglint.registry.examples import DOCKER_TYPES, ExampleRegistries

REGISTRY = "images.example"
"""Their registry in references. The policies of the tests name a mirror for it."""
MANY = 50
WEB, LIST, SINGLE, PLAIN = "acme/web:1.0", "acme/list:1", "acme/single:1", "library/plain:latest"
"""Images with and without an index, in the formats of OCI and Docker."""
SIGNED, KEY = "acme/signed:1", "cosign.pub"
"""An image with a signature, and the path of the public key."""


def images() -> ExampleRegistries:
    """Return the images."""
    made = ExampleRegistries()
    made.add(
        f"{REGISTRY}/{WEB}",
        platforms=("linux/amd64", "linux/arm64", "linux/arm/v7"),
        user="101:101",
        labels={"org.opencontainers.image.source": "https://example.com/web", "empty": ""},
        created="2026-02-03T04:05:06.789Z",
        size=12_345_678,
        also=("1", "latest"),
    )
    made.add(f"{REGISTRY}/{LIST}", types=DOCKER_TYPES, user="nobody")
    made.add(f"{REGISTRY}/{SINGLE}", types=DOCKER_TYPES, platforms=("linux/amd64",), labels={"a": "b"})
    made.add(f"{REGISTRY}/{PLAIN}", platforms=("windows/amd64",), created="")
    made.has_referrers = False
    made.add(f"{REGISTRY}/{SIGNED}", signed_by=KEY)
    for number in range(MANY):
        made.add(f"{REGISTRY}/acme/many:1.{number}", platforms=("linux/amd64",))
    return made
