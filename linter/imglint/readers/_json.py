"""JSON with exact positions, as the trees of YAML files have them. Comments and trailing commas are accepted. Imports the YAML nodes and traced texts.

The grammar is that of RFC 8259, with the comments and trailing commas of JSON with Comments (jsonc.org), which development containers use.
"""

from __future__ import annotations

import re

from imglint.model import UNREAD_FILE, Comment, Problem
from imglint.traced import Traced, joined, literal, opaque
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

DEPTH_MAX = 200
"""Levels of nesting. A file that is nested more deeply is not read and is reported."""
NODES_MAX = 600_000
"""Values and keys of a file. A file with more is not read and is reported."""

_BLANK = r"(?:[ \t\r\n]++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_TOKEN = rf"""{_BLANK}(?P<mark>[{{}}\[\],:]|"(?P<text>(?:[^"\\\r\n]|\\[^\r\n])*+)"|(?P<word>[\w.+-]++)|\Z)"""
_WORD = r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_ESCAPE = r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^u])"
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_COMMENT = r"//[ \t]*imglint:[^\r\n]*"


class InvalidJson(Exception):
    """Text that is not valid JSON: the reason, and the offset. `is_limit` is True if it exceeds a limit of imglint."""

    def __init__(self, reason: str, offset: int, is_limit: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.offset, self.is_limit = reason, offset, is_limit


def read_json(source: Source) -> tuple[Node | None, list[Fact]]:
    """Return the root of a JSON file, and the facts about the file as a whole: its comments, or the problem for which there is no root."""
    try:
        root = parse_json(source.text)
    except InvalidJson as error:
        start = min(error.offset, max(len(source.text) - 1, 0))
        span = (start, min(start + 1, len(source.text)))
        if error.is_limit:
            return None, [Problem(source, span, error.reason, UNREAD_FILE)]
        return None, [Problem(source, span, f"invalid JSON: {error.reason}")]
    return root, [Comment(source, span) for span in _comments(source.text)]


def parse_json(text: str) -> Node:
    """Return the root of a JSON text. Strings are scalars in double quotes, other scalars plain ones.

    Raises InvalidJson.
    """
    return _Parser(text).root()


def string(source: Source, scalar: Scalar) -> Traced:
    """Return the value of a string, each part with its position."""
    return string_at(source.text[scalar.start : scalar.end], scalar.start)


def string_at(written: str, start: int) -> Traced:
    """Return the value of a string that is written at an offset, each part with its position."""
    if "\\" not in written:
        return literal(written, start)
    parts, at = [], 0
    for escape in re.finditer(_ESCAPE, written):
        parts.append(literal(written[at : escape.start()], start + at, start))
        parts.append(opaque(_character(escape[0]), start, start + escape.start(), start + escape.end()))
        at = escape.end()
    return joined([*parts, literal(written[at:], start + at, start)])


def _character(escape: str) -> str:
    if escape[1] != "u":
        return _CHARACTERS.get(escape[1], escape[1])
    # Two escapes are the halves of one character beyond U+FFFF.
    codes = [int(code, 16) for code in escape.split("\\u")[1:]]
    if len(codes) == 2:
        return chr(0x10000 + ((codes[0] - 0xD800) << 10) + codes[1] - 0xDC00)
    # One half alone is no character.
    return "\ufffd" if 0xD800 <= codes[0] <= 0xDFFF else chr(codes[0])


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each comment addressed to imglint, up to the end of its line. Strings and other comments contain none."""
    if "imglint:" not in text:
        return
    for match in re.finditer(rf'"(?:[^"\\\r\n]|\\[^\r\n])*+"|/\*(?:[^*]|\*(?!/))*+\*/|(?P<comment>{_COMMENT})|//[^\n]*+', text):
        if match["comment"]:
            yield match.span()


class _Parser:
    """Reads the values of a text one after the other, without recursion, so that deep nesting cannot exhaust the stack of Python."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._token = re.compile(_TOKEN)
        self._nodes = 0

    def root(self) -> Node:
        root = self._value(self._next())
        opened = [root] if not isinstance(root, Scalar) else []
        while opened:
            inner = self._entry(opened[-1])
            if inner is None:
                opened.pop()
            elif not isinstance(inner, Scalar):
                opened.append(inner)
                if len(opened) > DEPTH_MAX:
                    raise InvalidJson(f"nested deeper than {DEPTH_MAX} levels; not read", inner.start, is_limit=True)
        end = self._next()
        if end["mark"]:
            raise InvalidJson("expected nothing after the value", end.start("mark"))
        return root

    def _entry(self, parent: Node) -> Node | None:
        """Read an entry of a mapping or sequence, or its end, and return the value; None at the end."""
        token = self._next()
        has_entries = bool(parent.entries if isinstance(parent, Mapping) else isinstance(parent, Sequence) and parent.items)
        closing = "}" if isinstance(parent, Mapping) else "]"
        if token["mark"] == "," and has_entries:
            token = self._next()
        elif has_entries and token["mark"] != closing:
            raise InvalidJson(f"expected `,` or `{closing}`", token.start("mark"))
        if token["mark"] == closing:
            return None
        if not isinstance(parent, Mapping):
            value = self._value(token)
            if isinstance(parent, Sequence):
                parent.items.append(value)
            return value
        if token["text"] is None:
            raise InvalidJson("expected a key in double quotes", token.start("mark"))
        key = self._scalar(token)
        colon = self._next()
        if colon["mark"] != ":":
            raise InvalidJson("expected `:` after the key", colon.start("mark"))
        value = self._value(self._next())
        parent.add(key, value)
        return value

    def _value(self, token: re.Match[str]) -> Node:
        start = token.start("mark")
        if token["mark"] == "{":
            self._count(start)
            return Mapping(start)
        if token["mark"] == "[":
            self._count(start)
            return Sequence(start)
        if token["text"] is None and not (token["word"] and re.fullmatch(_WORD, token["word"])):
            raise InvalidJson("expected a value", start)
        return self._scalar(token)

    def _scalar(self, token: re.Match[str]) -> Scalar:
        self._count(token.start("mark"))
        if token["text"] is None:
            return Scalar(token["word"], *token.span("word"), "")
        value = token["text"]
        return Scalar(string_at(value, 0).text if "\\" in value else value, *token.span("text"), '"')

    def _count(self, start: int) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise InvalidJson(f"more than {NODES_MAX} values in this file; not read", start, is_limit=True)

    def _next(self) -> re.Match[str]:
        match = self._token.match(self._text, self._at)
        if match is None:
            blank = re.compile(_BLANK).match(self._text, self._at)
            raise InvalidJson("expected a value, a comma or a closing bracket", blank.end() if blank else self._at)
        self._at = match.end()
        return match
