"""Image patterns: which images they match, what their wildcards capture, and which patterns are invalid."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.policy_cases import IMAGES, fits

from imglint import parse
from imglint.patterns.image import ImagePattern
from imglint.patterns.matcher import PATTERN_MAX, InvalidPattern


@pytest.mark.parametrize(("pattern", "text"), [(pattern, text) for pattern, good, _ in IMAGES for text in good.split()])
def test_a_pattern_matches_an_image(pattern: str, text: str) -> None:
    assert fits(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), [(pattern, text) for pattern, _, bad in IMAGES for text in bad.split()])
def test_a_pattern_does_not_match_an_image(pattern: str, text: str) -> None:
    assert not fits(pattern, text)


@given(st.from_regex(r"[ab*./-]{1,6}", fullmatch=True), st.from_regex(r"[ab./-]{0,8}", fullmatch=True))
def test_wildcards_match_any_characters_with_and_without_slashes(pattern: str, text: str) -> None:
    name, tail = f"ghcr.io/x{pattern}", f"ghcr.io/x{text}"
    try:
        made = ImagePattern(name)
    except InvalidPattern:
        assume(False)
    expected = re.sub(r"\\\*(\\\*)+", ".*", re.escape(name)).replace(r"\*", "[^/]*")
    assert made.fits(tail, None, None) == (re.fullmatch(expected, tail) is not None)


@pytest.mark.parametrize(
    ("pattern", "template", "text", "expected"),
    [
        ("docker.io/jaafarn/raqeem-*", "ghcr.io/mj-nehme/raqeem/*", "jaafarn/raqeem-api:v1", "ghcr.io/mj-nehme/raqeem/api"),
        ("old/*", "new/app", "old/x", "new/app"),
        ("*/old/**", "*/new/**", "quay.io/old/a/b", "quay.io/new/a/b"),
        ("**/x-*", "ghcr.io/*/*", "quay.io/a/x-b/x-c", "ghcr.io/quay.io/a/x-b/c"),
        ("*-*", "new/*.*", "a-b-c", "new/a.b-c"),
        ("**", "mirror.example/**", "nginx", "mirror.example/docker.io/library/nginx"),
        ("**/*", "new/*.*", "quay.io/a/b", "new/quay.io/a.b"),
        ("old/*", "new/*/*", "old/x", "new/x/*"),
        ("old/x", "new/y", "old/x", "new/y"),
        ("old/x", "new/y", "old/xx", None),
        ("old/*", "new/*", "quay.io/old/x", None),
    ],
)
def test_wildcards_of_another_name_are_filled(pattern: str, template: str, text: str, expected: str | None) -> None:
    assert ImagePattern(pattern).fill(parse(text).name, template) == expected


@pytest.mark.parametrize(
    ("pattern", "wildcards"),
    [("**", 1), ("*/**", 2), ("docker.io/library/*", 1), ("*.gcr.io/acme/a*b-*", 3), ("docker.io/library/nginx", 0)],
)
def test_wildcards_are_counted(pattern: str, wildcards: int) -> None:
    assert ImagePattern(pattern).wildcards == wildcards


@pytest.mark.parametrize(
    ("pattern", "rest"),
    [("acme/*", ""), ("acme/*:1.*", ":1.*"), ("acme/*@sha256:*", "@sha256:*"), ("acme/*:1@sha256:*", ":1@sha256:*")],
)
def test_a_pattern_may_have_a_tag_and_a_digest(pattern: str, rest: str) -> None:
    assert (ImagePattern(pattern).rest, ImagePattern(pattern).at) == (rest, "")


LONG = "a" * (PATTERN_MAX + 1)
TOO_LONG = "pattern has 1025 characters; the limit is 1024"
INVALID = [
    ("", "", "empty pattern; `**` matches every image"),
    (LONG, LONG, TOO_LONG),
    ("https://quay.io/x://y", "https://", "image names have no scheme; remove it"),
    ("acme/a b?c", " ", "' ' is not allowed in an image name; the wildcards are `*` and `**`"),
    ("acme/a\nb", "\n", "'\\n' is not allowed in an image name; the wildcards are `*` and `**`"),
    ("quay.io/acme/", "quay.io/acme/", "pattern ends with a slash; write `quay.io/acme/**` for everything below it"),
    ("/acme/web", "/", "empty path component"),
    ("quay.io", "quay.io", "quay.io is a registry, not an image; write `quay.io/**` for all its images"),
    ("localhost", "localhost", "localhost is a registry, not an image; write `localhost/**` for all its images"),
    ("quay.io/Acme/*:Tag", "quay.io/Acme/*:Tag", "repository must be lowercase; write `acme/*`"),
]
"""A pattern, its wrong part and the reason."""


@pytest.mark.parametrize(("pattern", "wrong", "reason"), INVALID)
def test_an_invalid_pattern_is_rejected(pattern: str, wrong: str, reason: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        ImagePattern(pattern)
    start = pattern.index(wrong)
    assert (caught.value.start, caught.value.end) == (start, start + len(wrong))
    assert str(caught.value) == caught.value.reason == reason


def test_the_longest_pattern_is_read() -> None:
    assert ImagePattern("a" * PATTERN_MAX).text == "a" * PATTERN_MAX


def test_an_empty_path_component_is_located() -> None:
    with pytest.raises(InvalidPattern, match="empty path component") as caught:
        ImagePattern("quay.io/acme//web//x")
    assert (caught.value.start, caught.value.end) == (13, 14)


def test_a_long_name_takes_one_step_for_each_character() -> None:
    assert not ImagePattern("ghcr.io/" + "*a" * 20 + "**b").fits("ghcr.io/" + "a" * 100_000, None, None)
