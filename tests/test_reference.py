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
    ("[FE80::1]/web", "[FE80::1]", "web", None, None, True),
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

LOWER_CASE = "a repository is written in lower case: "
NO_NAME = "the name in front of the tag or digest is missing"
NO_REPOSITORY = "a repository is made of lower-case letters and digits, joined by '/', '.', '_', '__' or dashes"
NO_TAG = "a tag is made of letters, digits, '_', '.' and '-', and starts with neither of the last two"
NO_DIGEST = "a digest is written algorithm:hexadecimal, such as sha256:..."
NO_HOST = "this is no registry host"
SCHEME = "'//' cannot stand in an image name; leave the scheme out"

# text, the wrong piece of it, the reason
INVALID = [
    ("", "", "an image reference cannot be empty"),
    (HEX64, HEX64, "64 hexadecimal digits alone name an image by its identifier; write a name in front"),
    ("Nginx", "Nginx", f"{LOWER_CASE}nginx"),
    ("acme/Web:1", "acme/Web", f"{LOWER_CASE}acme/web"),
    ("quay.io/acme/Web", "acme/Web", f"{LOWER_CASE}acme/web"),
    (f"X{HEX64[:63]}", f"X{HEX64[:63]}", f"{LOWER_CASE}x{HEX64[:63]}"),
    ("https://quay.io/acme/web", "https:", SCHEME),
    ("docker://web", "docker:", SCHEME),
    ("-web", "-web", NO_REPOSITORY),
    ("-quay.io/web", "-quay.io", NO_HOST),
    ("acme//web", "acme//web", NO_REPOSITORY),
    ("acme/", "acme/", NO_REPOSITORY),
    ("/web", "/web", NO_REPOSITORY),
    ("web..api", "web..api", NO_REPOSITORY),
    ("web___api", "web___api", NO_REPOSITORY),
    ("web-", "web-", NO_REPOSITORY),
    ("web api", "web api", NO_REPOSITORY),
    (" web", " web", NO_REPOSITORY),
    ("web\n", "web\n", NO_REPOSITORY),
    ("wéb", "wéb", NO_REPOSITORY),
    (":1.0", ":1.0", NO_NAME),
    (f"@{SHA256}", f"@{SHA256}", NO_NAME),
    ("web:", ":", "the tag after ':' is missing"),
    ("web:-1", "-1", NO_TAG),
    ("web:.1", ".1", NO_TAG),
    ("web:1:2", "1:2", NO_TAG),
    ("web:1.0\n", "1.0\n", NO_TAG),
    ("web:1+2", "1+2", NO_TAG),
    ("web:é", "é", NO_TAG),
    (f"web:{'t' * 129}", "t" * 129, "a tag has at most 128 characters, this has 129"),
    (f"quay.io/{'a' * 256}", "a" * 256, "a repository has at most 255 characters, this has 256"),
    ("a" * 248, "a" * 248, "a repository has at most 255 characters, this has 256"),
    ("web@", "@", NO_DIGEST),
    ("quay.io/web:1@sha256\n", "@sha256\n", NO_DIGEST),
    ("quay.io/", "", NO_NAME),
    ("quay.io/web:", ":", "the tag after ':' is missing"),
    ("quay.io/web:-@sha256:0", "-", NO_TAG),
    ("web@sha256", "@sha256", NO_DIGEST),
    ("web@sha256:", "@sha256:", NO_DIGEST),
    (f"web@sha256:{'0' * 63}", f"sha256:{'0' * 63}", "a sha256 digest has 64 hexadecimal digits, this has 63"),
    (f"web@sha256:{'A' * 64}", f"sha256:{'A' * 64}", "a digest is written in lower case"),
    (f"web@sha512:{'0' * 64}", f"sha512:{'0' * 64}", "a sha512 digest has 128 hexadecimal digits, this has 64"),
    (f"web@sha256:{'g' * 64}", f"@sha256:{'g' * 64}", NO_DIGEST),
    ("web@a+b.c:00", "a+b.c:00", "unknown digest algorithm a+b.c; known are sha256, sha384, sha512"),
    (f"web@md5:{'0' * 32}", f"md5:{'0' * 32}", "unknown digest algorithm md5; known are sha256, sha384, sha512"),
    ("[fc00::1]", "[fc00", NO_REPOSITORY),
    ("[fe80::1%eth0]:5000/web", "[fe80::1%eth0]:5000", NO_HOST),
    ("[2001:db8:3:4::192.0.2.33]:5000/web", "[2001:db8:3:4::192.0.2.33]:5000", NO_HOST),
    ("fc00::1:5000/web", "fc00::1:5000", NO_HOST),
    ("host:port/web", "host:port", NO_HOST),
    ("foo_bar.com/web", "foo_bar.com", NO_HOST),
    ("foo..com/web", "foo..com", NO_HOST),
    ("[]:5000/web", "[]:5000", NO_HOST),
]


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest", "explicit"), VALID)
def test_a_reference_is_read_and_normalised(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None, explicit: bool
) -> None:
    reference = parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == (registry, repository, tag, digest)
    assert reference.registry_explicit is explicit
    assert reference.text == text
    assert str(reference) == f"{registry}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"


@pytest.mark.parametrize(("text", "wrong", "reason"), INVALID)
def test_what_is_no_reference_is_refused_with_the_wrong_piece_and_the_reason(text: str, wrong: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    start = text.index(wrong) if wrong else len(text)
    assert (caught.value.start, caught.value.end) == (start, start + len(wrong))
    assert str(caught.value) == caught.value.reason == reason


@pytest.mark.parametrize("text", [case[0] for case in VALID])
def test_the_spans_hold_the_written_parts(text: str) -> None:
    reference = parse(text)
    written = {name: text[start:end] for name, (start, end) in reference.spans.items()}
    assert written.get("tag") == reference.tag
    assert written.get("digest") == reference.digest
    assert written.get("registry") == (text.partition("/")[0] if reference.registry_explicit else None)
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
