"""Tag patterns: what each placeholder matches, compared with semver, in time proportional to the length of the tag."""

from __future__ import annotations

import re

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from imglint.patterns.matcher import InvalidPattern
from imglint.patterns.tag import TagPattern

FORTY = "0123456789abcdef0123456789abcdef01234567"

CASES = [
    ("latest", "latest", "Latest latest1 lates"),
    ("*", "latest v1 1", ""),
    ("*-alpine", "1.25-alpine -alpine", "alpine 1.25-alpine3"),
    ("prod-*", "prod-v1 prod-", "prod preprod-v1"),
    ("v{major}", "v0 v1 v10", "v v01 v00 1 v1.2 V1 vX"),
    ("{major}.{minor}", "1.24 0.0", "1 1.2.3 1. .1 1.02 1.24-alpine"),
    ("v{major}.{minor}.{patch}", "v1.0.0 v10.20.30", "1.0.0 v1.0 v1.0.0-rc1 v1.0.00"),
    ("v{major}.{minor}.{patch}-rc{n}", "v1.0.0-rc1 v1.0.0-rc0", "v1.0.0-rc v1.0.0-rc.1 v1.0.0-rc01"),
    (
        "v{semver}",
        "v1.2.3 v0.1.0-alpha.1 v1.0.0-0 v1.0.0-a-b.c",
        "1.2.3 v1.2 v1X2.3 v1.2X3 v1.2.3Xa v1.2.3- v1.2.3-01 v1.2.3-a..b v1.2.3-a. v1.2.3-a_b",
    ),
    ("{major}.{minor}.{patch}-{prerelease}", "1.2.3-rc.1 1.2.3-x", "1.2.3 1.2.3-"),
    ("{prerelease}-end", "a.1-end a-b-end", "01-end -.end"),
    (
        "{sha}",
        "abc123 000000 a1b2c3d ABCDE1 " + FORTY + " " + "a" * 40,
        "abcde abc12 abcdef facade g00000 " + "a" * 39 + " " + FORTY + "0",
    ),
    ("{branch}-{sha}", "main-a1b2c3d feature-x-1234567 release_1.2-abc123", "main a1b2c3d -a1b2c3d .x-a1b2c3d main-facade"),
    ("{branch}", "main feature-audit-v2 release_1.2", "-main .main"),
    ("pr-{n}", "pr-456 pr-0", "pr- pr-x pr-01"),
    (
        "test-{date}",
        "test-20251217 test-20240229",
        "test-20251317 test-20250132 test-20250100 test-20250001 test-2025121 test-202512170 "
        "test-2025X101 test-20251X01 test-202501X1 test-2025013X test-X0250101",
    ),
    ("feature-{name}", "feature-audit-v2 feature-X feature--", "feature- feature-a.b feature-a_b"),
    ("{n}{n}", "00 10 123", "0 012a"),
    ("{name}.{branch}*", "a.b a-1._x", "a. .a a_b.c"),
]


def rows(accepted: bool) -> list[tuple[str, str]]:
    return [(pattern, tag) for pattern, good, bad in CASES for tag in (good if accepted else bad).split()]


@pytest.mark.parametrize(("pattern", "tag"), rows(True))
def test_a_pattern_matches_a_tag(pattern: str, tag: str) -> None:
    assert TagPattern(pattern).fits(tag)
    assert TagPattern(pattern).text == pattern


@pytest.mark.parametrize(("pattern", "tag"), rows(False))
def test_a_pattern_does_not_match_a_tag(pattern: str, tag: str) -> None:
    assert not TagPattern(pattern).fits(tag)


INVALID = [
    ("", "", "empty pattern; `*` matches every tag"),
    ("v{mayor}-x", "{mayor}", "unknown placeholder `{mayor}`; did you mean `{major}`?"),
    ("{}-x", "{}", "unknown placeholder `{}`"),
    ("v{major", "{", "unbalanced `{`; write placeholders as `{major}`"),
    ("v1}x", "}", "unbalanced `}`; write placeholders as `{major}`"),
    ("a b", " ", "' ' is not allowed in a tag"),
    ("a/b", "/", "'/' is not allowed in a tag"),
    ("a\nb", "\n", "'\\n' is not allowed in a tag"),
    ("^v[0-9]+$", "^", "'^' is not allowed in a tag"),
]
"""A pattern, its wrong part and the reason."""


@pytest.mark.parametrize(("pattern", "wrong", "reason"), INVALID)
def test_an_invalid_pattern_is_rejected(pattern: str, wrong: str, reason: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        TagPattern(pattern)
    start = pattern.index(wrong)
    assert (caught.value.start, caught.value.end) == (start, start + len(wrong))
    assert str(caught.value) == caught.value.reason == reason


NUMBER = st.integers(0, 20).map(str)
IDENTIFIER = st.text("019ab-", max_size=4)


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.lists(IDENTIFIER, max_size=3), st.sampled_from(["", "0", "v", "."]))
def test_semver_matches_what_the_semver_package_accepts(
    numbers: tuple[str, str, str], identifiers: list[str], front: str
) -> None:
    tag = front + ".".join(numbers) + ("-" + ".".join(identifiers) if identifiers else "")
    assert TagPattern("{semver}").fits(tag) == semver.Version.is_valid(tag)


@given(st.text("0123456789abcdefg", max_size=44))
def test_sha_matches_6_to_40_digits_and_a_short_one_has_a_decimal_digit(tag: str) -> None:
    digits = re.fullmatch("[0-9a-f]{6,40}", tag) is not None
    assert TagPattern("{sha}").fits(tag) == (digits and (len(tag) == 40 or any(one.isdecimal() for one in tag)))


@given(st.lists(st.sampled_from(["a", "b", "*", "-"]), min_size=1).map("".join), st.text("ab-", max_size=8))
def test_a_star_matches_any_characters(pattern: str, tag: str) -> None:
    assert TagPattern(pattern).fits(tag) == (re.fullmatch(pattern.replace("*", ".*"), tag) is not None)


@given(st.dates())
def test_date_matches_every_day(day: object) -> None:
    assert TagPattern("{date}").fits(str(day).replace("-", ""))


@pytest.mark.parametrize("pattern", ["*a" * 30 + "b", "{name}" * 30 + ".", "{branch}-{branch}-{sha}", "{prerelease}" * 10 + "_"])
def test_a_long_tag_takes_one_step_for_each_character(pattern: str) -> None:
    assert not TagPattern(pattern).fits("a" * 20_000)
