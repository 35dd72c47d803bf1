"""The matcher under all patterns: compared with regular expressions, and linear in the length of the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint.patterns.matcher import (
    ANY,
    NO_SLASH,
    PATTERN_MAX,
    Automaton,
    Characters,
    Glob,
    InvalidPattern,
    Token,
    Wildcard,
    check_length,
)

TOKENS: dict[Token, str] = {
    "a": "a",
    "/": "/",
    ANY: ".",
    Characters((("a", "b"), ("x", "x"))): "[abx]",
    Characters((("a", "b"),), negated=True): "[^ab]",
    Wildcard(ANY): "(.*?)",
    Wildcard(NO_SLASH): "([^/]*?)",
}
GLOBS = st.lists(st.sampled_from(list(TOKENS)), max_size=6)
TEXTS = st.text("abcx/", max_size=8)


def expression(tokens: list[Token]) -> re.Pattern[str]:
    return re.compile("".join(TOKENS[token] for token in tokens))


@given(GLOBS, TEXTS)
def test_a_glob_matches_as_a_regular_expression(tokens: list[Token], text: str) -> None:
    assert Glob(tokens).fits(text) == (expression(tokens).fullmatch(text) is not None)


STAR = Wildcard(ANY)
MATCHES: list[tuple[list[Token], str, bool]] = [
    ([], "", True),
    ([], "a", False),
    (["a", "b"], "ab", True),
    (["a", "b"], "b", False),
    (["a", "b"], "abb", False),
    (["a", "b", STAR], "ab", True),
    (["a", "b", STAR], "abx", True),
    (["a", "b", STAR], "bx", False),
    (["a", STAR, "a"], "a", False),
    (["a", STAR, "a"], "aa", True),
    ([STAR, "a", "b", "x"], "abx", True),
    ([STAR, "a", "b", "x"], "/abx", True),
    ([STAR, "a", "b", "x"], "xba", False),
    ([STAR, "a", "b", "x"], "ab", False),
    (["a", "b", ANY, "b", "x"], "ab/bx", True),
    (["a", "b", ANY, "b", "x"], "abbx", False),
    (["a", "b", STAR, "/", STAR, "b", "x"], "ab/bx", True),
    (["a", "b", STAR, "/", STAR, "b", "x"], "abxbx", False),
]


@pytest.mark.parametrize(("tokens", "text", "expected"), MATCHES)
def test_literal_ends_of_a_glob(tokens: list[Token], text: str, expected: bool) -> None:
    assert Glob(tokens).fits(text) == expected


def test_matches_end_in_ascending_order() -> None:
    assert list(Glob(["a", STAR]).ends("abx")) == [1, 2, 3]
    assert list(Glob(["a", STAR]).ends("xabx", 1)) == [2, 3, 4]
    assert list(Glob(["a", STAR, "x"]).ends("axbx/")) == [2, 4]


def test_limit_of_a_pattern() -> None:
    check_length("a" * PATTERN_MAX)
    with pytest.raises(InvalidPattern) as raised:
        check_length("a" * (PATTERN_MAX + 1))
    error = raised.value
    assert (error.reason, error.start, error.end) == ("pattern has 1025 characters; the limit is 1024", 0, 1025)


@given(GLOBS, TEXTS, st.integers(0, 3))
def test_the_ends_of_matches_are_those_of_a_regular_expression(tokens: list[Token], text: str, start: int) -> None:
    ends = [end for end in range(start, len(text) + 1) if expression(tokens).fullmatch(text, start, end)]
    assert list(Glob(tokens).ends(text, start)) == ends


@given(GLOBS.filter(lambda tokens: not re.search(r"\)\(", expression(tokens).pattern)), TEXTS)
def test_wildcards_capture_as_lazy_groups(tokens: list[Token], text: str) -> None:
    match = expression(tokens).fullmatch(text)
    assert Glob(tokens).captures(text) == (list(match.groups()) if match else None)


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), ("ab", True), ("abab", True), ("aba", False), ("c", True), ("abc", False), ("cc", False)]
)
def test_skips_lead_forward_and_back(text: str, expected: bool) -> None:
    assert _repeated_ab_or_c().fits(text) == expected


def _repeated_ab_or_c() -> Automaton:
    """Return an automaton for `(ab)+|c`, with skips in both directions."""
    automaton = Automaton()
    first = automaton.skip(0)
    last = automaton.step(automaton.step(first, "a"), "b")
    automaton.skip(last, first)
    automaton.end = automaton.skip(last)
    automaton.skip(automaton.step(0, "c"), automaton.end)
    return automaton


@pytest.mark.parametrize("tokens", [[Wildcard(ANY), "a"] * 200 + ["b"], [ANY] * 500 + ["b"]])
def test_a_long_text_takes_one_step_for_each_character(tokens: list[Token]) -> None:
    assert not Glob(tokens).fits("a" * 50_000 + "c")
    assert list(Glob(tokens).ends("a" * 5_000)) == []
