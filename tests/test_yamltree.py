"""YAML documents become trees with exact positions, one by one, and no input exhausts time, memory or the stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fuzz.targets import not_plain
from hypothesis import given
from hypothesis import strategies as st

from imglint.yaml.documents import DEPTH_MAX, SHORT, InvalidYaml, check_document, comments, documents, parse_document, traced
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, walk

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=["plain", "c", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test as usual, with libyaml for plain YAML too, and without the C extension."""
    if request.param != "plain":
        monkeypatch.setattr("imglint.yaml.documents.read_plain", not_plain)
    if request.param == "pure":
        monkeypatch.setattr("imglint.yaml.documents._c_parser", lambda: None)
    return str(request.param)


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("k: nginx", "nginx", "nginx"),
        ("k: 'nginx'", "nginx", "nginx"),
        ('k: "nginx" # comment', "nginx", "nginx"),
        ("k: 'it''s'", "it's", "it''s"),
        (r'k: "a\u0062"', "ab", r"a\u0062"),
        ("k: &a nginx", "nginx", "nginx"),
        ("k: !!str nginx", "nginx", "nginx"),
        ("k: !!str &a 'nginx'", "nginx", "nginx"),
        ("k: &a\n  nginx", "nginx", "nginx"),
        ("k: 1.20", "1.20", "1.20"),
        ("k: 0x1F", "0x1F", "0x1F"),
        ("k: yes", "yes", "yes"),
        ("k:", "", ""),
        ("k: ''", "", ""),
        ("k: ☃:1", "☃:1", "☃:1"),
        ("k: a\u2028b", "a\u2028b", "a\u2028b"),
        ("{k: nginx:1.25}", "nginx:1.25", "nginx:1.25"),
        ('{"k":"nginx"}', "nginx", "nginx"),
        ('{\n\t"k":\t"a\\/b"\n}', "a/b", r"a\/b"),
        ("%YAML 1.2\n---\nk: nginx", "nginx", "nginx"),
        ("k: nginx\r\nl: m\r\n", "nginx", "nginx"),
        ("k: >-\n  nginx", "nginx", ">-\n  nginx"),
    ],
)
def test_a_scalar_has_its_value_and_its_span(parser: str, text: str, value: str, written: str) -> None:
    root = parse_document(text, 100)
    assert isinstance(root, Mapping)
    node = root.get("k")
    assert isinstance(node, Scalar)
    assert node.value == value
    assert text[node.start - 100 : node.end - 100] == written


@pytest.mark.parametrize("text", ["~", "null", "NULL", "", "# a comment"])
def test_a_quoted_null_is_text(parser: str, text: str) -> None:
    root = parse_document(f"plain: {text}\nquoted: '{text}'")
    assert isinstance(root, Mapping)
    plain, quoted = root.get("plain"), root.get("quoted")
    assert isinstance(plain, Scalar)
    assert isinstance(quoted, Scalar)
    assert (plain.is_null, quoted.is_null) == (True, False)
    assert root.scalar("plain") is None
    assert (root.scalar("quoted") is None) is (text == "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["none"]),
        ("# only a comment\n", ["none"]),
        ("a: 1\n---\nb: 2\n", ["a", "b"]),
        ("---\na: 1\n---\nb: 2\n...\n", ["a", "b", "none"]),
        ("a: 1\n...\nb: 2\n", ["a", "b"]),
        ("a: 1\r\n---\r\nb: 2\r\n", ["a", "b"]),
        ("a: |\n  ---\n  text\n---\nb: 2", ["a", "b"]),
        ("a: 1\n---\nb: [\n---\nc: 3\n", ["a", "broken", "c"]),
        ("a: *none\n---\nc: 3\n", ["broken", "c"]),
        ("a: 1\n b: 2\n---\nc: 3\n", ["broken", "c"]),
        ("a: \x1f\n---\nc: 3\n", ["broken", "c"]),
        ("---\n# comment\n---\na: 1\n", ["none", "a"]),
    ],
)
def test_documents_are_read_one_by_one(parser: str, text: str, expected: list[str]) -> None:
    found = []
    for document in documents(text):
        root = document.root
        found.append("broken" if document.broken else _first_key(root) if isinstance(root, Mapping) else "none")
    assert found == expected


def test_the_offset_of_an_error_counts_from_the_start_of_the_file(parser: str) -> None:
    text = "a: 1\n---\nb: 2\nc: @\n"
    [broken] = [document.broken for document in documents(text) if document.broken]
    assert text[broken.offset] == "@"


def test_rejected_documents_are_checked_for_errors_only() -> None:
    found = list(documents("a: [\n---\nb: 1\n---\nimage: 1\n", wanted=lambda text: "image" in text))
    assert [_first_key(document.root) for document in found if isinstance(document.root, Mapping)] == ["image"]
    assert [document.start for document in found if document.broken] == [0]


UNWANTED = [
    "a: b\n",
    "a: [\n",
    "a: *b\n",
    "a: [*b]\n",
    "- *b\n",
    "*b : 1\n",
    "a: &b 1\nc: *b\n",
    "a: '*b'\n# *b\n",
    "%YAML 1.2\n---\na: 1\n",
    "%YAML 1.2\na: [\n",
    "{image: nginx:1.25}\n",
    "a: \x07\n",
    "[" * 150 + "]" * 150,
    "[" * 201 + "]" * 201,
    "[{" * 60 + "}]" * 60,
    "[{a: " * 101 + "}]" * 101,
    "- " * 150 + "a\n",
    "- " * 201 + "a\n",
    "- -\t- " * 80 + "a\n",
    "? " * 201 + "a\n",
    "".join([" " * level + "a:\n" for level in range(150)]),
    "".join([" " * level + "a:\n" for level in range(199)]) + " " * 199 + "[[[a]]]\n",
    "".join([" " * level + "a:\n" for level in range(130)]) + " " * 130 + "[" * 66 + "]" * 66 + "\n",
    "".join([" " * level + "a:\n" for level in range(130)]) + " " * 130 + "[" * 90 + "]" * 90 + "\n",
]


@pytest.mark.parametrize("text", UNWANTED)
def test_a_rejected_document_is_broken_if_it_would_be_when_read(text: str) -> None:
    assert [bool(found.broken) for found in documents(text, wanted=lambda _text: False)] == [
        True for found in documents(text) if found.broken
    ]


@pytest.mark.parametrize(("size", "broken"), [(20, False), (19, True)])
def test_libyaml_decides_about_long_documents(size: int, broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.yaml.documents.PURE_SIZE_MAX", size)
    [document] = documents("{image: nginx:1.25}\n")
    assert (document.broken is not None) is broken


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_limited(parser: str, opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        return opening * levels + ("1" if closing == "}" else "") + closing * levels

    assert parse_document(nested(DEPTH_MAX)) is not None
    with pytest.raises(InvalidYaml, match=f"deeper than {DEPTH_MAX}"):
        parse_document(nested(DEPTH_MAX + 1))


def test_an_alias_is_the_node_of_its_anchor_and_is_visited_once(parser: str) -> None:
    root = parse_document("a: &x {k: v}\nb: *x\nc: [*x, *x]\n")
    assert isinstance(root, Mapping)
    assert root.get("a") is root.get("b")
    assert [node.value for node in walk(root) if isinstance(node, Scalar)] == ["a", "k", "v", "b", "c"]


def test_nested_aliases_do_not_multiply_nodes(parser: str) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 60)]
    assert sum(1 for _ in walk(parse_document("\n".join(lines)))) == 1 + 60 * 2 + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {k: 1, l: 2}\nm: {<<: *a, k: 3}", {"k": "3", "l": "2"}),
        ("a: &a {k: 1}\nb: &b {k: 2, l: 2}\nm: {<<: [*a, *b]}", {"k": "1", "l": "2"}),
        ("a: &a {k: 1}\nb: &b {<<: *a, l: 2}\nm: {<<: *b}", {"k": "1", "l": "2"}),
        ("m: &m {<<: *m, k: 1}", {"k": "1"}),
        ("m: {<<: text, k: 1}", {"k": "1"}),
        ("m: {k: 1, k: 2}", {"k": "2"}),
    ],
)
def test_merge_keys_add_what_a_mapping_does_not_set(parser: str, text: str, expected: dict[str, str]) -> None:
    root = parse_document(text)
    assert isinstance(root, Mapping)
    mapping = root.mapping("m")
    assert mapping is not None
    assert {key: value.value for key, value in mapping.items() if isinstance(value, Scalar)} == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("k: FROM nginx", "nginx"),
        ("k: |\n  FROM nginx\n", "nginx"),
        ("k: |2-\n    FROM nginx", "nginx"),
        ("k: |\r\n  # first\r\n\r\n  FROM nginx\r\n", "nginx"),
        ("k: |+\n  a\n\n   b\n  FROM nginx\n\n", "nginx"),
        ('k: "FROM\\tnginx"', "FROM\\tnginx"),
        ("k: >\n  FROM\n  nginx", "nginx"),
        ("k: FROM\n  nginx\n", "nginx"),
        ("k: 'FROM\n\n  nginx '\n", "nginx"),
        ('k: "FROM\n  nginx\\n"\n', "FROM\n  nginx\\n"),
        ("k: >2-\r\n\r\n    FROM\r\n\r\n  a  nginx\r\n", "nginx"),
        ("k: !!binary >\n  RlJPTSBu\n  Z2lueA==\n", "RlJPTSBu\n  Z2lueA=="),
        ("k: |\n  a\u2028\n  FROM nginx\n", "a\u2028\n  FROM nginx"),
    ],
)
def test_part_of_a_scalar_is_traced_to_its_position(parser: str, text: str, part: str) -> None:
    root = parse_document(text)
    assert isinstance(root, Mapping)
    scalar = root.scalar("k")
    assert scalar is not None
    at = scalar.value.index("nginx")
    assert text[slice(*traced(scalar, text).span(at, at + 5))].rstrip() == part


def test_comments_are_found_outside_scalars_only() -> None:
    text = "# imglint: one\nk: v # imglint: two\ns: '# imglint: no'\nb: |\n  # imglint: no\np: a#imglint:no\nq: # comment\n#  imglint: three\n"
    roots: list[Node] = [document.root for document in documents(text) if document.root]
    assert [text[start:end] for start, end in comments(text, roots)] == [
        "# imglint: one",
        "# imglint: two",
        "#  imglint: three",
    ]


PIECES = st.sampled_from(
    [
        *"[]{},:-?|>&*!%@`'\"# \n\t",
        "\r\n",
        "a",
        "k: v\n",
        "- ",
        "---\n",
        "...\n",
        "<<: ",
        "&a ",
        "*a ",
        "\\",
        "\0",
        "é",
        "%YAML 1.2\n",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_read_or_broken_and_all_nodes_are_within_it(text: str) -> None:
    for document in documents(text):
        assert 0 <= document.start <= document.end <= len(text)
        if document.broken is not None:
            assert document.start <= document.broken.offset
        for node in walk(document.root):
            end = node.end if isinstance(node, Scalar) else node.start
            assert document.start <= node.start <= end <= document.end


PLAIN = st.recursive(
    st.text("abc:/.-1 '\"\\\n☃", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_json_is_read_as_a_json_parser_reads_it(value: object) -> None:
    assert _plain(parse_document(json.dumps(value, ensure_ascii=False))) == value
    assert _plain(parse_document(json.dumps(value, indent="\t"))) == value


def _plain(node: Node | None) -> object:
    if isinstance(node, Mapping):
        return {key.value: _plain(value) for key, value in node.entries if isinstance(key, Scalar)}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    return node.value if node else None


def _first_key(root: Mapping) -> str:
    key = root.entries[0][0]
    assert isinstance(key, Scalar)
    return key.value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a: b",
            "a: [b, {c: d}]",
            "a: &x b\nc: *x",
            "a: b * c",
            "%YAML 1.2\n---\na: b",
            'a: "\\ud83d\\ude00"',
            "a: \u2028 b",
            "{a: nginx:1}",
        ),
        *(
            "a: *x",
            "a: [",
            "a: b: c",
            "a: b\n c: d",
            "a: \x07",
            "a: b\n\u2028c: d",
            "a:\n- *x",
            "[*x]",
            "{a: b}}",
            "%YAML 3.0\n---\na: b",
        ),
        *("a: " + "[" * depth + "]" * depth for depth in (60, DEPTH_MAX - 1, DEPTH_MAX + 1)),
        *("- " * depth + "a" for depth in (2, DEPTH_MAX, DEPTH_MAX + 1)),
        *("".join([" " * at + "a:\n" for at in range(depth)]) for depth in (60, DEPTH_MAX, DEPTH_MAX + 1)),
    ],
)
@pytest.mark.parametrize("size", [0, SHORT])
def test_checking_a_document_raises_the_same_error_as_reading_it(text: str, size: int) -> None:
    long = text + "\n" + "# \n" * (size // 3)

    def error_of(read: Callable[[str], object]) -> str | None:
        try:
            read(long)
        except InvalidYaml as error:
            return f"{error.offset}: {error.reason}"
        return None

    assert error_of(check_document) == error_of(parse_document)
