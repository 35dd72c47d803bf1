"""Path patterns: which files they match, compared with pathspec, and which patterns are invalid. test_gitignore.py compares them with Git."""

from __future__ import annotations

import re
import string

import pathspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imglint.patterns.matcher import PATTERN_MAX, InvalidPattern
from imglint.patterns.path import PathPattern, PathPatterns

SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[a-b]x", "\\*", "ab"]), min_size=1, max_size=3).map("".join)
PATTERNS = st.builds(
    lambda front, parts, back: front + "/".join(parts) + back,
    st.sampled_from(["", "/", "**/"]),
    st.lists(SEGMENTS | st.just("**"), min_size=1, max_size=4),
    st.sampled_from(["", "/", "/**"]),
)
PATHS = st.lists(st.text("ab*x", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(PATTERNS, PATHS)
@example("a/**", "a")
@example("**/a/**/b", "a/b")
@example("a/*", "a/b/c")
def test_paths_match_as_in_pathspec(pattern: str, path: str) -> None:
    # For a star next to `**`, and for a folder below `**`, Git differs from pathspec.
    assume(not re.search(r"[^/*]\*\*|\*\*[^/*]|\*\*\*|\*\*/$", pattern))
    expected = pathspec.GitIgnoreSpec.from_lines([pattern]).match_file(path)
    assert PathPattern(pattern).fits(path) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "is_folder", "expected"),
    [
        ("vendor/", "vendor", True, True),
        ("vendor/", "vendor", False, False),
        ("vendor/", "a/vendor/b.yaml", False, True),
        ("docker-compose*.yml", "a/docker-compose.dev.yml", False, True),
        ("/docker-compose.yml", "a/docker-compose.yml", False, False),
        ("deploy/prod/", "deploy/prod/a.yaml", False, True),
        ("deploy/prod/", "x/deploy/prod/a.yaml", False, False),
        ("**/testdata/**", "a/testdata/b/c.yaml", False, True),
        ("[!a]", "/", False, False),
        ("[/[a-c]", "b", False, True),
        ("[/[a-c]", "x/b", False, False),
        ("x/[!/a]y", "x/by", False, True),
        ("x[a/]y", "x/y", False, False),
        ("a\\/b", "a/b", False, True),
        ("a\\/b", "x/a/b", False, False),
        ("[[:digit:]]x", "1x", False, True),
        ("[[:digit:]]x", "ax", False, False),
        ("[]]", "]", False, True),
        ("[^a-c]", "d", False, True),
        ("[^a-c]", "b", False, False),
        ("[!a-c]", "d", False, True),
        ("[!a-c]", "b", False, False),
        ("[!a-c]", "!", False, True),
        ("a/**/b/c", "a/x/y/b/c", False, True),
        ("**/a/b", "a/a/b", False, True),
        ("a/b", "a/a/b", False, False),
        ("a\t", "a\t", False, True),
        ("aX", "aX", False, True),
        ("a\\[/b]", "a[/b]", False, True),
        ("a\\\\ ", "a\\", False, True),
        ("a\\\\ ", "a\\ ", False, False),
        ("a\\\\\\ ", "a\\ ", False, True),
        ("a/***/b", "a/x/y/b", False, True),
        ("a/*/b", "a/x/y/b", False, False),
        ("a/  /b", "a/x/b", False, False),
        ("a/X*/b", "a/y/b", False, False),
        ("a\t", "a", False, False),
        ("[a-]x", "-x", False, True),
        ("x[a]yz", "xayz", False, True),
        ("[^]a]", "b", False, True),
        ("[^]a]", "]", False, False),
        ("[\\]a]x", "]x", False, True),
        ("[\\]a]x", "\\x", False, False),
        ("[a\\-c]", "-", False, True),
        ("[a\\-c]", "b", False, False),
        ("[[:a]", ":", False, True),
        ("[[:a]", "[", False, True),
        ("[a:]", ":", False, True),
        ("[[:digit:][:upper:]_]", "A", False, True),
        ("[[:digit:][:upper:]_]", "_", False, True),
        ("[[:digit:][:upper:]_]", "a", False, False),
        ("a\\ ", "a ", False, True),
        ("a  ", "a", False, True),
        ("**", "a/b", False, True),
        ("**\\/b", "a/b", False, True),
        ("**\\/b", "b", False, False),
        ("a/**\\/b", "a/x/b", False, True),
        ("a/**\\/b", "a/x/y/b", False, True),
        ("a/**\\/b", "a/b", False, False),
        ("[c-a]", "c", False, True),
        ("[c-a]", "b", False, False),
    ],
)
def test_path_patterns(pattern: str, path: str, is_folder: bool, expected: bool) -> None:
    assert PathPattern(pattern).fits(path, is_folder) == expected


CLASSES = {
    "alpha": string.ascii_letters,
    "digit": string.digits,
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "space": string.whitespace,
    "punct": string.punctuation,
    "xdigit": string.hexdigits,
    "blank": " \t",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
}


@pytest.mark.parametrize(("name", "members"), CLASSES.items())
def test_character_classes_are_those_of_posix(name: str, members: str) -> None:
    characters = set(map(chr, range(128))) - {"/"}
    pattern = PathPattern(f"[[:{name}:]]")
    assert {character for character in characters if pattern.fits(character)} == set(members) - {"/"}


@given(PATTERNS, PATHS, st.booleans())
@example("a/b", "a/b", True)
@example("/a/**/b/", "a/ab/b", True)
@example("a/", "b/a", True)
@example("**", "a", False)
@example("a/", "a", False)
@example("a", "b", False)
def test_a_pattern_matches_a_path_and_everything_below(pattern: str, path: str, is_folder: bool) -> None:
    made, names = PathPattern(pattern), path.split("/")
    folders = ["/".join(names[:count]) for count in range(1, len(names))]
    above = any(made.fits_exactly(folder, folder.rpartition("/")[2], True) for folder in folders)
    assert made.fits(path, is_folder) == (above or made.fits_exactly(path, names[-1], is_folder))


def test_a_list_matches_if_one_of_its_patterns_does() -> None:
    patterns = PathPatterns([PathPattern("a"), PathPattern("vendor/"), PathPattern("*")])
    few = PathPatterns(patterns.patterns[:2])
    assert not few.patterns[1].fits("vendor")
    assert few.patterns[1].at == ""
    assert [few.fit("vendor"), few.fit("vendor", is_folder=True), few.fit("a"), few.fit(None)] == [False, True, True, False]
    found = [patterns.first("vendor"), patterns.first("vendor", is_folder=True), few.first("vendor"), patterns.first(None)]
    assert [one and one.text for one in found] == ["*", "vendor/", None, None]


LONG = "a" * (PATTERN_MAX + 1)
TOO_LONG = "pattern has 1025 characters; the limit is 1024"
INVALID = [
    ("  ", "  ", "empty pattern; `**` matches every file"),
    (LONG, LONG, TOO_LONG),
    ("!a", "!", "patterns that start with `!` are not supported; list the files to match instead"),
    ("#a", "#", "pattern starts with `#`, a comment in .gitignore; write `\\#`"),
    ("a//b//c", "//", "empty path component"),
    ("./a", "./", "patterns are relative to the policy's folder; remove `./`"),
    ("../a", "../", "patterns cannot match files outside the policy's folder"),
    ("/", "/", "pattern names no file; `**` matches every file"),
    ("a/b\\", "\\", "trailing backslash; write `\\\\` to match a backslash"),
    ("a[\\", "[\\", "unclosed `[`; write `\\[` to match a bracket"),
    ("a[\\]", "[\\]", "unclosed `[`; write `\\[` to match a bracket"),
    ("a[b[c", "[b[c", "unclosed `[`; write `\\[` to match a bracket"),
    ("[[::]]", "[[::]]", "unknown character class `[::]`"),
    ("a/[b-", "[b-", "unclosed `[`; write `\\[` to match a bracket"),
    ("a[[:tab:]]b", "[[:tab:]]b", "unknown character class `[:tab:]`"),
]
"""A pattern, its wrong part and the reason."""


@pytest.mark.parametrize(("pattern", "wrong", "reason"), INVALID)
def test_an_invalid_pattern_is_rejected(pattern: str, wrong: str, reason: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        PathPattern(pattern)
    start = pattern.index(wrong)
    assert (caught.value.start, caught.value.end) == (start, start + len(wrong))
    assert str(caught.value) == caught.value.reason == reason


def test_the_longest_pattern_is_read() -> None:
    assert PathPattern("a" * PATTERN_MAX).text == "a" * PATTERN_MAX


def test_a_long_path_takes_one_step_for_each_character() -> None:
    assert not PathPattern("*a" * 20 + "b").fits("a" * 100_000)
    assert not PathPattern("**/a/" * 20 + "b").fits("a/" * 10_000 + "c")
