"""Signatures of images by a public key: in both formats of cosign, with keys of each kind, copied from elsewhere, broken, and hostile.

The payloads, statements and manifests are written here by the documents of cosign, in-toto, DSSE and OCI, not by the code that is tested.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.trees import build

from imglint import Unverified, parse
from imglint.engine.online import Waiting
from imglint.registry.answers import Answers
from imglint.registry.examples import ExampleRegistries, digest_of
from imglint.registry.hosts import Hosts
from imglint.registry.images import PublicKey, Signature
from imglint.registry.questions import REFERRERS
from imglint.registry.registries import Registries
from imglint.registry.signatures import SIGNATURES_MAX, check_key
from imglint.testing import check_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from tests.conftest import Imglint

    Sign = Callable[[bytes], bytes]

NAME = "ghcr.io/acme/web"
IMAGE = f"{NAME}:v1"
P256 = ec.generate_private_key(ec.SECP256R1())
P384, P521 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())
RSA, ED25519 = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
OTHER = ec.generate_private_key(ec.SECP256R1())
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
OTHER_DIGEST = "sha256:" + "1" * 64


def public(key: PublicKeyTypes, path: str = "cosign.pub") -> PublicKey:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(path, pem, "policy.yaml:1:2")


KEY = public(P256.public_key())


def by(key: ec.EllipticCurvePrivateKey) -> Sign:
    return lambda data: key.sign(data, ec.ECDSA(SHA256()))


def payload(digest: str, **changes: object) -> dict[str, Any]:
    """Return what simple signing signs."""
    critical = {
        "identity": {"docker-reference": NAME},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return {"critical": critical | changes, "optional": None}


def statement(digest: str, **changes: object) -> dict[str, Any]:
    """Return what a bundle signs."""
    subject = [{"digest": {"sha256": digest.removeprefix("sha256:")}}]
    return {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": SIGN, "predicate": {}} | changes


def bundle(content: object, sign: Sign, kind: str = "application/vnd.in-toto+json", **changes: object) -> bytes:
    """Return a Sigstore bundle with a DSSE envelope."""
    data = json.dumps(content).encode()
    signed = f"DSSEv1 {len(kind)} {kind} {len(data)} ".encode() + data
    encoded = {"sig": base64.b64encode(sign(signed)).decode(), "keyid": ""}
    envelope = {"payload": base64.b64encode(data).decode(), "payloadType": kind, "signatures": [encoded]} | changes
    return json.dumps(
        {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": ""}}, "dsseEnvelope": envelope}
    ).encode()


def registries_with(platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")) -> tuple[ExampleRegistries, str]:
    """Return registries with an image, and its digest."""
    registries = ExampleRegistries()
    return registries, registries.add(IMAGE, platforms=platforms)


def attach(registries: ExampleRegistries, digest: str, content: object, sign: Sign) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    registries.attach(NAME, digest, data, sign(data))


def result(registries: ExampleRegistries, key: PublicKey = KEY, image: str = IMAGE) -> Signature | None:
    return Registries(Hosts(None), registries.ask).signature(parse(image), key)


SCHEMES: dict[str, tuple[Sign, PublicKey]] = {
    "P-256": (by(P256), KEY),
    "P-384": (lambda data: P384.sign(data, ec.ECDSA(SHA384())), public(P384.public_key())),
    "P-384, SHA-256": (by(P384), public(P384.public_key())),
    "P-521": (lambda data: P521.sign(data, ec.ECDSA(SHA512())), public(P521.public_key())),
    "RSA": (lambda data: RSA.sign(data, padding.PKCS1v15(), SHA256()), public(RSA.public_key())),
    "Ed25519": (ED25519.sign, public(ED25519.public_key())),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_of_each_kind_of_key(scheme: str) -> None:
    sign, key = SCHEMES[scheme]
    registries, digest = registries_with()
    attach(registries, digest, payload(digest), sign)
    assert result(registries, key) == Signature("signed", digest)
    assert result(registries, KEY if scheme != "P-256" else public(OTHER.public_key())) == Signature("other-key", digest)
    registries, digest = registries_with()
    registries.refer(NAME, digest, BUNDLE, bundle(statement(digest), sign))
    assert result(registries, key) == Signature("signed", digest)


def test_an_image_without_signatures() -> None:
    registries, digest = registries_with()
    assert result(registries) == Signature("unsigned", digest)
    assert result(registries, image=f"{NAME}:v2") is None
    assert result(registries, image=f"{NAME}@{digest}") == Signature("unsigned", digest)


def test_a_signature_moved_from_another_image() -> None:
    registries, digest = registries_with()
    attach(registries, digest, payload(OTHER_DIGEST), by(P256))
    assert result(registries) == Signature("moved", digest, OTHER_DIGEST)
    registries, digest = registries_with()
    registries.refer(NAME, digest, BUNDLE, bundle(statement(OTHER_DIGEST), by(P256)))
    assert result(registries) == Signature("moved", digest, OTHER_DIGEST)


def test_the_best_of_several_signatures_counts() -> None:
    registries, digest = registries_with()
    attach(registries, digest, payload(digest), by(OTHER))
    attach(registries, digest, payload(OTHER_DIGEST), by(P256))
    assert result(registries) == Signature("moved", digest, OTHER_DIGEST)
    attach(registries, digest, payload(digest), by(OTHER))
    assert result(registries) == Signature("moved", digest, OTHER_DIGEST)
    registries.refer(NAME, digest, BUNDLE, bundle(statement(digest), by(P256)))
    assert result(registries) == Signature("signed", digest)


def test_the_signature_of_an_index_does_not_sign_the_images_for_its_platforms() -> None:
    registries, digest = registries_with()
    attach(registries, digest, payload(digest), by(P256))
    child = next(one for one in registries.manifests[NAME] if one != digest)
    assert result(registries, image=f"{NAME}@{child}") == Signature("unsigned", child)
    registries, digest = registries_with()
    child = next(one for one in registries.manifests[NAME] if one != digest)
    attach(registries, child, payload(child), by(P256))
    assert result(registries) == Signature("unsigned", digest)


@pytest.mark.parametrize("has_api", [True, False])
def test_bundles_are_found_by_the_api_for_referrers_or_by_their_tag(has_api: bool) -> None:
    registries, digest = registries_with()
    registries.has_referrers = has_api
    registries.refer(NAME, digest, BUNDLE, bundle(statement(digest), by(P256)))
    assert result(registries) == Signature("signed", digest)
    assert (digest.replace(":", "-") in registries.tags[NAME]) == (not has_api)


def test_what_else_refers_to_an_image_is_no_signature() -> None:
    registries, digest = registries_with()
    attestation = statement(digest, predicateType="https://slsa.dev/provenance/v1")
    registries.refer(NAME, digest, BUNDLE, bundle(attestation, by(P256)))
    registries.refer(NAME, digest, "application/spdx+json", b"{}")
    assert result(registries) == Signature("unsigned", digest)


BROKEN_PAYLOADS: dict[str, object] = {
    "no JSON": b"{",
    "a list": [],
    "deep": b"[" * 100_000,
    "no critical": {"optional": None},
    "critical is text": {"critical": "image"},
    "another type": payload("DIGEST", type="atomic container signature"),
    "no image": payload("DIGEST", image=None),
    "a list as digest": payload("DIGEST", image={"docker-manifest-digest": ["DIGEST"]}),
}


@pytest.mark.parametrize("case", BROKEN_PAYLOADS)
def test_a_payload_that_names_no_image_is_no_signature_of_it(case: str) -> None:
    registries, digest = registries_with()
    content = BROKEN_PAYLOADS[case]
    data = content if isinstance(content, bytes) else json.dumps(content).replace("DIGEST", digest).encode()
    attach(registries, digest, data, by(P256))
    found = result(registries)
    assert found == Signature("other-key", digest)


BROKEN_BUNDLES: dict[str, Callable[[str], bytes]] = {
    "no JSON": lambda _: b"{",
    "no envelope": lambda _: b'{"messageSignature": {"signature": "AAAA"}}',
    "envelope is a list": lambda _: b'{"dsseEnvelope": []}',
    "another kind": lambda digest: bundle(statement(digest), by(P256), "text/plain"),
    "no signatures": lambda digest: bundle(statement(digest), by(P256), signatures=[]),
    "two signatures": lambda digest: bundle(statement(digest), by(P256), signatures=[{"sig": "AAAA"}] * 2),
    "no base64": lambda digest: bundle(statement(digest), by(P256), signatures=[{"sig": "%%%"}]),
    "not ASCII": lambda digest: bundle(statement(digest), by(P256), signatures=[{"sig": "\u00e4"}]),
    "another payload": lambda digest: bundle(
        statement(OTHER_DIGEST), by(P256), payload=base64.b64encode(json.dumps(statement(digest)).encode()).decode()
    ),
    "no subject": lambda _: bundle(statement("x", subject=[]), by(P256)),
    "subject is text": lambda digest: bundle(statement("x", subject=digest), by(P256)),
    "no digest": lambda _: bundle(statement("sha256:\x1b[31m"), by(P256)),
    "digest is a number": lambda _: bundle(statement("x", subject=[{"digest": {"sha256": 1}}]), by(P256)),
}


@pytest.mark.parametrize("case", BROKEN_BUNDLES)
def test_a_broken_bundle_is_no_signature(case: str) -> None:
    registries, digest = registries_with()
    registries.refer(NAME, digest, BUNDLE, BROKEN_BUNDLES[case](digest))
    found = result(registries)
    assert found is not None
    assert found.result in ("other-key", "unsigned")


@pytest.mark.parametrize("written", ["", "AAAA", "%%%", "\u00e4", None, 7, ["AAAA"]])
def test_a_broken_signature_is_none(written: object) -> None:
    registries, digest = registries_with()
    attach(registries, digest, payload(digest), by(P256))
    tag = digest.replace(":", "-") + ".sig"
    manifest = json.loads(registries.manifests[NAME][registries.tags[NAME][tag]])
    manifest["layers"][0]["annotations"] = {"dev.cosignproject.cosign/signature": written}
    registries.put(NAME, json.dumps(manifest).encode(), tag)
    assert result(registries) == Signature("other-key", digest)


BROKEN_MANIFESTS = {
    "[]": "answered with invalid JSON",
    "{": "answered with invalid JSON",
    '{"layers": [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json"}]}': "answered with an invalid digest",
    '{"layers": [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": "sha256:'
    + "0" * 64
    + '"}]}': "a part of the signature is missing",
}


@pytest.mark.parametrize(("manifest", "reason"), BROKEN_MANIFESTS.items())
def test_an_answer_that_makes_no_sense_is_reported(manifest: str, reason: str) -> None:
    registries, digest = registries_with()
    registries.put(NAME, manifest.encode(), digest.replace(":", "-") + ".sig")
    with pytest.raises(Unverified, match=reason):
        result(registries)


@pytest.mark.parametrize("manifest", ['{"layers": {}}', '{"layers": [1, []]}', '{"layers": [{"mediaType": "text/plain"}]}', "{}"])
def test_a_manifest_without_signatures(manifest: str) -> None:
    registries, digest = registries_with()
    registries.put(NAME, manifest.encode(), digest.replace(":", "-") + ".sig")
    assert result(registries) == Signature("unsigned", digest)


def test_a_bundle_without_content() -> None:
    registries, digest = registries_with()
    registries.refer(NAME, digest, BUNDLE, b"{}")
    own = next(one for one, data in registries.manifests[NAME].items() if b"subject" in data)
    manifest = json.loads(registries.manifests[NAME][own])
    del registries.manifests[NAME][own]
    registries.put(NAME, json.dumps(manifest | {"layers": []}).encode())
    assert result(registries) == Signature("other-key", digest)


def test_the_number_of_signatures_is_limited() -> None:
    registries, digest = registries_with()
    for _ in range(SIGNATURES_MAX):
        attach(registries, digest, payload(digest), by(OTHER))
    assert result(registries) == Signature("other-key", digest)
    attach(registries, digest, payload(digest), by(P256))
    with pytest.raises(Unverified, match=f"the image has more than {SIGNATURES_MAX} signatures"):
        result(registries)


def test_digests_of_other_algorithms_have_no_signatures() -> None:
    registries, _ = registries_with()
    digest = f"sha512:{'0' * 128}"
    registries.manifests[NAME][digest] = b"{}"
    with pytest.raises(Unverified, match="signatures are looked up for sha256 digests only"):
        result(registries, image=f"{NAME}@{digest}")


def test_all_signatures_are_asked_for_at_the_same_time() -> None:
    registries, digest = registries_with()
    for key in (OTHER, P384, P256):
        attach(registries, digest, payload(digest), by(key))
    answers = Answers(registries.ask)
    waiting = Waiting(answers)
    rounds = 0
    while True:
        try:
            found = Registries(Hosts(None), waiting.ask).signature(parse(IMAGE), KEY)
            break
        except BaseException:
            assert waiting.questions
            rounds += 1
            answers.ask_all(waiting.questions)
            waiting.questions.clear()
    assert found == Signature("signed", digest)
    assert rounds == 4


def test_a_registry_that_does_not_answer_about_referrers() -> None:
    registries, digest = registries_with()

    def ask(question: Any) -> Any:
        if question.kind == REFERRERS:
            raise Unverified("ghcr.io", "HTTP 500")
        return registries.ask(question)

    known = Registries(Hosts(None), ask)
    with pytest.raises(Unverified, match="HTTP 500"):
        known.signature(parse(IMAGE), KEY)
    attach(registries, digest, payload(digest), by(P256))
    assert known.signature(parse(IMAGE), KEY) == Signature("signed", digest)


def test_keys_that_cannot_be_used() -> None:
    small = ec.generate_private_key(ec.SECP224R1()).public_key()
    for key in (small, rsa.RSAPublicNumbers(65537, (1 << 1023) + 1).public_key()):
        with pytest.raises(ValueError, match="unsupported public key; use one for ECDSA"):
            check_key(public(key))
    for pem in ("", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(ValueError, match="invalid public key"):
            check_key(PublicKey("cosign.pub", pem))
    check_key(KEY)


POLICY = "images:\n  - match: '**'\n    signed: {key: cosign.pub}\n    reason: releases are signed\n"


def test_a_run_needs_the_package(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, {".imglint.yaml": POLICY, "cosign.pub": KEY.pem, "Dockerfile": "FROM scratch\nUSER 1\n"})
    assert imglint("--online").status == 0
    monkeypatch.setitem(sys.modules, "cryptography", None)
    message = ".imglint.yaml:3: `signed` needs the package `cryptography`; run `pip install 'imglint[signatures]'`"
    for arguments in ((), ("--config", ".imglint.yaml")):
        outcome = imglint("--online", *arguments)
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"imglint: {message}\n")
    assert imglint().status == 0


def test_a_key_that_cannot_be_used_is_an_error_before_the_run(imglint: Imglint, tmp_path: Path) -> None:
    pem = public(ec.generate_private_key(ec.SECP224R1()).public_key()).pem
    build(tmp_path, {".imglint.yaml": POLICY, "cosign.pub": pem, "Dockerfile": "FROM scratch\nUSER 1\n"})
    outcome = imglint("--online")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(".imglint.yaml:3:19: key: unsupported public key; use one for ECDSA (P-256, P-384 or P-521)")
    assert imglint().status == 0


MESSAGES = {
    "unsigned": "image is not signed: releases are signed; sign it with the key for `cosign.pub`",
    "other-key": "image is signed, but not with the key for `cosign.pub`: releases are signed; sign it with that key or use another image",
    "moved": "signature by `cosign.pub` is for another image, sha256:111111111111...: releases are signed; "
    "find out who pushed this image before you sign it",
    "signed": "",
}


@pytest.mark.parametrize("case", MESSAGES)
def test_the_messages_of_the_rule(case: str) -> None:
    registries, digest = registries_with()
    if case != "unsigned":
        content = payload(OTHER_DIGEST if case == "moved" else digest)
        attach(registries, digest, content, by(OTHER if case == "other-key" else P256))
    files = {"cosign.pub": KEY.pem}
    found = check_text(f"FROM {IMAGE}\nUSER 1\n", "Dockerfile", policy=POLICY, files=files, registries=registries)
    messages = [f"{one.location.column} {one.full_message}" for one in found if one.rule == "unsigned-image"]
    assert messages == ([f"6 {MESSAGES[case]} (.imglint.yaml:2)"] if MESSAGES[case] else [])


def test_examples_sign_by_a_key_made_up_for_its_path() -> None:
    registries = ExampleRegistries()
    digest = registries.add(IMAGE, signed_by="keys/acme.pub")
    registries.add(f"{NAME}:v2", signed_by="other.pub")
    key = PublicKey("keys/acme.pub", registries.files["keys/acme.pub"])
    assert set(registries.files) == {"keys/acme.pub", "other.pub"}
    assert result(registries, key) == Signature("signed", digest)
    other = result(registries, key, f"{NAME}:v2")
    assert other is not None
    assert other.result == "other-key"
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
