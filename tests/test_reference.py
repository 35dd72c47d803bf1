"""Image references follow the grammar, limits and normalization of the distribution project's reference library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint import InvalidReference, parse

HEX64 = "0123456789abcdef" * 4
SHA256 = f"sha256:{HEX64}"
SHA384 = f"sha384:{'f' * 96}"
SHA512 = f"sha512:{'0' * 128}"

# text, registry, repository, tag, digest, whether the text names the registry
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

NO_DIGEST = "invalid digest; write `sha256:` and 64 hexadecimal digits"
NO_NAME = "repository name is missing"
NO_TAG = "no tag after ':'; add a tag or remove the ':'"
INVALID_HOST = "invalid registry host"

# text, the invalid part of it, the reason
INVALID = [
    ("", "", "image reference is empty"),
    (HEX64, HEX64, "64 hexadecimal digits are an image ID; use an image name"),
    ("Nginx", "Nginx", "repository name must be lowercase; write nginx"),
    ("acme/Web:1", "acme/Web", "repository name must be lowercase; write acme/web"),
    ("quay.io/acme/Web", "acme/Web", "repository name must be lowercase; write acme/web"),
    (f"X{HEX64[:63]}", f"X{HEX64[:63]}", f"repository name must be lowercase; write x{HEX64[:63]}"),
    ("X" * 101, "X" * 101, f"repository name must be lowercase; write {'x' * 97}..."),
    ("IMAGE", "IMAGE", "IMAGE looks like a placeholder; replace it"),
    ("quay.io/BASEIMAGE:1", "BASEIMAGE", "BASEIMAGE looks like a placeholder; replace it"),
    ("MY_REGISTRY/web", "MY_REGISTRY", "MY_REGISTRY looks like a placeholder; replace it"),
    ("acme/YOUR-WEB:1", "YOUR-WEB", "YOUR-WEB looks like a placeholder; replace it"),
    ("quay.io/YOUR ID/web:1", "YOUR ID", "YOUR ID looks like a placeholder; replace it"),
    ("acme/aYOUR_WEB", "acme/aYOUR_WEB", "repository name must be lowercase; write acme/ayour_web"),
    ("acme/YOUR_Web", "acme/YOUR_Web", "repository name must be lowercase; write acme/your_web"),
    ("quay.io/@PROJECT@/web", "@PROJECT@", "@PROJECT@ looks like a placeholder; replace it"),
    ("__web_image__", "__web_image__", "__web_image__ looks like a placeholder; replace it"),
    ("{image}:1", "{image}", "{image} looks like a placeholder; replace it"),
    ("web:<the tag>", "<the tag>", "<the tag> looks like a placeholder; replace it"),
    ("nginx:%%VERSION%%-alpine", "%%VERSION%%", "%%VERSION%% looks like a placeholder; replace it"),
    ("[image]", "[image]", "[image] looks like a placeholder; replace it"),
    ("quay.io/[your account]/web", "[your account]", "[your account] looks like a placeholder; replace it"),
    (f"<{'x' * 99}>", f"<{'x' * 99}>", f"<{'x' * 96}... looks like a placeholder; replace it"),
    ("https://quay.io/acme/web", "https:", "image references have no URL scheme; remove `https://`"),
    ("docker://web", "docker:", "image references have no URL scheme; remove `docker://`"),
    ("://web", ":", "image references have no URL scheme; remove `://`"),
    (f"{'x' * 100}://web", f"{'x' * 100}:", f"image references have no URL scheme; remove `{'x' * 97}...//`"),
    ("docker:/web", "docker:", INVALID_HOST),
    ("docker//web", "docker//web", "misplaced '//' in repository name"),
    ("-web", "-web", "misplaced '-' in repository name"),
    ("-quay.io/web", "-quay.io", INVALID_HOST),
    ("acme//web", "acme//web", "misplaced '//' in repository name"),
    ("acme/", "acme/", "misplaced '/' in repository name"),
    ("/web", "/web", "misplaced '/' in repository name"),
    ("acme/web/-api", "acme/web/-api", "misplaced '/-' in repository name"),
    ("Acme--web..api", "Acme--web..api", "misplaced '..' in repository name"),
    ("a__b/c.d/e_f---g___h", "a__b/c.d/e_f---g___h", "misplaced '___' in repository name"),
    (f"a{'.' * 101}b", f"a{'.' * 101}b", f"misplaced '{'.' * 97}...' in repository name"),
    ("web-", "web-", "misplaced '-' in repository name"),
    ("web api", "web api", "invalid character ' ' in repository name"),
    (" web", " web", "invalid character ' ' in repository name"),
    ("web\n", "web\n", r"invalid character '\n' in repository name"),
    ("wéb", "wéb", "invalid character 'é' in repository name"),
    ("-wéb", "-wéb", "invalid character 'é' in repository name"),
    (":1.0", ":1.0", NO_NAME),
    (f"@{SHA256}", f"@{SHA256}", NO_NAME),
    ("web:", ":", NO_TAG),
    ("web:-1", "-1", "tag cannot start with '-'"),
    ("web:.1", ".1", "tag cannot start with '.'"),
    ("web:1:2", "1:2", "invalid character ':' in tag"),
    ("web:1.0\n", "1.0\n", r"invalid character '\n' in tag"),
    ("web:1+2", "1+2", "invalid character '+' in tag"),
    ("web:-1+2", "-1+2", "invalid character '+' in tag"),
    ("web:azAZ09_.-+", "azAZ09_.-+", "invalid character '+' in tag"),
    ("web:é", "é", "invalid character 'é' in tag"),
    (f"web:{'t' * 129}", "t" * 129, "tag has 129 characters; the limit is 128"),
    (f"quay.io/{'a' * 256}", "a" * 256, "repository name has 256 characters; the limit is 255"),
    ("a" * 248, "a" * 248, "repository name has 256 characters; the limit is 255"),
    ("web@", "@", NO_DIGEST),
    ("quay.io/web:1@sha256\n", "@sha256\n", NO_DIGEST),
    ("quay.io/", "", NO_NAME),
    ("quay.io/web:", ":", NO_TAG),
    ("quay.io/web:-@sha256:0", "-", "tag cannot start with '-'"),
    ("web@sha256", "@sha256", NO_DIGEST),
    ("web@sha256:", "@sha256:", NO_DIGEST),
    (f"web@sha256:{'0' * 63}", f"sha256:{'0' * 63}", "sha256 digest has 63 hexadecimal digits; it must have 64"),
    (f"web@sha256:{'A' * 64}", f"sha256:{'A' * 64}", "digest must be lowercase"),
    (f"web@sha512:{'0' * 64}", f"sha512:{'0' * 64}", "sha512 digest has 64 hexadecimal digits; it must have 128"),
    (f"web@sha256:{'g' * 64}", f"@sha256:{'g' * 64}", NO_DIGEST),
    ("web@a+b.c:00", "a+b.c:00", "unknown digest algorithm a+b.c; use sha256, sha384 or sha512"),
    (f"web@{'m' * 101}:00", f"{'m' * 101}:00", f"unknown digest algorithm {'m' * 97}...; use sha256, sha384 or sha512"),
    (f"web@md5:{'0' * 32}", f"md5:{'0' * 32}", "unknown digest algorithm md5; use sha256, sha384 or sha512"),
    ("[fc00::1]", "[fc00", "invalid character '[' in repository name"),
    ("[fe80::1%eth0]:5000/web", "[fe80::1%eth0]:5000", INVALID_HOST),
    ("[2001:db8:3:4::192.0.2.33]:5000/web", "[2001:db8:3:4::192.0.2.33]:5000", INVALID_HOST),
    ("fc00::1:5000/web", "fc00::1:5000", INVALID_HOST),
    ("host:port/web", "host:port", INVALID_HOST),
    ("foo_bar.com/web", "foo_bar.com", INVALID_HOST),
    ("foo..com/web", "foo..com", INVALID_HOST),
    ("[]:5000/web", "[]:5000", INVALID_HOST),
]


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest", "explicit"), VALID)
def test_reference_is_parsed_and_normalized(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None, explicit: bool
) -> None:
    reference = parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == (registry, repository, tag, digest)
    assert reference.registry_explicit is explicit
    assert reference.text == text
    assert str(reference) == f"{registry}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"


@pytest.mark.parametrize(("text", "invalid", "reason"), INVALID)
def test_invalid_reference_is_rejected_with_its_invalid_part_and_a_reason(text: str, invalid: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    start = text.index(invalid) if invalid else len(text)
    assert (caught.value.start, caught.value.end) == (start, start + len(invalid))
    assert str(caught.value) == caught.value.reason == reason


@pytest.mark.parametrize("text", [case[0] for case in VALID])
def test_spans_are_those_of_the_written_parts(text: str) -> None:
    reference = parse(text)
    written = {name: text[start:end] for name, (start, end) in reference.spans.items()}
    assert written.get("tag") == reference.tag
    assert written.get("digest") == reference.digest
    assert written.get("registry") == (text.partition("/")[0] if reference.registry_explicit else None)
    assert reference.repository.endswith(written["repository"])


@given(st.from_regex(r"[a-z0-9.:/@_A-Z\[\]-]{0,80}", fullmatch=True) | st.text(max_size=30))
def test_normalized_reference_parses_to_itself(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference as error:
        start, end = error.start, error.end
    else:
        again = parse(str(reference))
        assert str(again) == str(reference)
        assert again.registry_explicit
        return
    assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a." * 50_000 + "-/x",
        "a" + "/a" * 50_000 + "//",
        "x:" + "-" * 100_000,
        "a" + "-" * 100_000,
        "/" * 100_000,
    ],
)
def test_long_invalid_text_is_rejected_quickly(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse(text)
