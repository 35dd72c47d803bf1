"""The matcher under all patterns: compared with regular expressions, and linear in the length of the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint.patterns.matcher import ANY, NO_SLASH, Automaton, Characters, Glob, Token, Wildcard

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
