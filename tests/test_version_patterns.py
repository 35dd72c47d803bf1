"""Version bounds: the versions that tags begin with, which of them a row allows, and invalid bounds."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from imglint.patterns.matcher import PATTERN_MAX, InvalidPattern
from imglint.patterns.version import COMPARISONS_MAX, OPERATORS, TagVersion, Versions, version_of

VERSIONS = {
    "3": ("3", (3,), ()),
    "3.11-slim": ("3.11", (3, 11), ()),
    "3.11.4-slim-bookworm": ("3.11.4", (3, 11, 4), ()),
    "v1.2.3": ("1.2.3", (1, 2, 3), ()),
    "V2": ("2", (2,), ()),
    "24.04": ("24.04", (24, 4), ()),
    "20240101": ("20240101", (20240101,), ()),
    "1.2.3.4": ("1.2.3.4", (1, 2, 3, 4), ()),
    "1.2.x": ("1.2", (1, 2), ()),
    "1.27.0.": ("1.27.0", (1, 27, 0), ()),
    "8u402-jdk": ("8", (8,), ()),
    "1.0.2k": ("1.0.2", (1, 0, 2), ()),
    "9" * 100: ("9" * 100, (int("9" * 100),), ()),
    "v1.2.3-rc1": ("1.2.3-rc1", (1, 2, 3), ("rc", "1")),
    "1.2.3-rc.01": ("1.2.3-rc.01", (1, 2, 3), ("rc", "1")),
    "1.25rc2-alpine": ("1.25rc2", (1, 25), ("rc", "2")),
    "3.13-rc-slim": ("3.13-rc", (3, 13), ("rc",)),
    "3.20_BETA_2": ("3.20_BETA_2", (3, 20), ("beta", "2")),
    "1.0.alpha": ("1.0.alpha", (1, 0), ("alpha",)),
    "9.0-preview-alpine": ("9.0-preview", (9, 0), ("preview",)),
    "8.0.0-preview.4.23218.4": ("8.0.0-preview.4", (8, 0, 0), ("preview", "4")),
    "2.0-pre": ("2.0-pre", (2, 0), ("pre",)),
    "2.0-dev-a1b2c3d": ("2.0-dev", (2, 0), ("dev",)),
    "1.0-SNAPSHOT": ("1.0-SNAPSHOT", (1, 0), ("snapshot",)),
    "1.2-development": ("1.2", (1, 2), ()),
    "1.2-prefix": ("1.2", (1, 2), ()),
    "1.2-alpine": ("1.2", (1, 2), ()),
    "1.2.3-b1": ("1.2.3", (1, 2, 3), ()),
    "1.2.3-slim-rc1": ("1.2.3", (1, 2, 3), ()),
    "12345a": None,
    "3f2a91c": None,
    "3f2a91c-amd64": None,
    "3f2a91c.1": None,
    "3f2a91c_1": None,
    "0" * 39 + "a": None,
    "0" * 40 + "a": ("0" * 40, (0,), ()),
    "1234a": ("1234", (1234,), ()),
    "3f2a91cg": ("3", (3,), ()),
    "1234567": ("1234567", (1234567,), ()),
    "latest": None,
    "bookworm-20240612": None,
    "release-1.2": None,
    "v": None,
    "-1": None,
}


@pytest.mark.parametrize(("tag", "expected"), VERSIONS.items())
def test_version_that_a_tag_begins_with(tag: str, expected: tuple[str, tuple[int, ...], tuple[str, ...]] | None) -> None:
    assert version_of(tag) == (TagVersion(*expected) if expected else None)


ALLOWED = {
    ">=3.11 <4": (
        "3.11 3.11-slim v3.11.0 3.12.4 3.99 3 3-alpine latest bookworm 3f2a91c",
        "3.10 3.9-slim 3.10.99 4 4.0 4.0.1 2 20240101",
    ),
    ">=3.11": ("3.11.0-slim 4 20240101 8e1f2a3", "3.13-rc 3.13.0-rc1 3.11-rc1 8e1f2a3-rc.1 2"),
    "<4": ("3 3.99.99 0", "4 4.0.0 4.0.0-rc1 4.0.0-alpha 3.13-rc"),
    "<=4": ("4 4.0.0 3.9 4-alpine", "4.1 4.0.1 4.0.0-rc1 5"),
    "<=4.1": ("4 4.1", "4.1.1 4.2 5"),
    ">3": ("3.1 3.0.1 4", "3 3.0 3.0.0 2.9"),
    ">3.11": ("3 3.11.1 3.12", "3.11 3.11.0 3.10 2"),
    "<4.0.0": ("3", "4 4.0 4.0.0"),
    "<4.0.1": ("4 4.0 4.0.0", "4.0.1 4.1"),
    "==3.12.1": ("3.12.1 3.12.1-slim 3.12 3 v3.12.1.0", "3.12.2 3.11 4 3.12.1.1 3.12.1-rc1"),
    "==3": ("3 3.0 3.0.0", "3.1 4"),
    "!=3.12.1": ("3.12.2 3.12.0 3.12 3", "3.12.1 3.12.1-slim 3.12.2-rc1"),
    "!=3.12": ("3.12.1 3 3.13", "3.12 3.12.0"),
    ">=1.2.3.4": ("1.2.3.4 1.2.3.5 1.2.4 1.2.3 1", "1.2.3.3 1.2.2"),
    "<=1.2.3": ("1.2.3 1.2.3.0", "1.2.3.4"),
    ">=24.04 !=24.10": ("24.04 24.4 25.04 24", "23.10 24.10 22.04"),
    ">=4.0.0-rc2 <5": (
        "4.0.0-rc2 4.0.0-rc10 4.0-rc2 4-rc 4.0.0-rc 4.0.0-snapshot 4.0.0 4.1 4",
        "4.0.0-rc1 4.0.0-beta9 4.1.0-rc2 5 3",
    ),
    ">4.0.0-rc2": ("4.0.0-rc 4.0.0-rc3 4.0.0", "4.0.0-rc2 4.0.0-beta 3"),
    "<4.0.0-rc2": ("4.0.0-rc 4.0.0-rc1 4.0.0-beta9 3", "4.0.0-rc2 4.0.0 4 4.0.0-rc3"),
    "==4.0.0-rc2": ("4.0.0-rc2 4.0-rc.2 4.0.0-rc", "4.0.0-rc1 4.0.0 4 4.0.0-beta"),
    "  >=v1.2.0-beta  <2\n": ("1.2.0-beta 1.2.0-beta1 1.2 1.2.0-rc1", "1.1 1.2.0-alpha 2 1.3.0-beta"),
    ">=1.2.3.4-rc1": ("1.2.3.4-rc1 1.2.3.4", "1.2.3.5-rc1 1.2.3-rc1"),
}


@pytest.mark.parametrize(
    ("versions", "tag", "expected"),
    [
        (versions, tag, allowed)
        for versions, tags in ALLOWED.items()
        for allowed in (True, False)
        for tag in tags[not allowed].split()
    ],
)
def test_tags_that_versions_allow(versions: str, tag: str, expected: bool) -> None:
    found = Versions(versions).excluded(tag)
    assert found == (None if expected else version_of(tag))


@pytest.mark.parametrize(
    ("versions", "wrong"),
    [
        ("3.11", "3.11"),
        (">=3.11 4", "4"),
        ("~3.11", "~3.11"),
        ("=3.11", "=3.11"),
        ("=>3.11", "=>3.11"),
        ("!3", "!3"),
        (">= 3.11", ">="),
        (">=3.11,<4", ">=3.11,<4"),
        (">=3 <latest", "<latest"),
        (">=3.11-slim", ">=3.11-slim"),
        (">=3.x", ">=3.x"),
        (">=3.", ">=3."),
        (">=\u0663", ">=\u0663"),
        (">=1.2.3-b1", ">=1.2.3-b1"),
    ],
)
def test_invalid_comparisons(versions: str, wrong: str) -> None:
    with pytest.raises(InvalidPattern, match=re.escape(f"invalid comparison `{wrong}`; write comparisons such as ")) as caught:
        Versions(versions)
    assert versions[caught.value.start : caught.value.end] == wrong


@pytest.mark.parametrize("versions", ["", " "])
def test_versions_need_a_comparison(versions: str) -> None:
    with pytest.raises(InvalidPattern, match=r"no comparison; write one such as `>=3.11`") as caught:
        Versions(versions)
    assert (caught.value.start, caught.value.end) == (0, len(versions))


def test_versions_have_a_limit() -> None:
    assert Versions(f"<{'9' * (PATTERN_MAX - 1)}").excluded("1") is None
    with pytest.raises(InvalidPattern, match=f"the limit is {PATTERN_MAX}"):
        Versions(f"<{'9' * PATTERN_MAX}")
    assert Versions(" <9" * COMPARISONS_MAX).excluded("9") == TagVersion("9", (9,))
    with pytest.raises(InvalidPattern, match=f"more than {COMPARISONS_MAX} comparisons") as caught:
        Versions("<9 " * COMPARISONS_MAX + "!=8")
    assert caught.value.start == 3 * COMPARISONS_MAX


def test_semver_is_imported_only_for_prereleases() -> None:
    code = (
        "import sys; from imglint.patterns.version import Versions; Versions('>=3.11 <4 !=3.12.0-rc1').excluded(sys.argv[1]);"
        "print('semver' in sys.modules)"
    )
    found = [
        subprocess.run([sys.executable, "-c", code, tag], capture_output=True, text=True, check=True).stdout
        for tag in ("2", "3.12.0-rc2")
    ]
    assert found == ["False\n", "True\n"]


NUMBER = st.integers(0, 12)


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.tuples(NUMBER, NUMBER, NUMBER), st.sampled_from(sorted(OPERATORS)))
def test_releases_are_compared_as_by_semver(version: tuple[int, ...], bound: tuple[int, ...], sign: str) -> None:
    left, right = (".".join(map(str, numbers)) for numbers in (version, bound))
    assert (Versions(f"{sign}{right}").excluded(left) is None) == semver.Version.parse(left).match(f"{sign}{right}")


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True))
def test_no_tag_is_too_odd(tag: str) -> None:
    version = version_of(tag)
    assert version is None or tag.lstrip("vV").startswith(version.text)
    assert Versions(">=1.2.3-rc1 <2").excluded(tag) in (None, version)
