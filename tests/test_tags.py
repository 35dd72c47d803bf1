"""The order of tags: which ones follow another, as people write them, and which one names a release best."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint_rules._tags import TAG_MAX, newer, releases, shape

# the tag, the tags that follow it, the newest first, and others that do not
NEWER = [
    ("3.12-slim", "3.13-slim", "3.13 3.13-slim-bookworm 3.13.1-slim slim 3.12-slim 3.11-slim 3.9-slim v3.13-slim 3.13-Slim"),
    ("v1.2", "v2.0 v1.10 v1.3", "1.3 v1.3.0 V1.3 v1 v1.2"),
    ("1.27.3", "1.28.0 1.27.10", "1.28 2 1.27.2 1.28.0-alpine 1.28.0-rc1 1.28.0.1"),
    ("16", "17", "17.2 17-alpine 20240606 10543 2024 15"),
    ("2022-latest", "2025-latest", "2019-latest 20250101-latest 10-latest"),
    ("b3999", "b4000", "b20240101 4000"),
    ("999", "", "1000"),
    # Prereleases follow only prereleases, written in the same way.
    ("1.0.0", "1.0.1", "1.0.0-rc1 1.1.0-rc1 1.0.0rc1 1.1-pre 1.1.0-beta.1"),
    ("1.0.0-rc1", "2.0.0-rc1 1.0.1 1.0.0 1.0.0-rc10 1.0.0-rc2", "1.0.0-rc 1.0.0-rc.2 1.0.0.rc2 1.0.0-beta2 0.9.0 1.0.0-rc1 1.0.0-rc2-slim 1.0-rc2"),
    ("1.0.0-beta.1", "1.0.0 1.0.0-rc.1 1.0.0-preview.1 1.0.0-beta.2", "1.0.0-alpha.2 1.0.0-rc1"),
    ("3.15-rc-slim", "3.16-rc-slim 3.15-slim", "3.15 3.15-rc 3.16-rc1-slim 3.14-slim"),
    ("3.14.0rc1-slim", "3.14.0-slim 3.14.0rc2-slim", "3.14.0 3.14.0rc2"),
    ("2.0-RC1", "2.0-rc2", "2.0-RC1"),
    # Other words are names of variants.
    ("3.12-dev", "3.13-dev", "3.13 3.12 3.13-snapshot"),
    ("3.12-bookworm", "3.13-bookworm", "3.13-bullseye 3.13-trixie"),
    ("1.2-prebuilt", "1.3-prebuilt", "1.3"),
    ("1.2-rc1x", "1.3-rc1x", "1.3"),
    ("rc-1.2", "rc-1.3", "1.3"),
    # Numbers of a suffix
    ("3.12-alpine3.19", "3.13-alpine3.20 3.13-alpine3.18 3.12-alpine3.20", "3.13-alpine 3.12-alpine3.18 3.12-alpine3"),
    ("8.10-1086", "9.5-1736404036 8.10-1088", "8.10-1085 8.10-1088.1 8.10 8.10-20240101"),
    ("11.0.23_9-jdk", "11.0.24_8-jdk", "11.0.24-8-jdk 11.0.23_8-jdk"),
    ("16.1.0-debian-12-r5", "16.2.0-debian-12-r0 16.1.0-debian-12-r6", "16.2.0-ubuntu-12-r0"),
    # Dates and leading zeros
    ("20240101", "20250101 20240202", "202402 2025 3 20249999 20240101"),
    ("202401", "202402", "20240201 202413 199912"),
    ("20240101123000", "20240101123001", "20240102"),
    ("bookworm-20240612", "bookworm-20241016", "trixie-20241016 bookworm-20230101"),
    ("RELEASE.2024-01-01T00-00-00Z", "RELEASE.2024-11-01T09-00-00Z", "RELEASE.2024-11-01T09-00-00Z.fips RELEASE.2023-12-31T23-59-59Z"),
    ("2024.01", "2025.02 2024.10", "2024.2 2024.1 2023.12"),
    ("22.04", "24.04 22.10", "24.4 22.4 noble"),
    ("1.9", "1.10", "1.09 1.010"),
    ("0.9", "0.10", "0.09 00.10"),
    ("1.00", "1.01", "1.0 1.1"),
    # Platforms have other numbers than versions.
    ("v1-arm32v7", "v2-arm32v7", "v1-arm64v8 v2-arm64v8 v2"),
    ("v1-amd64", "v2-amd64", "v2-arm64 v2-386"),
    ("1.0-x86_64", "1.1-x86_64", "1.1-x64"),
    ("arm64v8-1.2", "arm64v8-1.3", "arm64v9-1.2 arm32v7-1.3"),
    ("1-x64", "2-x64", "1-x86 2-x86"),
    # No order at all
    *[(tag, "", "1.3 v9 zzzzzzz 9999999 main-abd1235 1.3-abd1235 sha-9234567") for tag in
      ("latest", "bookworm", "abc1234", "main-abc1234", "1.2-abc1234", "sha-1234567", "v1.2-5-g1234567", "1" * 40, "rc1", "",
       "1.2-DEADBEEF1", "git1234567")],
    ("1" * (TAG_MAX + 1), "", "2" * (TAG_MAX + 1)),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "after", "others"), NEWER, ids=[case[0][:40] for case in NEWER])
def test_the_tags_that_follow_another(tag: str, after: str, others: str) -> None:
    expected = tuple(after.split())
    assert newer(tag, tuple(sorted((*expected, *others.split())))) == expected


def test_huge_numbers_and_many_tags() -> None:
    digits = TAG_MAX - 2
    assert newer(f"1.{'8' * digits}", (f"1.{'9' * digits}", f"2.{'1' * digits}")) == (f"2.{'1' * digits}", f"1.{'9' * digits}")
    tags = tuple(f"1.{number}" for number in range(50_000))
    assert newer("1.49997", tags) == ("1.49999", "1.49998")
    assert releases(tags)[0] == "1.49999"


def test_the_tags_that_name_a_release_best() -> None:
    tags = "1.27 1.27.3 stable 1.27.3-alpine 1 20240606 v1.26.0 1.28.0-rc1 mainline 1.26.0 latest abc1234 1.27.3-alpine-slim"
    best = "1.27.3 1.27 1.26.0 v1.26.0 1 20240606 1.27.3-alpine 1.27.3-alpine-slim 1.28.0-rc1"
    assert " ".join(releases(tuple(tags.split()))) == best


NUMBERS = st.one_of(st.integers(0, 30).map(str), st.sampled_from(["00", "01", "09", "2024", "20240101", "1086", "9" * 60]))
TAGS = st.lists(
    st.one_of(NUMBERS, st.sampled_from(["-", ".", "_", "v", "rc", "beta", "-rc.", "slim", "alpine", "arm64", "abc1234", "T"])), max_size=8
).map("".join)  # fmt: skip


@given(TAGS, st.lists(TAGS, max_size=20))
def test_properties_of_the_order(tag: str, tags: list[str]) -> None:
    after = newer(tag, tuple(tags))
    assert set(after) <= set(tags) - {tag}
    assert sorted(newer(tag, tuple(sorted(tags)))) == sorted(after)
    old = shape(tag)
    for other in after:
        new = shape(other)
        assert old is not None
        assert new is not None
        assert tag not in newer(other, (tag,))
        assert new.prerelease is None or old.prerelease is not None
        if new.prerelease is None and old.prerelease is None:
            assert re.sub("[0-9]+", "0", tag) == re.sub("[0-9]+", "0", other)
    for first, second in pairwise(after):
        assert not newer(first, (second,))


@given(st.lists(TAGS, max_size=20))
def test_each_tag_with_an_order_is_a_release(tags: list[str]) -> None:
    assert sorted(releases(tuple(tags))) == sorted(tag for tag in tags if shape(tag) is not None)
