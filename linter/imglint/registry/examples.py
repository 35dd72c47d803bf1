"""Images made up for examples and tests, and the answers that a registry with them gives."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from imglint.records import record
from imglint.reference import parse
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imglint.registry.questions import Answer, Question

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
"""The media type of what cosign signs."""
SIGNATURE = "dev.cosignproject.cosign/signature"
"""The annotation with a signature of cosign in base64."""
OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"


@record
class MediaTypes:
    """The media types of the parts of an image."""

    index: str
    manifest: str
    config: str
    layer: str


OCI_TYPES = MediaTypes(f"{OCI}.index.v1+json", f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar+gzip")
DOCKER_TYPES = MediaTypes(
    f"{DOCKER}.distribution.manifest.list.v2+json",
    f"{DOCKER}.distribution.manifest.v2+json",
    f"{DOCKER}.container.image.v1+json",
    f"{DOCKER}.image.rootfs.diff.tar.gzip",
)
"""Version 2, schema 2 of Docker's format."""
PLATFORMS = ("linux/amd64", "linux/arm64")


class ExampleRegistries:
    """Registries with images in memory: `ask` answers a question as a registry with them would.

    `manifests`, `blobs` and `tags` are by the name of the repository, such as `docker.io/library/nginx`, and by digest or tag. `files` are the texts of
    the public keys that images are signed with, by path. `has_referrers` is whether they have the API for referrers.
    """

    def __init__(self) -> None:
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.files: dict[str, str] = {}
        self.has_referrers = True

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
        types: MediaTypes = OCI_TYPES,
        signed_by: str = "",
    ) -> str:
        """Add an image with a tag, and return its digest. Images with equal contents have equal digests, unless they have different names.

        `also` are further tags of it. `size` is what the manifest for each platform says about its layer, in bytes; the blob is a short text. With one
        platform, there is no index. `signed_by` is the path of a public key, relative to the policy: the image is signed with a key made up for that
        path, and `files` gets the public one. That needs the package `cryptography`.
        """
        reference = parse(image)
        name, tag = reference.name, reference.tag or "latest"
        entries = []
        for platform in platforms:
            system, _, rest = platform.partition("/")
            architecture, _, variant = rest.partition("/")
            about = {"os": system, "architecture": architecture} | ({"variant": variant} if variant else {})
            config = {
                **about,
                **({"created": created} if created else {}),
                "config": {"User": user, "Labels": dict(labels or {}), "Env": [f"EXAMPLE={name}:{tag}"]},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            layer = {"mediaType": types.layer, "digest": self.put_blob(name, f"{name} {platform}".encode()), "size": size}
            manifest = self._manifest(name, {"config": self._described(name, config, types), "layers": [layer]}, types)
            entries.append(manifest | {"platform": about})
        digest = str(entries[0]["digest"])
        if len(entries) > 1:
            index = {"schemaVersion": 2, "mediaType": types.index, "manifests": entries}
            digest = self.put(name, json.dumps(index).encode())
        for one in (tag, *also):
            self.tags.setdefault(name, {})[one] = digest
        if signed_by:
            self.sign(name, digest, signed_by)
        return digest

    def sign(self, name: str, digest: str, key: str) -> None:
        """Sign the image of a repository that has a digest, as cosign does, with the key made up for the path of its public key."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        private = derive_private_key(int.from_bytes(hashlib.sha256(key.encode()).digest()) >> 1, SECP256R1())
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.files[key] = public.decode()
        image = {"docker-manifest-digest": digest}
        critical = {"identity": {"docker-reference": name}, "image": image, "type": "cosign container image signature"}
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        self.attach(name, digest, payload, private.sign(payload, ECDSA(SHA256())))

    def attach(self, name: str, digest: str, payload: bytes, signature: bytes) -> None:
        """Add a signature over a payload to those of an image, which has a digest, as cosign stores them."""
        tag = digest.replace(":", "-") + ".sig"
        before = self.manifests[name].get(self.tags[name].get(tag, ""), b"{}")
        layer = {"mediaType": SIMPLE_SIGNING, "digest": self.put_blob(name, payload), "size": len(payload)}
        layer["annotations"] = {SIGNATURE: base64.b64encode(signature).decode()}
        content = {"config": self._described(name, {}), "layers": [*json.loads(before).get("layers", []), layer]}
        self.tags[name][tag] = str(self._manifest(name, content)["digest"])

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

    def refer(self, name: str, digest: str, kind: str, content: bytes) -> None:
        """Add a manifest with one layer, whose subject is the image of a repository that has a digest."""
        layer = {"mediaType": kind, "digest": self.put_blob(name, content), "size": len(content)}
        subject = {"mediaType": f"{OCI}.manifest.v1+json", "digest": digest, "size": len(self.manifests[name][digest])}
        described = {"config": self._described(name, {}), "artifactType": kind, "layers": [layer], "subject": subject}
        self._manifest(name, described)
        if not self.has_referrers:
            self.put(name, self.referrers(name, digest), digest.replace(":", "-"))

    def referrers(self, name: str, digest: str) -> bytes:
        """Return the index of the manifests whose subject is the image of a repository that has a digest."""
        found = []
        for own, data in self.manifests.get(name, {}).items():
            manifest = json.loads(data)
            if manifest.get("subject", {}).get("digest") == digest:
                kinds = {"mediaType": manifest["mediaType"], "artifactType": manifest["artifactType"]}
                found.append(kinds | {"digest": own, "size": len(data)})
        return json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": found}).encode()

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question."""
        name, target = f"{question.endpoint.registry}/{question.repository}", question.target
        manifests, tags = self.manifests.get(name, {}), self.tags.get(name, {})
        if question.kind == DIGEST:
            digest = tags.get(target, target)
            return digest if digest in manifests else None
        if question.kind == TAGS:
            return tuple(sorted(tags)) if tags else None
        if question.kind == REFERRERS:
            return self.referrers(name, target) if self.has_referrers else None
        return {MANIFEST: manifests, BLOB: self.blobs.get(name, {})}[question.kind].get(target)

    def _manifest(self, name: str, content: Mapping[str, object], types: MediaTypes = OCI_TYPES) -> dict[str, object]:
        kind = types.manifest
        data = json.dumps({"schemaVersion": 2, "mediaType": kind} | dict(content)).encode()
        return {"mediaType": kind, "digest": self.put(name, data), "size": len(data)}

    def _described(self, name: str, config: Mapping[str, object], types: MediaTypes = OCI_TYPES) -> dict[str, object]:
        data = json.dumps(config).encode()
        return {"mediaType": types.config, "digest": self.put_blob(name, data), "size": len(data)}


def digest_of(data: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
