"""Checks signatures of images with a public key, as cosign makes them. Imported only for policies with `signed`, like the package `cryptography`.

There are two formats, and both are read:

- Simple signing (specs/SIGNATURE_SPEC.md of cosign): a manifest with the tag `sha256-<hex>.sig`. Each layer is a payload that names the digest of the
  image, and an annotation has the signature over it.
- A Sigstore bundle (cosign 3): a manifest with the image as its subject, found by the API for referrers or, in registries without it, in the index
  with the tag `sha256-<hex>`. Its layer is a DSSE envelope with an in-toto statement about the digest of the image.

A signature counts only if it is by the key, and for the digest of this very image: one copied from another image is not. The signature of an index
does not sign the images for its platforms. Transparency logs are not asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified, UsageError
from imglint.records import record
from imglint.registry.fields import digest_of, document, mapping, mappings, string
from imglint.registry.images import MOVED, OTHER_KEY, SIGNED, UNSIGNED, Signature
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, Question, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imglint.registry.hosts import Endpoint
    from imglint.registry.images import PublicKey
    from imglint.registry.questions import Answer

SIGNATURES_MAX = 50
"""Signatures of an image in one format."""
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
SIMPLE_TYPE = "cosign container image signature"
BUNDLE = "application/vnd.dev.sigstore.bundle"
"""What the media types of bundles begin with; the version follows."""
STATEMENT = "application/vnd.in-toto+json"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""The predicate of a statement that signs an image. Others attest something about it, such as how it was built."""
RSA_MIN = 2048
"""The least number of bits of an RSA key."""
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
INSTALL = "run `pip install 'imglint[signatures]'`"


@record
class _Found:
    """A signature: the signed data, the signature over it, and the digests of the images that the data names. Empty data is never verified."""

    data: bytes
    signature: bytes
    digests: tuple[str, ...]


_BROKEN = _Found(b"", b"", ())


def check_key(key: PublicKey) -> None:
    """Raise UsageError if the package `cryptography` is missing, and ValueError if a key cannot be used."""
    try:
        import cryptography as _  # noqa: F401
    except ImportError:
        path = key.at.rpartition(":")[0]
        raise UsageError(f"{path}: `signed` needs the package `cryptography`; {INSTALL}") from None
    _verifier(key.pem)


def signature(ask: Callable[[Question], Answer], endpoint: Endpoint, repository: str, digest: str, key: PublicKey) -> Signature:
    """Return the result of checking the signatures of the image with a digest with a public key."""
    if not digest.startswith("sha256:"):
        raise Unverified(endpoint.registry, "signatures are looked up for sha256 digests only")
    stored = _Stored(ask, endpoint, repository, digest)
    verify = _verifier(key.pem)
    result = Signature(UNSIGNED, digest)
    for search in (stored.simple, stored.bundles):
        result = _better(result, _judged(search(), digest, verify))
        if result.result == SIGNED:
            break
    return result


def _judged(found: Iterable[_Found], digest: str, verify: Callable[[bytes, bytes], bool]) -> Signature:
    result = Signature(UNSIGNED, digest)
    for one in found:
        if not one.data or not verify(one.signature, one.data):
            judged = Signature(OTHER_KEY, digest)
        elif digest in one.digests:
            return Signature(SIGNED, digest)
        else:
            judged = Signature(MOVED, digest, one.digests[0]) if one.digests else Signature(OTHER_KEY, digest)
        result = _better(result, judged)
    return result


def _better(one: Signature, other: Signature) -> Signature:
    """Return the result to report, the one that is closer to a valid signature."""
    order = (UNSIGNED, OTHER_KEY, MOVED, SIGNED)
    return other if order.index(other.result) > order.index(one.result) else one


@record
class _Stored:
    """The signatures that a registry stores for the image with a digest."""

    ask: Callable[[Question], Answer]
    endpoint: Endpoint
    repository: str
    digest: str

    def simple(self) -> list[_Found]:
        """Return the signatures in the format of simple signing."""
        manifest = self._tagged(self.digest.replace(":", "-") + ".sig")
        layers = [layer for layer in mappings(manifest.get("layers")) if layer.get("mediaType") == SIMPLE_SIGNING]
        return self._read([partial(self._payload, layer) for layer in layers])

    def bundles(self) -> list[_Found]:
        """Return the signatures in bundles."""
        answer = self.ask(Question(REFERRERS, self.endpoint, self.repository, self.digest))
        index = self._document(answer) if answer is not None else self._tagged(self.digest.replace(":", "-"))
        entries = [entry for entry in mappings(index.get("manifests")) if string(entry.get("artifactType")).startswith(BUNDLE)]
        predicate = "dev.sigstore.bundle.predicateType"
        wanted = [entry for entry in entries if mapping(entry.get("annotations")).get(predicate, PREDICATE) == PREDICATE]
        found = self._read([partial(self._bundle, entry) for entry in wanted])
        return [one for one in found if one is not _NO_SIGNATURE]

    def _read(self, parts: list[Callable[[], _Found]]) -> list[_Found]:
        if len(parts) > SIGNATURES_MAX:
            raise Unverified(self.endpoint.registry, f"the image has more than {SIGNATURES_MAX} signatures")
        return together(parts)

    def _payload(self, layer: dict[str, Any]) -> _Found:
        data = self._part(BLOB, digest_of(layer, self.endpoint))
        written = _decoded(mapping(layer.get("annotations")).get(SIGNATURE))
        critical = mapping((document(data) or {}).get("critical"))
        if critical.get("type") != SIMPLE_TYPE or written is None:
            return _BROKEN
        return _Found(data, written, _digests([string(mapping(critical.get("image")).get("docker-manifest-digest"))]))

    def _bundle(self, entry: dict[str, Any]) -> _Found:
        manifest = self._document(self._part(MANIFEST, digest_of(entry, self.endpoint)))
        layers = [layer for layer in mappings(manifest.get("layers")) if string(layer.get("mediaType")).startswith(BUNDLE)]
        if not layers:
            return _BROKEN
        bundle = document(self._part(BLOB, digest_of(layers[0], self.endpoint))) or {}
        envelope = mapping(bundle.get("dsseEnvelope"))
        payload, kind = _decoded(envelope.get("payload")), envelope.get("payloadType")
        signatures = mappings(envelope.get("signatures"))
        written = _decoded(signatures[0].get("sig")) if len(signatures) == 1 else None
        if payload is None or written is None or kind != STATEMENT:
            return _BROKEN
        statement = document(payload) or {}
        if statement.get("predicateType") != PREDICATE:
            return _NO_SIGNATURE
        digits = [string(mapping(subject.get("digest")).get("sha256")) for subject in mappings(statement.get("subject"))]
        return _Found(_authenticated(kind, payload), written, _digests([f"sha256:{one}" for one in digits]))

    def _tagged(self, tag: str) -> dict[str, Any]:
        """Return the manifest with a tag, or an empty one if there is none."""
        digest = self.ask(Question(DIGEST, self.endpoint, self.repository, tag))
        return self._document(self._part(MANIFEST, digest)) if isinstance(digest, str) else {}

    def _part(self, kind: str, digest: str) -> bytes:
        answer = self.ask(Question(kind, self.endpoint, self.repository, digest))
        if not isinstance(answer, bytes):
            raise Unverified(self.endpoint.registry, "a part of the signature is missing")
        return answer

    def _document(self, answer: Answer) -> dict[str, Any]:
        value = document(answer) if isinstance(answer, bytes) else None
        if value is None:
            raise Unverified(self.endpoint.registry, "answered with invalid JSON")
        return value


_NO_SIGNATURE = _Found(b"", b"", ("",))
"""A bundle that is not the signature of an image."""


def _digests(texts: list[str]) -> tuple[str, ...]:
    return tuple([text for text in texts if _DIGEST.fullmatch(text)])


def _authenticated(kind: str, payload: bytes) -> bytes:
    """Return what a DSSE signature is made over (github.com/secure-systems-lab/dsse, protocol.md)."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def _decoded(value: object) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


@lru_cache(maxsize=100)
def _verifier(pem: str) -> Callable[[bytes, bytes], bool]:
    """Return a function that returns whether a signature over data is by a key. Raises ValueError for a key that cannot be used.

    The schemes are those of cosign: ECDSA and RSA (PKCS #1 v1.5) with SHA-256, or the hash that fits the curve, and Ed25519.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("invalid public key; copy it again") from None
    checks: list[Callable[[bytes, bytes], None]] = []
    if isinstance(key, ec.EllipticCurvePublicKey):
        curves = {"secp256r1": (SHA256(),), "secp384r1": (SHA384(), SHA256()), "secp521r1": (SHA512(), SHA256())}
        checks = [partial(key.verify, signature_algorithm=ec.ECDSA(one)) for one in curves.get(key.curve.name, ())]
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_MIN:
        checks = [partial(key.verify, padding=padding.PKCS1v15(), algorithm=SHA256())]
    elif isinstance(key, ed25519.Ed25519PublicKey):
        checks = [key.verify]
    if not checks:
        raise ValueError(
            f"unsupported public key; use one for ECDSA (P-256, P-384 or P-521), RSA from {RSA_MIN} bits, or Ed25519"
        )

    def verify(signature: bytes, data: bytes) -> bool:
        for check in checks:
            try:
                check(signature, data)
            except InvalidSignature:
                continue
            return True
        return False

    return verify
