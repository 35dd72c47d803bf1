"""Images made up for examples and tests, and the answers that a registry with them gives."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from imglint.reference import parse
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imglint.registry.questions import Answer, Question

OCI = "application/vnd.oci.image"
PLATFORMS = ("linux/amd64", "linux/arm64")


class ExampleRegistries:
    """Registries with images in memory: `ask` answers a question as a registry with them would.

    `manifests`, `blobs` and `tags` are by the name of the repository, such as `docker.io/library/nginx`, and by digest or tag.
    """

    def __init__(self) -> None:
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def add(
        self,
        image: str,
        *,
        platforms: Sequence[str] = PLATFORMS,
        user: str = "",
        labels: Mapping[str, str] | None = None,
        created: str = "2026-01-01T00:00:00Z",
        size: int = 1000,
        also: Sequence[str] = (),
    ) -> str:
        """Add an image with a tag, and return its digest. Images with equal contents have equal digests, unless they have different names.

        `also` are further tags of it. `size` is that of the layers for each platform, in bytes; no such layer is made. With one platform, there is no
        index.
        """
        reference = parse(image)
        name, tag = reference.name, reference.tag or "latest"
        entries = []
        for platform in platforms:
            system, _, rest = platform.partition("/")
            architecture, _, variant = rest.partition("/")
            about = {"os": system, "architecture": architecture} | ({"variant": variant} if variant else {})
            config = about | {
                "created": created,
                "config": {"User": user, "Labels": dict(labels or {}), "Env": [f"EXAMPLE={name}:{tag}"]},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            layer = {"mediaType": f"{OCI}.layer.v1.tar+gzip", "digest": digest_of(f"{name} {platform}".encode()), "size": size}
            manifest = self._manifest(name, {"config": self._described(name, config), "layers": [layer]})
            entries.append(manifest | {"platform": about})
        digest = str(entries[0]["digest"])
        if len(entries) > 1:
            index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}
            digest = self.put(name, json.dumps(index).encode())
        for one in (tag, *also):
            self.tags.setdefault(name, {})[one] = digest
        return digest

    def put(self, name: str, manifest: bytes, tag: str = "") -> str:
        """Add a manifest to a repository, and return its digest."""
        digest = digest_of(manifest)
        self.manifests.setdefault(name, {})[digest] = manifest
        if tag:
            self.tags.setdefault(name, {})[tag] = digest
        return digest

    def put_blob(self, name: str, blob: bytes) -> str:
        """Add a blob to a repository, and return its digest."""
        digest = digest_of(blob)
        self.blobs.setdefault(name, {})[digest] = blob
        return digest

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question."""
        name, target = f"{question.endpoint.registry}/{question.repository}", question.target
        manifests, tags = self.manifests.get(name, {}), self.tags.get(name, {})
        if question.kind == DIGEST:
            digest = tags.get(target, target)
            return digest if digest in manifests else None
        if question.kind == TAGS:
            return tuple(sorted(tags)) if tags else None
        return {MANIFEST: manifests, BLOB: self.blobs.get(name, {})}[question.kind].get(target)

    def _manifest(self, name: str, content: Mapping[str, object]) -> dict[str, object]:
        kind = f"{OCI}.manifest.v1+json"
        data = json.dumps({"schemaVersion": 2, "mediaType": kind} | dict(content)).encode()
        return {"mediaType": kind, "digest": self.put(name, data), "size": len(data)}

    def _described(self, name: str, config: Mapping[str, object]) -> dict[str, object]:
        data = json.dumps(config).encode()
        return {"mediaType": f"{OCI}.config.v1+json", "digest": self.put_blob(name, data), "size": len(data)}


def digest_of(data: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
