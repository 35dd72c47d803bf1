"""Values that fixes write into YAML are read as text by every parser. ruamel.yaml, for YAML 1.1 and 1.2, decides what that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from imglint.quoting import as_text, is_plain_text

NOT_TEXT = """1 0 -1 +1 1.10 1. .5 1e3 1e-3 1234e56 1_000 0x1f 0o17 0b11 017 1:20 1:20:30.5 190:20 20240612 2024-06-12 2024-6-1 ~ null Null true
False yes
NO on Off y N .inf -.INF .nan = << 2001-12-14t21:59:43.10-05:00"""
TEXT = "1.2.3 v1 1.25-alpine 1a nginx:1 docker.io/library/nginx nulls truest 1-2 2024-06 12:99:1 _1 stable 1e3x 0x1g sha256:1"
NOT_PLAIN = [
    "-",
    "- a",
    "?a",
    "a: b",
    "a #b",
    "[::1]:5000/a",
    "{a}",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "'a",
    '"a',
    "%a",
    "@a",
    "`a",
    "a:",
    "#a",
]


def read(text: str, version: str) -> object:
    parser = YAML(typ="safe", pure=True)
    parser.version = version
    try:
        return parser.load(f"a: {text}\n")["a"]
    except (YAMLError, ValueError):
        return None


@pytest.mark.parametrize("text", NOT_TEXT.split())
def test_other_values(text: str) -> None:
    assert not is_plain_text(text)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_no_plain_scalar_has(text: str) -> None:
    assert not is_plain_text(text)


@pytest.mark.parametrize("text", TEXT.split())
def test_text(text: str) -> None:
    assert is_plain_text(text)


@given(st.text("0123456789abefnoxyzTt._:+-~", min_size=1, max_size=12))
def test_plain_text_is_read_as_it_is(text: str) -> None:
    if is_plain_text(text):
        assert [read(text, version) for version in ("1.1", "1.2")] == [text, text]


# the text, in which | stands for the span, what is written there, and the text after that
PLACES = {
    "a: |x|": ("1.10", 'a: "1.10"'),
    "a: |1.9| # c": ("1.10", 'a: "1.10" # c'),
    "a: |x|\r\n": ("1.10", 'a: "1.10"\r\n'),
    "- |x|": ("1", '- "1"'),
    "a: &b !!str |x|": ("1", 'a: &b !!str "1"'),
    "{a: |x|, b: c}": ("1", '{a: "1", b: c}'),
    "[|x|]": ("1", '["1"]'),
    "a: 'x|y|'": ("1", "a: 'x1'"),
    'a: "|y|"': ("1", 'a: "1"'),
    "a: x:|y|": ("1", "a: x:1"),
    "a: 1:|y|": ("1", None),
    "a: b |y|": ("1", "a: b 1"),
    "a: |y| b": ("1", "a: 1 b"),
    "a: ||x": ("v1/", "a: v1/x"),
    "a:\n  |x|": ("1", None),
    "a:\n  |x|\n": ("[::1]/x", "a:\n  [::1]/x\n"),
    "FROM |x|": ("1", "FROM 1"),
    "  |--mount=from=x|": ("--mount=from=y", "  --mount=from=y"),
    'a: "|x|"': ('1"', None),
    "a: |y|": ('"', None),
}


@pytest.mark.parametrize(("place", "new", "expected"), [(place, *rest) for place, rest in PLACES.items()])
def test_what_is_written(place: str, new: str, expected: str | None) -> None:
    before, old, after = place.split("|")
    written = as_text(before + old + after, len(before), len(before + old), new)
    assert (written if written is None else before + written + after) == expected
