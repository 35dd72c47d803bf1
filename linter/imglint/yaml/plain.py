r"""Plain YAML, read line by line without a parser. Nearly all manifests are plain. Imports only the nodes.

Plain documents consist of block mappings and sequences with keys and values of one line each: words, quoted texts without escapes, bracketed lists
of such texts, and literal blocks. The nodes are exactly those that a parser's events would give, in less than half the time. Anything else raises
NotPlain, and `documents.py` decides whether it is YAML. Nothing here may guess: tests compare the results with the parser's, on broken YAML too.
"""

from __future__ import annotations

import re
from functools import cache

from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIZE = 1024 * 1024
"""Characters of a document; a longer one is left to the parser."""
_WIDTH = 80
"""Columns of indentation: too few to exceed DEPTH_MAX of `documents.py`, even with a mapping and a sequence in every column."""

_TEXT, _TABBED = r"[^\x00-\x1f\x7f]", r"[^\x00-\x08\x0a-\x1f\x7f]"
_DOUBLE, _SINGLE = r'"[^\x00-\x1f\x7f"\\]{0,500}+"', r"'[^\x00-\x1f\x7f']{0,500}+'"
_BLANK = rf"(?:[ ]*+(?:\#{_TABBED}*+)?\n)*+"
_COMMENT = rf"[ ]*+(?:(?<=[ ])\#{_TEXT}*+)?"
_START = re.compile(rf"{_BLANK}(?:---{_COMMENT}(?:\n|\Z))?")
_ENTRY = re.compile(
    rf"""{_BLANK}
    (?P<indent>[ ]{{0,{_WIDTH}}}+)
    (?P<dash>-[ ]{{1,9}}+)?
    (?:(?P<key>[A-Za-z0-9_$./][^\x00-\x20\x7f:\#]{{0,500}}+|{_DOUBLE}|{_SINGLE}):(?=[ \n]|\Z)[ ]*+)?
    (?(dash)|(?(key)|(?!)))
    (?:(?P<word>[^\x00-\x20\x7f\-?:,\[\]{{}}#&*!|>'"%@`][^\x00-\x1f\x7f:#]*+(?<![ ]))?(?=\n|\Z)|(?P<value>{_TEXT}++))
    (?:\n|\Z)""",
    re.VERBOSE,
)
_END = re.compile(rf"{_BLANK}[ ]*+(?:\#{_TABBED}*+)?\Z")
_QUOTED = re.compile(rf"(\"[^\"\\]*+\"|'[^']*+'){_COMMENT}\Z")
_ITEM = rf"(?:{_DOUBLE}|{_SINGLE}|-?[A-Za-z0-9_./$][A-Za-z0-9_./$=+-]*+)"
_ITEMS = re.compile(_ITEM)
_LIST = re.compile(rf"(\[[ ]*+(?:{_ITEM}[ ]*+(?:,[ ]*+{_ITEM}[ ]*+)*+)?\]){_COMMENT}\Z")
_NO_ENTRIES = re.compile(rf"\{{[ ]*+\}}{_COMMENT}\Z")
_LITERAL = re.compile(rf"\|(-?){_COMMENT}\Z")
_FIRST = re.compile(rf"(?P<blank>(?:[ ]*+\n)*+)(?P<indent>[ ]{{1,{_WIDTH}}}+)[^ \t\n]")
_QUOTES = frozenset("\"'")
_WORD = re.compile(r"-[^ ]|[^\-?:,\[\]{}#&*!|>'\"%@`]")


class NotPlain(Exception):
    """A document that is not plain; only a parser can decide whether it is YAML."""


def read_plain(text: str, base: int = 0) -> Node:
    """Return the root of a text's only document. `base` is added to all offsets.

    Raises NotPlain.
    """
    # Characters that Python does not print are line breaks to one parser and errors to another; no manifest needs them.
    if len(text) > _SIZE or not (text.isascii() or text.replace("\n", "").replace("\t", "").isprintable()):
        raise NotPlain
    tree, start = _TreeBuilder(base), _START.match(text)
    at = start.end() if start else 0
    # Reading YAML spends its time in this loop; most lines need no calls but these.
    while line := _ENTRY.match(text, at):
        indent, dash, key, word, rest = line.groups()
        column, at, first = len(indent), line.end(), base + line.end(1)
        kind = Sequence if dash else Mapping
        if tree.key or column != tree.column or tree.node.__class__ is not kind:
            tree.go_to(column, kind, first)
        if key:
            if dash:
                first += len(dash)
                tree.begin(Mapping(first), column + len(dash))
            tree.key = _quoted(key, first) if key[0] in _QUOTES else Scalar(key, first, first + len(key), "")
            if word is None and (rest is None or rest[0] == "#"):
                continue
        if word is not None:
            first = base + line.start(4)
            tree.add(Scalar(word, first, first + len(word), ""))
        elif rest is None:
            raise NotPlain
        elif rest[0] == "|":
            block, at = _literal(text, line.start(5), at, tree.column, base)
            tree.add(block)
        else:
            tree.add(_value(rest, base + line.start(5)))
    if not _END.match(text, at):
        raise NotPlain
    return tree.finished()


class _TreeBuilder:
    """Builds a tree from lines: the innermost open collection, its column, and the key that has no value yet.

    The root is built as the value of a key in an outer mapping.
    """

    __slots__ = ("_above", "_whole", "column", "key", "node")

    def __init__(self, base: int) -> None:
        self._whole = Mapping(base)
        self._above: list[tuple[int, Mapping | Sequence]] = []
        self.node: Any = self._whole
        self.column = -1
        self.key: Scalar | None = Scalar("", base, base, "")

    def go_to(self, column: int, kind: type[Mapping | Sequence], start: int) -> None:
        """Make the collection that a line in this column belongs to the innermost one; open it if the line begins it."""
        if self.key:
            # A sequence may begin in the same column as the mapping that contains it.
            if column > self.column or (column == self.column and kind is Sequence and self.node.__class__ is Mapping):
                self.begin(kind(start), column)
                return
            self.add(_empty_value(self.key))
        while column < self.column or (column == self.column and kind is Mapping and self.node.__class__ is Sequence):
            self.column, self.node = self._above.pop()
        if column != self.column or self.node.__class__ is not kind:
            raise NotPlain

    def begin(self, node: Mapping | Sequence, column: int) -> None:
        """Add a collection and make it the innermost one."""
        self.add(node)
        self._above.append((self.column, self.node))
        self.column, self.node = column, node

    def add(self, node: Node) -> None:
        """Add a node as the value of the key that has none yet, or as the next item."""
        key, parent = self.key, self.node
        if key:
            parent.entries.append((key, node))
            parent.by_key[key.value] = node
            self.key = None
        else:
            parent.items.append(node)

    def finished(self) -> Node:
        """Return the root."""
        if self.node is self._whole:
            raise NotPlain
        if self.key:
            self.add(_empty_value(self.key))
        return self._whole.entries[0][1]


def _empty_value(key: Scalar) -> Scalar:
    """Return the empty value of a key, positioned after the colon."""
    at = key.end + len(key.style) + 1
    return Scalar("", at, at, "")


def _quoted(text: str, start: int) -> Scalar:
    return Scalar(text[1:-1], start + 1, start + len(text) - 1, text[0])


def _value(rest: str, start: int) -> Node:
    """Return the value that the rest of a line contains."""
    if quoted := _QUOTED.match(rest):
        return _quoted(quoted[1], start)
    if listed := _LIST.match(rest):
        sequence = Sequence(start)
        for item in _ITEMS.finditer(listed[1]):
            word, at = item[0], start + item.start()
            sequence.items.append(_quoted(word, at) if word[0] in _QUOTES else Scalar(word, at, at + len(word), ""))
        return sequence
    if _NO_ENTRIES.match(rest):
        return Mapping(start)
    if _WORD.match(rest):
        word = rest.partition(" #")[0].rstrip(" ")
        if ": " not in word and word[-1] != ":":
            return Scalar(word, start, start + len(word), "")
    raise NotPlain


def _literal(text: str, start: int, at: int, level: int, base: int) -> tuple[Scalar, int]:
    """Return the literal block with its header at `start` and its content from `at`, and the offset after it."""
    header, first = _LITERAL.match(text[start:at].removesuffix("\n")), _FIRST.match(text, at)
    if header is None or first is None:
        raise NotPlain
    indent = len(first["indent"])
    if indent <= level or any(len(blank) > indent for blank in first["blank"].split("\n")):
        raise NotPlain
    content = _content(indent).match(text, at)
    assert content is not None
    lines = "\n".join([line[indent:] for line in content[0].split("\n")])
    value = lines.rstrip("\n")
    if not header[1] and content[0].endswith("\n"):
        value += "\n"
    return Scalar(value, base + start, base + content.end(), "|"), content.end()


@cache
def _content(indent: int) -> re.Pattern[str]:
    """Return the pattern of a block's lines: those indented as far as the first, and blank ones."""
    return re.compile(rf"(?:[ ]{{{indent}}}{_TABBED}*+\n|[ ]{{0,{indent - 1}}}\n)*+(?:[ ]{{{indent}}}{_TABBED}++\Z)?")
