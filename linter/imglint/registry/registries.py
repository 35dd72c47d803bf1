"""Answers what rules ask about images, from the answers to a few simple questions."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified
from imglint.registry.fields import digest_of, document, mapping, mappings, string, valid_tags
from imglint.registry.images import ImageDetails, RegistryImage, Variant
from imglint.registry.platforms import serves
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, TAGS, Question, together

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from imglint.reference import ImageReference
    from imglint.registry.hosts import Endpoint, Hosts
    from imglint.registry.images import PublicKey, Signature
    from imglint.registry.questions import Answer

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
VARIANTS_MAX = 200
"""Platforms of an image, and attestations for these."""
SIZE_END = 1 << 63
"""What the size of a layer is less than. Go's clients read it as such a number."""
_PLATFORM_PART = re.compile("[A-Za-z0-9_.-]{0,64}")


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
        return RegistryImage(digest, (Variant(_platform(config, endpoint), digest),))

    def details(self, reference: ImageReference, variant: Variant) -> ImageDetails:
        """Return the details of an image for one platform."""
        endpoint = self._hosts.endpoint(reference)
        manifest = self._manifest(endpoint, reference.repository, variant.digest)
        image = self._config(endpoint, reference.repository, manifest)
        config = mapping(image.get("config"))
        labels = {str(name): value for name, value in mapping(config.get("Labels")).items() if isinstance(value, str)}
        layers = mappings(manifest.get("layers"))
        sizes = [layer.get("size") for layer in layers]
        if not all(type(size) is int and 0 <= size < SIZE_END for size in sizes):
            raise Unverified(endpoint.registry, "answered with an invalid manifest")
        size = sum([size for size in sizes if size is not None])
        return ImageDetails(string(config.get("User")), labels, string(image.get("created")), size)

    def all_details(
        self, reference: ImageReference, platforms: Collection[str] = ()
    ) -> tuple[tuple[Variant, ImageDetails], ...] | None:
        """Return the details of an image for each platform that it serves, or only for those that serve one of `platforms`.

        An image that names no platform can serve any.
        """
        image = self.image(reference)
        if image is None:
            return None
        if not image.variants:
            raise Unverified(self._hosts.endpoint(reference).registry, "the index has no images")
        variants = [one for one in image.variants if not platforms or _may_serve(one.platform, platforms)]
        details = together([partial(self.details, reference, variant) for variant in variants])
        return tuple(zip(variants, details, strict=True))

    def tags(self, reference: ImageReference) -> tuple[str, ...] | None:
        """Return all tags of the repository of a reference, in no particular order."""
        answer = self._ask(Question(TAGS, self._hosts.endpoint(reference), reference.repository))
        return tuple(valid_tags(answer)) if isinstance(answer, tuple) else None

    def signature(self, reference: ImageReference, key: PublicKey) -> Signature | None:
        """Return the result of checking the signatures of an image with a public key."""
        digest = self.digest(reference)
        if digest is None:
            return None
        from imglint.registry.signatures import signature

        return signature(self._ask, self._hosts.endpoint(reference), reference.repository, digest, key)

    def _text(self, question: Question) -> str | None:
        answer = self._ask(question)
        return answer if isinstance(answer, str) else None

    def _manifest(self, endpoint: Endpoint, repository: str, digest: str) -> dict[str, Any]:
        return self._json(Question(MANIFEST, endpoint, repository, digest))

    def _config(self, endpoint: Endpoint, repository: str, manifest: dict[str, Any]) -> dict[str, Any]:
        digest = digest_of(mapping(manifest.get("config")), endpoint)
        return self._json(Question(BLOB, endpoint, repository, digest))

    def _json(self, question: Question) -> dict[str, Any]:
        answer = self._ask(question)
        if not isinstance(answer, bytes):
            raise Unverified(question.endpoint.registry, "a part of the image is missing")
        value = document(answer)
        if value is None:
            raise Unverified(question.endpoint.registry, "answered with invalid JSON")
        return value


def _may_serve(served: str, platforms: Iterable[str]) -> bool:
    return not served or any(serves(served, platform) for platform in platforms)


def _variants(endpoint: Endpoint, index: dict[str, Any]) -> list[Variant]:
    """Return the images of an index. Attestations and other manifests that no platform runs are left out.

    Raises Unverified for an index in the index. Its images would not be checked, but container runtimes find them.
    """
    entries = mappings(index.get("manifests"))
    if len(entries) > VARIANTS_MAX:
        raise Unverified(endpoint.registry, f"answered with more than {VARIANTS_MAX} platforms")
    found = []
    for manifest in entries:
        kind = manifest.get("mediaType")
        if kind in INDEXES:
            raise Unverified(endpoint.registry, "answered with an index in an index")
        platform = _platform(mapping(manifest.get("platform")), endpoint)
        if platform.startswith("unknown") or kind not in (None, *MANIFESTS):
            continue
        found.append(Variant(platform, digest_of(manifest, endpoint)))
    return found


def _platform(entry: dict[str, Any], endpoint: Endpoint) -> str:
    """Return the platform of an image; empty if it names none."""
    parts = [string(entry.get(key)) for key in ("os", "architecture", "variant")]
    if not all(map(_PLATFORM_PART.fullmatch, parts)):
        # Messages repeat it.
        raise Unverified(endpoint.registry, "answered with an invalid platform")
    return "/".join([part for part in parts if part]) if parts[0] and parts[1] else ""
