"""Asking registries about images, as rules do it: each answer is put together from those to a few simple questions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified
from imglint.reference import DIGEST_LENGTHS
from imglint.registry.images import ImageDetails, RegistryImage, Variant
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, TAGS, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.reference import ImageReference
    from imglint.registry.hosts import Endpoint, Hosts
    from imglint.registry.questions import Answer

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
VARIANTS_MAX = 200
"""Platforms of an image."""


class Registries:
    """What the registries that a policy lists know about images.

    `ask` answers a question. All methods raise Unverified if a registry could not be asked, and return None if it does not have the image.
    """

    def __init__(self, hosts: Hosts, ask: Callable[[Question], Answer]) -> None:
        self._hosts, self._ask = hosts, ask

    def digest(self, reference: ImageReference) -> str | None:
        """Return the digest that a reference has now. One with a digest has this one, if the registry has it at all."""
        endpoint = self._hosts.endpoint(reference)
        return self._text(Question(DIGEST, endpoint, reference.repository, reference.digest or reference.tag or "latest"))

    def image(self, reference: ImageReference) -> RegistryImage | None:
        """Return the image with the platforms that it serves."""
        digest = self.digest(reference)
        if digest is None:
            return None
        endpoint = self._hosts.endpoint(reference)
        manifest = self._manifest(endpoint, reference.repository, digest)
        if manifest.get("mediaType") in INDEXES or "manifests" in manifest:
            return RegistryImage(digest, tuple(_variants(endpoint, manifest)))
        config = self._config(endpoint, reference.repository, manifest)
        return RegistryImage(digest, (Variant(_platform(config), digest),))

    def details(self, reference: ImageReference, variant: Variant) -> ImageDetails:
        """Return the details of an image for one platform."""
        endpoint = self._hosts.endpoint(reference)
        manifest = self._manifest(endpoint, reference.repository, variant.digest)
        image = self._config(endpoint, reference.repository, manifest)
        config = _mapping(image.get("config"))
        labels = {str(name): value for name, value in _mapping(config.get("Labels")).items() if isinstance(value, str)}
        layers = [layer for layer in _list(manifest.get("layers")) if isinstance(layer, dict)]
        size = sum([layer["size"] for layer in layers if isinstance(layer.get("size"), int)])
        return ImageDetails(_string(config.get("User")), labels, _string(image.get("created")), size)

    def tags(self, reference: ImageReference) -> tuple[str, ...] | None:
        """Return all tags of the repository of a reference, in no particular order."""
        answer = self._ask(Question(TAGS, self._hosts.endpoint(reference), reference.repository))
        return answer if isinstance(answer, tuple) else None

    def _text(self, question: Question) -> str | None:
        answer = self._ask(question)
        return answer if isinstance(answer, str) else None

    def _manifest(self, endpoint: Endpoint, repository: str, digest: str) -> dict[str, Any]:
        return self._json(Question(MANIFEST, endpoint, repository, digest))

    def _config(self, endpoint: Endpoint, repository: str, manifest: dict[str, Any]) -> dict[str, Any]:
        digest = _digest(_mapping(manifest.get("config")), endpoint)
        return self._json(Question(BLOB, endpoint, repository, digest))

    def _json(self, question: Question) -> dict[str, Any]:
        answer = self._ask(question)
        if not isinstance(answer, bytes):
            raise Unverified(question.endpoint.registry, "a part of the image is missing")
        try:
            value = json.loads(answer)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Unverified(question.endpoint.registry, "answered with invalid JSON")
        return value


def _variants(endpoint: Endpoint, index: dict[str, Any]) -> list[Variant]:
    """Return the images of an index. Attestations and other manifests that no platform runs are left out."""
    found = []
    for entry in _list(index.get("manifests"))[:VARIANTS_MAX]:
        manifest = _mapping(entry)
        platform = _platform(_mapping(manifest.get("platform")))
        if platform.startswith("unknown") or not platform or manifest.get("mediaType") not in (None, *MANIFESTS):
            continue
        found.append(Variant(platform, _digest(manifest, endpoint)))
    return found


def _platform(entry: dict[str, Any]) -> str:
    parts = [_string(entry.get(key)) for key in ("os", "architecture", "variant")]
    return "/".join([part for part in parts if part]) if parts[0] and parts[1] else ""


def _digest(descriptor: dict[str, Any], endpoint: Endpoint) -> str:
    """Return the digest of a descriptor. Raises Unverified if it is none."""
    digest = _string(descriptor.get("digest"))
    algorithm, _, digits = digest.partition(":")
    if len(digits) != DIGEST_LENGTHS.get(algorithm) or not re.fullmatch("[0-9a-f]+", digits):
        raise Unverified(endpoint.registry, "answered with an invalid digest")
    return digest


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
