"""YAML documents as trees with exact positions, for readers and the policy loader. Imports ruamel.yaml only if a document is not plain.

Values are not converted: `tag: 1.20` stays `1.20`. Most documents are plain YAML (see `plain.py`) and need no parser. For the others, the tree is built
from the events of libyaml. libyaml rejects some documents that YAML 1.2 allows (`{image: nginx:1.25}`); these are parsed again by ruamel's Python
parser, which decides. Neither parser limits nesting, so both are stopped at DEPTH_MAX.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from itertools import zip_longest

from imglint.records import record
from imglint.traced import Traced, joined, literal, opaque
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, walk
from imglint.yaml.plain import NotPlain, read_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

DEPTH_MAX = 200
"""Levels of nesting; a document nested more deeply is a syntax error."""
EVENTS_MAX = 600_000
"""Events of all documents of a file, about one per node; a document that exceeds it is a syntax error."""
PURE_SIZE_MAX = 32 * 1024
"""Characters of a file that the slower, exact Python parser is given; beyond it, libyaml's error is final."""

SHORT = 16 * 1024
"""Characters up to which checking a document line by line is as fast as libyaml, which would have to be imported."""
SAFE_DEPTH = DEPTH_MAX // 3
"""Nested brackets, unbalanced brackets, and half the columns of indentation up to which a document cannot be too deep."""
_DEEP = (" " * 2 * SAFE_DEPTH, "- - - ", "? ? ", "\t- ")
"""Signs of a document that may be too deep: wide indentation, several levels on one line."""
_STAR = re.compile(r"\*[^\s*,\[\]{}]")
_BEFORE_VALUE = "-?:,[{\n"
"""Characters that can precede a value, and so an alias."""
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DOCUMENT = re.compile(r"\n(---|\.\.\.)(?=[ \t\r\n]|\Z)")
"""A document marker. One at the very start of a file separates nothing."""
_CR_DOCUMENT = r"[\r\n](---|\.\.\.)(?=[ \t\r\n]|\Z)"
"""The same in a file with carriage returns."""
_BETWEEN = re.compile(r"(?:\s++|(?<![^\r\n])[#%][^\r\n]*+)*+")
"""Comments and directives, which belong to the document after them."""
_OBJECT = r"\s*\{\s*[\"}]"
_NEXT_OBJECT = re.compile(rf"\}}[ \t]*\r?\n(?={_OBJECT})")
"""The end of a JSON object that another one follows: two documents to kubectl, and otherwise not valid YAML."""
_PROPERTIES = re.compile(r"(?:[!&][^ \t\r\n]*(?:[ \t\r\n]+(?:#[^\n]*)?)*)*")
_BEFORE_CONTENT = ("!", "&")
"""The first characters of tags and anchors; no scalar begins with them."""
_LIBYAML_BREAKS = re.compile("[\x85\u2028\u2029]")
BINARY = "tag:yaml.org,2002:binary"
_VERSION = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\r?\n)*%YAML[^\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))(#[ \t]*imglint:[^\r\n]*)", re.MULTILINE)


BLOCK_STYLES = ("|", ">")
BEFORE_TEXT = 4096
"""Characters before the text of a block scalar that are searched for it: the header and blank lines."""
_LINE_END = re.compile("[\r\n\x85\u2028\u2029]")
_WORD = re.compile(r"\S+")

_MARKS = r"(?:\s++|\ufeff|(?:---|#[^\r\n]*+)[ \t]*+(?=[\r\n]))*+"
"""What may precede a byte order mark that starts a document."""


class InvalidYaml(Exception):
    """A document that is not valid YAML: the reason, and the offset in the file.

    `is_limit` is True if it may be valid, but exceeds a limit or means different things to different parsers.
    """

    def __init__(self, reason: str, offset: int, is_limit: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.offset, self.is_limit = reason, offset, is_limit


class Budget:
    """What is left for the documents of one file: events, and characters for the Python parser.

    `first_only` is whether a second document in a text is ignored; otherwise it is an error.
    """

    __slots__ = ("events", "first_only", "pure")

    def __init__(self, first_only: bool = False) -> None:
        self.events, self.pure, self.first_only = EVENTS_MAX, PURE_SIZE_MAX, first_only


@record
class Document:
    """One document of a file: its root (None if it is empty or broken), the error if it is broken, and its span in the file."""

    root: Node | None
    broken: InvalidYaml | None
    start: int
    end: int


def documents(text: str, wanted: Callable[[str], bool] | None = None) -> Iterator[Document]:
    """Yield the documents of a file. A broken one does not keep the others from being read.

    `wanted` is called with the text of each document; one that it rejects is yielded only if it is broken, and no tree is built for it.
    """
    budget = Budget()
    for start, end in split(text):
        chunk = text[start:end]
        try:
            if wanted is None or wanted(chunk):
                yield Document(parse_document(chunk, start, budget), None, start, end)
            else:
                check_document(chunk, start, budget)
        except InvalidYaml as error:
            # Its traceback would keep the parser alive.
            error.__traceback__ = error.__context__ = None
            yield Document(None, error, start, end)
            if not budget.events:
                return


def split(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the documents. A line beginning with `---` is always a document marker (YAML 1.2.2, section 9.1.2)."""
    if "\ufeff" not in text:
        yield from _split(text)
        return
    for start, end in _split(text):
        # Tools that split a file at its markers accept a byte order mark at the start of each document.
        match = re.compile(_MARKS).match(text, start, end)
        mark = text.rfind("\ufeff", start, match.end() if match else start)
        yield (start if mark < 0 else mark + 1), end


def _split(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in (re.compile(_CR_DOCUMENT) if "\r" in text else _DOCUMENT).finditer(text):
        before = _BETWEEN.match(text, start)
        if before is None or before.end() < match.start(1):
            cut = match.start(1) if match[1] == "---" else match.end()
            yield from _objects(text, start, cut)
            start = cut
    yield from _objects(text, start, len(text))


def _objects(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the span of each JSON object in a document that begins as JSON, or the span of the document."""
    if text.startswith("{", start) and re.compile(_OBJECT).match(text, start):
        for match in _NEXT_OBJECT.finditer(text, start, end):
            yield start, match.end()
            start = match.end()
    yield start, end


def parse_document(text: str, base: int = 0, budget: Budget | None = None) -> Node | None:
    """Return the root of a text's only document, None if it is empty. `base` is added to all offsets.

    Raises InvalidYaml, also if the document exceeds a limit.
    """
    budget = budget or Budget(first_only=True)
    # No line of plain YAML has more than three nodes, except for the items of a list.
    nodes = 3 * text.count("\n") + text.count(",") + 3
    if nodes <= budget.events:
        try:
            root = read_plain(text, base)
        except NotPlain:
            pass
        else:
            budget.events -= nodes
            return root
    return parse_events(text, base, budget)


def parse_events(text: str, base: int = 0, budget: Budget | None = None) -> Node | None:
    """Return the same as `parse_document`, always using a parser.

    Raises InvalidYaml.
    """
    budget = budget or Budget(first_only=True)
    if "%YAML" in text:
        # libyaml accepts no version but 1.1, although it reads documents mostly as version 1.2 does.
        text = _VERSION.sub(lambda match: " " * len(match[0]), text, count=1)
    if "\\u" in text:
        # JSON writes characters beyond U+FFFF as two surrogates, which libyaml rejects; no image reference contains any.
        text = _SURROGATE.sub(r"\\u0020", text)
    parser = _c_parser()
    if parser is None:
        return _with_pure_parser(text, base, budget)
    has_breaks, within = _has_libyaml_breaks(text), len(text) <= budget.pure
    if within and has_breaks:
        return _with_both_parsers(parser, text, base, budget)
    try:
        return _compose(_open_parser(parser, text), text, base, budget)
    except _Refused as error:
        if not within:
            _check_start(text, error.offset, base, budget)
            raise InvalidYaml(error.reason, base + error.offset, is_limit=True) from None
    return _with_pure_parser(text, base, budget)


def _check_start(text: str, offset: int, base: int, budget: Budget) -> None:
    """Raise InvalidYaml if the exact parser rejects a document that is too long for it where libyaml does, whatever follows that line."""
    end = text.find("\n", offset) + 1
    if 0 < end <= budget.pure:
        try:
            _with_pure_parser(text[:end], base, budget)
        except InvalidYaml as error:
            if error.is_limit or error.offset <= base + offset:
                raise


def _with_pure_parser(text: str, base: int, budget: Budget) -> Node | None:
    """Return the root of a document. The budget is charged with what the parser has read."""
    try:
        root = _compose(_pure_parser(text), text, base, budget)
    except _Refused as error:
        budget.pure -= error.offset
        raise InvalidYaml(error.reason, base + error.offset) from None
    budget.pure -= len(text)
    return root


def _with_both_parsers(parser: Callable[[str], Any], text: str, base: int, budget: Budget) -> Node | None:
    """Return the root of a document with line breaks of YAML 1.1, if YAML 1.2 reads it alike. The parsers of engines follow either of them."""
    try:
        other = _compose(_open_parser(parser, text), text, base, budget)
    except _Refused:
        return _with_pure_parser(text, base, budget)
    try:
        root = _compose(_pure_parser(text), text, base, budget)
    except _Refused:
        pass
    else:
        budget.pure -= len(text)
        if _outline(root) == _outline(other):
            return root
    match = _LIBYAML_BREAKS.search(text)
    assert match is not None
    reason = f"character U+{ord(match[0]):04X} ends a line in YAML 1.1 but not in YAML 1.2; remove it"
    raise InvalidYaml(reason, base + match.start(), is_limit=True)


def _outline(root: Node | None) -> list[object]:
    """Return the nodes of a tree without positions, and without white space, which the two versions of YAML fold differently."""
    outline: list[object] = []
    for node in walk(root):
        if isinstance(node, Scalar):
            outline.append("".join(node.value.split()))
        else:
            outline.append((node.__class__, len(node.entries) if isinstance(node, Mapping) else len(node.items)))
    return outline


def check_document(text: str, base: int = 0, budget: Budget | None = None) -> None:
    """Raise InvalidYaml if `parse_document` would. Long documents take a tenth of its time, because libyaml reads them without building a tree."""
    if len(text) <= SHORT:
        try:
            read_plain(text)
        except NotPlain:
            pass
        else:
            return
    parser = _c_parser()
    # Searching for a single character first is ten times as fast.
    if (
        parser is None
        or any(sign[0] in text and sign in text for sign in _DEEP)
        or _has_libyaml_breaks(text)
        or _may_have_aliases(text)
        or not _is_shallow(text)
    ):
        parse_document(text, base, budget)
        return
    try:
        parser(text).raw_parse()
    except Exception:
        parse_document(text, base, budget)


def _has_libyaml_breaks(text: str) -> bool:
    """Return whether libyaml would end lines where YAML 1.2 does not: it follows YAML 1.1 here."""
    return not text.isascii() and ("\x85" in text or "\u2028" in text or "\u2029" in text)


def has_odd_breaks(text: str) -> bool:
    """Return whether a text has characters other than line feeds that end lines in YAML, or byte order marks."""
    if "\r" in text and re.search(r"\r(?!\n)", text):
        return True
    return _has_libyaml_breaks(text) or "\ufeff" in text


def _may_have_aliases(text: str) -> bool:
    if "*" not in text:
        return False
    for match in _STAR.finditer(text):
        at = match.start() - 1
        while at >= 0 and text[at] in " \t":
            at -= 1
        if at < 0 or text[at] in _BEFORE_VALUE:
            return True
    return False


def _is_shallow(text: str) -> bool:
    brackets = text.encode(errors="replace").translate(None, _NO_BRACKETS)
    for _ in range(SAFE_DEPTH):
        outer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(outer) == len(brackets):
            return len(brackets) < SAFE_DEPTH
        brackets = outer
    return False


class _Refused(Exception):
    def __init__(self, reason: str, offset: int) -> None:
        self.reason, self.offset = reason, offset


@cache
def _c_parser() -> Callable[[str], Any] | None:
    try:
        from _ruamel_yaml import CParser
    except ImportError:
        return None
    return CParser  # type: ignore[no-any-return]


def _open_parser(parser: Callable[[str], Any], text: str) -> Any:
    try:
        return parser(text)
    except Exception as error:
        raise _refused(error) from None


def _pure_parser(text: str) -> Any:
    from ruamel.yaml import YAML

    try:
        _, parser = YAML(typ="safe", pure=True).get_constructor_parser(text)
    except Exception as error:
        raise _refused(error) from None
    return parser


def _refused(error: Exception) -> _Refused:
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return _Refused(" ".join(filter(None, (error.context, error.problem))), mark.index if mark else 0)
    if isinstance(error, ReaderError):
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return _Refused(f"character U+{code:04X} is not allowed in YAML", error.position)
    # The Python parser has bugs of its own; a document that it crashes on is not read.
    return _Refused(f"the parser failed with {type(error).__name__}: {error}", 0)


def _compose(parser: Any, text: str, base: int, budget: Budget) -> Node | None:
    """Build the tree from a parser's events, without recursion, so that deep nesting cannot exhaust Python's stack."""
    from ruamel.yaml.events import (
        AliasEvent,
        MappingEndEvent,
        MappingStartEvent,
        ScalarEvent,
        SequenceEndEvent,
        SequenceStartEvent,
        StreamEndEvent,
    )

    tree, get_event = _TreeBuilder(budget.first_only), parser.get_event
    add, close = tree.add, tree.close
    # Reading YAML spends its time in this loop; a generator of events would make it a tenth slower.
    for left in range(budget.events, 0, -1):
        try:
            event = get_event()
        except Exception as error:
            raise _refused(error) from None
        kind = event.__class__
        if kind is ScalarEvent:
            add(_scalar(event, text, base), event.anchor)
        elif kind is MappingStartEvent:
            tree.open(Mapping(base + event.start_mark.index), event.anchor)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            close(base + event.end_mark.index)
        elif kind is SequenceStartEvent:
            tree.open(Sequence(base + event.start_mark.index), event.anchor)
        elif kind is AliasEvent:
            if event.anchor not in tree.anchors:
                raise _Refused(f"alias *{event.anchor} has no anchor before it", event.start_mark.index)
            add(tree.anchors[event.anchor], None)
        elif kind is StreamEndEvent:
            budget.events = left - 1
            return tree.root
    budget.events = 0
    raise InvalidYaml(f"more than {EVENTS_MAX} nodes in this file; the rest was not read", base, is_limit=True)


class _TreeBuilder:
    """Builds a tree from events: the open collections, innermost last, and for each the key that has no value yet."""

    __slots__ = ("anchors", "first_only", "keys", "opened", "root")

    def __init__(self, first_only: bool) -> None:
        self.first_only = first_only
        self.root: Node | None = None
        self.anchors: dict[str, Node] = {}
        self.opened: list[Mapping | Sequence] = []
        self.keys: list[Node | None] = []

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.opened:
            if self.root is not None and not self.first_only:
                raise InvalidYaml("this document begins on the line of another", node.start, is_limit=True)
            self.root = self.root or node
            return
        parent = self.opened[-1]
        if parent.__class__ is Sequence:
            parent.items.append(node)
            return
        key = self.keys[-1]
        if key is None:
            self.keys[-1] = node
        else:
            parent.add(key, node)  # type: ignore[union-attr]
            self.keys[-1] = None

    def open(self, node: Mapping | Sequence, anchor: str | None) -> None:
        self.add(node, anchor)
        self.opened.append(node)
        self.keys.append(None)
        if len(self.opened) > DEPTH_MAX:
            raise InvalidYaml(f"nested deeper than {DEPTH_MAX} levels", node.start, is_limit=True)

    def close(self, end: int) -> None:
        self.opened.pop()
        self.keys.pop()


def _scalar(event: Any, text: str, base: int) -> Scalar:
    start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
    tag = None
    if text[start : start + 1] in _BEFORE_CONTENT:
        match = _PROPERTIES.match(text, start, end)
        start, tag = match.end() if match else start, event.tag
    if style in ("'", '"'):
        start, end = start + 1, end - 1
    value = event.value if tag != BINARY else _decoded(event.value)
    return Scalar(value, base + start, base + end, style, tag)


def _decoded(value: str) -> str:
    """Return the text of a binary value, which YAML parsers for Kubernetes turn into a string; the value itself if it is none."""
    from base64 import b64decode

    try:
        return b64decode(value).decode()
    except ValueError:
        return value


def traced(scalar: Scalar, text: str) -> Traced:
    """Return the value of a scalar with the position of each character, or only of the whole if escapes or folding make the two differ."""
    start, end = scalar.start, scalar.end
    if text[start:end] == scalar.value:
        return literal(scalar.value, start)
    parts = _traced_lines(scalar, text) if scalar.style == "|" else _traced_words(scalar, text)
    return parts or opaque(scalar.value, start, text_start(scalar, text), start + len(text[start:end].rstrip()))


def text_start(scalar: Scalar, text: str) -> int:
    """Return the offset of the text of a scalar: after the header of a block scalar, unless only blanks follow within BEFORE_TEXT characters."""
    if scalar.style not in BLOCK_STYLES:
        return scalar.start
    end = min(scalar.end, scalar.start + BEFORE_TEXT)
    header = _LINE_END.search(text, scalar.start, end)
    content = _WORD.search(text, header.end(), end) if header else None
    return content.start() if content else scalar.start


def _traced_lines(scalar: Scalar, text: str) -> Traced | None:
    """Return the text of a literal block scalar, each line with its position; None if its lines differ from those of the file."""
    at = text.find("\n", scalar.start, scalar.end) + 1
    if not at:
        return None
    parts = []
    for line in scalar.value.splitlines(keepends=True):
        end = text.find("\n", at)
        end = scalar.end if end < 0 else end
        content = line.rstrip("\n")
        line_text = text[at:end].removesuffix("\r")
        if not line_text.endswith(content):
            return None
        start = at + len(line_text) - len(content)
        parts.append(literal(content, start, scalar.start))
        if line != content:
            parts.append(opaque("\n", scalar.start, start + len(content), end + 1))
        at = end + 1
    return joined(parts)


def _traced_words(scalar: Scalar, text: str) -> Traced | None:
    """Return the text of a scalar, each word with its position; None if its words differ from those of the file.

    Folding changes only the white space between words.
    """
    value = scalar.value
    at = written_to = text_start(scalar, text)
    parts, read_to = [], 0
    for word, written in zip_longest(_WORD.finditer(value), _WORD.finditer(text, at, scalar.end)):
        if word is None or written is None or word[0] != written[0]:
            return None
        if word.start() > read_to:
            parts.append(opaque(value[read_to : word.start()], scalar.start, written_to, written.start()))
        parts.append(literal(word[0], written.start(), scalar.start))
        read_to, written_to = word.end(), written.end()
    if read_to < len(value):
        parts.append(opaque(value[read_to:], scalar.start, written_to, scalar.end))
    return joined(parts)


def comments(text: str, roots: list[Node]) -> Iterator[tuple[int, int]]:
    """Yield the span of each comment addressed to imglint, up to the end of its line, outside the scalars of these trees."""
    if "imglint:" not in text:
        return
    found = [(match.start(1), match.end(1)) for match in _COMMENT.finditer(text)]
    scalars = [
        (_after_header(node, text), node.end)
        for root in roots
        for node in walk(root)
        if isinstance(node, Scalar) and node.end > node.start
    ]
    scalars.sort()
    starts = [start for start, _ in scalars]
    for start, end in found:
        at = bisect_right(starts, start) - 1
        if at < 0 or scalars[at][1] <= start:
            yield start, end


def _after_header(scalar: Scalar, text: str) -> int:
    """Return the offset from which a scalar contains no comments: for a block scalar, the end of its header, which may have one."""
    header = _LINE_END.search(text, scalar.start, scalar.end) if scalar.style in BLOCK_STYLES else None
    return header.start() if header else scalar.start
