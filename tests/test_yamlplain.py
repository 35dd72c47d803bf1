"""Plain YAML is read without a parser, exactly as a parser would read it."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path

import pytest
from fuzz.targets import is_plain
from hypothesis import given, settings
from hypothesis import strategies as st

from imglint.source import UnreadFile, read_text
from imglint.yaml.documents import documents

FIXTURES = Path(__file__).parent.parent / "fixtures"


def documents_of(path: Path) -> list[str]:
    try:
        text = read_text(str(path))
    except UnreadFile:
        return []
    return [text[document.start : document.end] for document in documents(text)]


FILES = sorted(path for kind in ("yaml", "yml", "tpl", "json") for path in FIXTURES.rglob(f"*.{kind}") if path.is_file())
DOCUMENTS = [document for path in FILES for document in documents_of(path) if len(document) < 5_000]


@pytest.mark.parametrize(
    "document",
    [
        "a: 1",
        "a: b\nc: d\n",
        "---\na: b\n",
        "# a comment\n\n--- # and one\n# and one\na: b # and one\n\n  # and one\n",
        "a:\n",
        "a:\n  b:\nc: # nothing\n",
        "a:\n  - b\n  - c: d\n    e: f\n  -   g: h\n      i: j\n",
        "a:\n- b\n- c:\n  - d\ne:\n-  f\n",
        "- a\n- b: c\n",
        "  a: b\n  c: d\n",
        "a: \"b: 'c # d' \"\n'e': 'f \"g\"'\n\"h\": ''\n",
        "a: b:c # d\ne: f#g\nh: i: j".replace(": j", ":j"),
        "a: -1\nb: --c\nd: -e f",
        "a: {}\nb: []\nc: [ ]\nd: { } # none\n",
        "a: [sh, -c, \"b, c\", 'd' ] # a list, of words\n",
        "a: |\n  b\n\n    c # d\n  \te\n\n\nf: |-\n\n  g\n\n# h\ni:\n- |  # j\n  k",
        "a: |\n  b\n ",
        "a: |-\n b\n  ",
        "a: ☃\n# ☃\n☃: |\n  ☃\n".replace("☃: |", "b: |"),
        "a.b/c-d: ${e}\n$f: (g)\n",
        "a: b \nc: d  # e\n",
    ],
)
def test_common_manifests_are_plain(document: str) -> None:
    assert is_plain(document)


@pytest.mark.parametrize(
    "document",
    [
        *("", "# nothing", "---", "a", "- - a", "-\n- b", "? a", "a b", "a : b"),
        *("a: b\n c: d", "a: b\n  c", "a:\n  b", "a: b: c", "a: b:", "- a: b: c", "- a\nb: c", "a: b\n- c", "a:\n  b: c\n d: e"),
        *(
            "a: &b c",
            "a: *b",
            "a: !b c",
            "<<: *a",
            "a: >\n  b",
            "a: |+\n  b",
            "a: |2\n  b",
            "a: |\nb: c",
            "a: |\n\n",
            "a: |\n   \n  b",
        ),
        *(
            "a: 'it''s'",
            'a: "\\n"',
            "a: 'b\n  c'",
            'a: "b" c',
            "a: 'b': c",
            "a: {b: c}",
            "a: [b c]",
            "a: [b: c]",
            "a: [b,]",
            "a: [b\n]",
        ),
        *(
            "a:\tb",
            "\ta: b",
            "a: b\tc",
            "- \ta",
            "a: |\n \tb",
            "a: b\r\n",
            "a: \x07",
            "# \x07\na: b",
            "a: |\n  \x07",
            "a: \x85",
            "a: \u2028",
        ),
        *(
            "a: \ud800",
            "\ufeffa: b",
            "a: \u00a0b",
            "%YAML 1.2\n---\na: b",
            "a: b\n...\n",
            "a: b\n---\n",
            "a: @b",
            "a: `b",
            "a: %b",
            "a: - b",
        ),
        " " * 81 + "a: b",
        "k" * 600 + ": b",
        "a: " + "b" * 2**20,
    ],
)
def test_all_other_documents_need_a_parser(document: str) -> None:
    assert not is_plain(document)


def test_fixtures_are_read_as_by_a_parser() -> None:
    plain = [is_plain(document) for document in DOCUMENTS]
    assert sum(plain) > 50


LINES = st.tuples(
    st.sampled_from(["", "", "  ", "    ", " "]),
    st.sampled_from(["", "", "", "- ", "-   ", "-", "# "]),
    st.sampled_from(["", "a:", "b:", "b: ", "c: ", "'d': ", '"e": ', "f : ", "g.h/i: ", "a: b: "]),
    st.sampled_from(
        ["", "", "x", "y z", "-1", "- x", "|", "|-", "|+", "> ", "{}", "[]", "[a, 'b']", "'x'", '"y"', "x#y", "x:y", "*x"]
    ),
    st.sampled_from(["", "", "", " ", " # x", "#x", "\t", ":", "\x07", "\u2028"]),
).map("".join)


@settings(max_examples=2_000)
@given(st.lists(LINES, max_size=8).map("\n".join), st.sampled_from(["", "\n", "\n  ", "\n\n"]))
def test_random_lines_are_read_as_by_a_parser(lines: str, end: str) -> None:
    is_plain(lines + end)


def test_mutated_fixtures_are_read_as_by_a_parser() -> None:
    chance = random.Random(2026)  # noqa: S311  nothing is kept secret
    pieces = [
        *" \n-:#'\"|>[]{},&*!?%@\t\r",
        "  ",
        ": ",
        "- ",
        " #",
        "key: value\n",
        "|\n",
        "\n\n",
        "---\n",
        "[a, b]",
        "\u2028",
        "\x00",
        "é",
    ]
    lines = list(chain.from_iterable([document.split("\n") for document in DOCUMENTS]))
    plain = 0
    for _ in range(6_000):
        chosen = chance.choice(DOCUMENTS).split("\n")
        at = chance.randrange(len(chosen))
        place = chance.randrange(len(chosen[at]) + 1)
        chosen[at : at + 1] = chance.choice(
            (
                [" " + chosen[at]],
                [chosen[at][1:]],
                [],
                [chance.choice(lines), chosen[at]],
                [chosen[at][:place] + chance.choice(pieces) + chosen[at][place:]],
                [chosen[at][:place] + chosen[at][place + 1 :]],
            )
        )
        plain += is_plain("\n".join(chosen))
    assert plain > 500
