"""Image references are read by the grammar, the limits and the normalisation of the distribution project's reference library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint import InvalidReference, parse

HEX64 = "0123456789abcdef" * 4
SHA256 = f"sha256:{HEX64}"
SHA384 = f"sha384:{'f' * 96}"
SHA512 = f"sha512:{'0' * 128}"

# text, registry, repository, tag, digest, whether the registry is written
VALID = [
    ("nginx", "docker.io", "library/nginx", None, None, False),
    ("nginx:1.25", "docker.io", "library/nginx", "1.25", None, False),
    ("library/nginx", "docker.io", "library/nginx", None, None, False),
    ("acme/web:v1", "docker.io", "acme/web", "v1", None, False),
    ("docker.io/nginx", "docker.io", "library/nginx", None, None, True),
    ("docker.io/library/nginx", "docker.io", "library/nginx", None, None, True),
    ("docker.io/acme/web/api", "docker.io", "acme/web/api", None, None, True),
    ("index.docker.io/nginx", "docker.io", "library/nginx", None, None, True),
    ("index.docker.io/acme/web", "docker.io", "acme/web", None, None, True),
    ("quay.io/minio/minio:latest", "quay.io", "minio/minio", "latest", None, True),
    ("ghcr.io/web", "ghcr.io", "web", None, None, True),
    ("localhost/web", "localhost", "web", None, None, True),
    ("localhost:5000/web:1", "localhost:5000", "web", "1", None, True),
    ("host:5000/web", "host:5000", "web", None, None, True),
    ("localhosts/web", "docker.io", "localhosts/web", None, None, False),
    ("192.168.0.1:5000/web:5050", "192.168.0.1:5000", "web", "5050", None, True),
    ("192.168.0.1", "docker.io", "library/192.168.0.1", None, None, False),
    ("host:5000", "docker.io", "library/host", "5000", None, False),
    ("example.com", "docker.io", "library/example.com", None, None, False),
    ("[2001:db8::1]/web", "[2001:db8::1]", "web", None, None, True),
    ("[2001:db8::1]:5000/web:1", "[2001:db8::1]:5000", "web", "1", None, True),
    ("[::1]:5000/web", "[::1]:5000", "web", None, None, True),
    ("xn--n3h.com/web:xn--n3h.com", "xn--n3h.com", "web", "xn--n3h.com", None, True),
    ("Acme/web", "Acme", "web", None, None, True),
    ("ACME/web/api", "ACME", "web/api", None, None, True),
    ("web:Upper_Case.1-x", "docker.io", "library/web", "Upper_Case.1-x", None, False),
    ("web:_", "docker.io", "library/web", "_", None, False),
    (f"web@{SHA256}", "docker.io", "library/web", None, SHA256, False),
    (f"web:1.0@{SHA256}", "docker.io", "library/web", "1.0", SHA256, False),
    (f"quay.io/acme/web:1.0@{SHA384}", "quay.io", "acme/web", "1.0", SHA384, True),
    (f"web@{SHA512}", "docker.io", "library/web", None, SHA512, False),
    ("acme/a.b_c__d---e", "docker.io", "acme/a.b_c__d---e", None, None, False),
    (HEX64[:63], "docker.io", f"library/{HEX64[:63]}", None, None, False),
    (f"docker.io/{HEX64}", "docker.io", f"library/{HEX64}", None, None, True),
    (f"{HEX64}:1", "docker.io", f"library/{HEX64}", "1", None, False),
    (f"acme/{HEX64}", "docker.io", f"acme/{HEX64}", None, None, False),
    (f"web:{'t' * 128}", "docker.io", "library/web", "t" * 128, None, False),
    (f"quay.io/{'a' * 255}", "quay.io", "a" * 255, None, None, True),
    ("a" * 247, "docker.io", f"library/{'a' * 247}", None, None, False),
    ("a/" * 127 + "a:puts-this-over-the-limit", "docker.io", "a/" * 127 + "a", "puts-this-over-the-limit", None, False),
]

# text, the wrong piece of it, words of the reason
INVALID = [
    ("", "", "empty"),
    (HEX64, HEX64, "64 hexadecimal digits"),
    ("Nginx", "Nginx", "lower case: nginx"),
    ("acme/Web:1", "acme/Web", "lower case"),
    ("quay.io/acme/Web", "acme/Web", "lower case"),
    ("https://quay.io/acme/web", "https:", "scheme"),
    ("docker://web", "docker:", "scheme"),
    ("-web", "-web", "lower-case letters and digits"),
    ("-quay.io/web", "-quay.io", "registry host"),
    ("acme//web", "acme//web", "lower-case letters and digits"),
    ("acme/", "acme/", "lower-case letters and digits"),
    ("/web", "/web", "lower-case letters and digits"),
    ("web..api", "web..api", "lower-case letters and digits"),
    ("web___api", "web___api", "lower-case letters and digits"),
    ("web-", "web-", "lower-case letters and digits"),
    ("web api", "web api", "lower-case letters and digits"),
    (" web", " web", "lower-case letters and digits"),
    ("web\n", "web\n", "lower-case letters and digits"),
    ("wéb", "wéb", "lower-case letters and digits"),
    (":1.0", ":1.0", "name in front"),
    (f"@{SHA256}", f"@{SHA256}", "name in front"),
    ("web:", ":", "tag after ':' is missing"),
    ("web:-1", "-1", "letters, digits"),
    ("web:.1", ".1", "letters, digits"),
    ("web:1:2", "1:2", "letters, digits"),
    ("web:1.0\n", "1.0\n", "letters, digits"),
    ("web:1+2", "1+2", "letters, digits"),
    ("web:é", "é", "letters, digits"),
    (f"web:{'t' * 129}", "t" * 129, "at most 128 characters, this has 129"),
    (f"quay.io/{'a' * 256}", "a" * 256, "at most 255 characters, this has 256"),
    ("a" * 248, "a" * 248, "at most 255 characters, this has 256"),
    ("web@", "@", "algorithm:hexadecimal"),
    ("web@sha256", "@sha256", "algorithm:hexadecimal"),
    ("web@sha256:", "@sha256:", "algorithm:hexadecimal"),
    (f"web@sha256:{'0' * 63}", f"sha256:{'0' * 63}", "64 hexadecimal digits, this has 63"),
    (f"web@sha256:{'A' * 64}", f"sha256:{'A' * 64}", "lower case"),
    (f"web@sha512:{'0' * 64}", f"sha512:{'0' * 64}", "128 hexadecimal digits, this has 64"),
    (f"web@md5:{'0' * 32}", f"md5:{'0' * 32}", "unknown digest algorithm md5; known are sha256, sha384, sha512"),
    ("[fc00::1]", "[fc00", "lower-case letters and digits"),
    ("[fe80::1%eth0]:5000/web", "[fe80::1%eth0]:5000", "registry host"),
    ("[2001:db8:3:4::192.0.2.33]:5000/web", "[2001:db8:3:4::192.0.2.33]:5000", "registry host"),
    ("fc00::1:5000/web", "fc00::1:5000", "registry host"),
    ("host:port/web", "host:port", "registry host"),
    ("foo_bar.com/web", "foo_bar.com", "registry host"),
]


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest", "explicit"), VALID)
def test_a_reference_is_read_and_normalised(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None, explicit: bool
) -> None:
    reference = parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == (registry, repository, tag, digest)
    assert reference.registry_explicit is explicit


@pytest.mark.parametrize(("text", "wrong", "reason"), INVALID)
def test_what_is_no_reference_is_refused_with_the_wrong_piece_and_the_reason(text: str, wrong: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert text[caught.value.start : caught.value.end] == wrong
    assert reason in caught.value.reason


@pytest.mark.parametrize("text", [case[0] for case in VALID])
def test_the_spans_hold_the_written_parts(text: str) -> None:
    reference = parse(text)
    written = {name: text[start:end] for name, (start, end) in reference.spans.items()}
    assert written.get("tag") == reference.tag
    assert written.get("digest") == reference.digest
    assert ("registry" in written) is reference.registry_explicit
    assert reference.repository.endswith(written["repository"])


@given(st.from_regex(r"[a-z0-9.:/@_A-Z\[\]-]{0,80}", fullmatch=True) | st.text(max_size=30))
def test_the_normal_form_is_read_as_itself(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference as error:
        place = range(error.start, error.end)
        assert set(place) <= set(range(len(text)))
        return
    again = parse(str(reference))
    assert str(again) == str(reference)
    assert again.registry_explicit


@pytest.mark.parametrize("text", ["a" * 100_000, "a." * 50_000 + "-/x", "x:" + "-" * 100_000, "a" + "-" * 100_000, "/" * 100_000])
def test_a_long_text_is_refused_and_not_waited_for(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse(text)
