"""HCL with exact positions: what files of Bake need of the language. Imports traced texts.

The grammar is that of the HCL Syntax-Agnostic Information Model's native syntax (hashicorp/hcl, hclsyntax/spec.md): attributes and blocks; templates in
quotes and heredocs; names, lists and objects. Of other expressions, such as calls and operations, only their operands are kept.
"""

from __future__ import annotations

import re

from imglint.records import record, replace
from imglint.traced import Traced, joined, literal, opaque

DEPTH_MAX = 64
"""Levels of nesting: blocks, and expressions in expressions. A file that is nested more deeply is not read and is reported."""
NODES_MAX = 300_000
"""Attributes, blocks and expressions of a file. A file with more is not read and is reported."""
COLLECTING = frozenset(
    ("merge", "concat", "flatten", "distinct", "compact", "coalesce", "coalescelist", "setunion", "tolist", "toset", "try")
)
"""Functions with results that are made of their arguments."""


class InvalidHcl(Exception):
    """Text that is not valid HCL: the reason, and the offset. `is_limit` is True if it exceeds a limit of imglint."""

    def __init__(self, reason: str, offset: int, is_limit: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.offset, self.is_limit = reason, offset, is_limit


@record
class Template:
    """A string or heredoc: literal texts, and expressions between them. `start` and `end` enclose it without its quotes or markers."""

    parts: tuple[Traced | Expression, ...]
    start: int
    end: int


@record
class Name:
    """A variable, with the attributes that follow it: `a.b` is `("a", "b")`."""

    path: tuple[str, ...]
    start: int
    end: int


@record
class List:
    """A list. A `for` expression is a list of the one expression for each element."""

    items: tuple[Expression, ...]
    start: int
    end: int


@record
class Object:
    """A map. A key that is not written as text is empty."""

    entries: tuple[tuple[str, Expression], ...]
    start: int
    end: int


@record
class Choice:
    """An expression with the value of one or more of others: a conditional, or a call of one of the functions in COLLECTING."""

    options: tuple[Expression, ...]
    start: int
    end: int


@record
class Other:
    """Any other expression: a number or word (`text` is what is written), or one that has to be evaluated (`text` is empty)."""

    text: str
    start: int
    end: int


Expression = Template | Name | List | Object | Choice | Other


@record
class Block:
    """A block, `KIND "LABEL" { ... }`, with its attributes by name; or the file itself, which has neither kind nor label."""

    kind: str
    labels: tuple[str, ...]
    attributes: dict[str, Expression]
    blocks: tuple[Block, ...]


_IDENTIFIER = r"[^\W\d][\w-]*+"
_BLANK = r"(?:[ \t\r]++|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_BLANK_LINES = r"(?:[ \t\r\n]++|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_LINE_COMMENT = r"(?:#|//)[^\n]*+"
_ADDRESSED = r"(?:#|//)[ \t]*imglint:"
_NUMBER = r"[0-9]++(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_OPERATOR = r"==|!=|<=|>=|&&|\|\||[-+*/%<>]"
_FUNCTION = rf"(?P<function>{_IDENTIFIER}(?:::{_IDENTIFIER})*)\("
_FOR = rf"for[ \t\r\n]+{_IDENTIFIER}"
_HEREDOC = rf"<<(?P<flush>-?)(?P<marker>{_IDENTIFIER})[ \t]*\r?\n"
_LITERAL = r"""(?:[^"\\$%\r\n]|\\[^\r\n]|\$\$\{|%%\{|[$%](?!\{))++"""
_LINE = r"(?:[^$%\n]|\$\$\{|%%\{|[$%](?!\{))++\n?|\n"
_ESCAPE = r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^uU])|\$\$\{|%%\{"
_ESCAPED_MARK = r"\$\$\{|%%\{"
_CHARACTERS = {"n": "\n", "r": "\r", "t": "\t"}


class Parser:
    """Reads a text in one pass. `comments` has the spans of the comments addressed to imglint that it has passed."""

    def __init__(self, text: str) -> None:
        self.comments: list[tuple[int, int]] = []
        self._text = text
        self._at = 0
        self._depth = 0
        self._nodes = 0
        self._brackets = 0

    def file(self) -> Block:
        """Return the whole text as a block. Raises InvalidHcl."""
        return self._body("", ())

    def _match(self, pattern: str) -> re.Match[str] | None:
        """Return the match of a pattern here, and go on after it."""
        match = re.compile(pattern).match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _skip(self, lines: bool = False) -> None:
        """Pass white space and comments, with `lines` or in brackets line breaks too."""
        lines = lines or self._brackets > 0
        while True:
            self._match(_BLANK_LINES if lines else _BLANK)
            comment = self._match(_LINE_COMMENT)
            if comment is None:
                return
            if "imglint:" in comment[0] and re.match(_ADDRESSED, comment[0]):
                self.comments.append((comment.start(), comment.start() + len(comment[0].rstrip())))

    def _is_at(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        """Return whether a text is here, and go on after it if so."""
        found = self._is_at(text)
        if found:
            self._at += len(text)
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise InvalidHcl(f"expected `{text}`", self._at)

    def _enter(self) -> None:
        self._nodes += 1
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InvalidHcl(f"nested deeper than {DEPTH_MAX} levels; not read", self._at, is_limit=True)
        if self._nodes > NODES_MAX:
            raise InvalidHcl(f"more than {NODES_MAX} values in this file; not read", self._at, is_limit=True)

    def _body(self, kind: str, labels: tuple[str, ...]) -> Block:
        """Read the attributes and blocks up to the end of a block, or of the text for the file itself."""
        self._enter()
        attributes: dict[str, Expression] = {}
        blocks: list[Block] = []
        while True:
            self._skip(lines=True)
            at = self._at
            if (at == len(self._text)) if not kind else self._take("}"):
                break
            name = self._match(_IDENTIFIER)
            if name is None:
                raise InvalidHcl("expected an attribute or a block", at)
            self._skip()
            if self._take("="):
                attributes[name[0]] = self._expression()
                self._skip()
                if not (self._at == len(self._text) or self._is_at("\n") or self._is_at("}")):
                    raise InvalidHcl("expected a line break after the value", self._at)
            else:
                blocks.append(self._block(name[0]))
        self._depth -= 1
        return Block(kind, labels, attributes, tuple(blocks))

    def _block(self, kind: str) -> Block:
        labels: list[str] = []
        while not self._take("{"):
            at = self._at
            label = self._match(_IDENTIFIER)
            if label is not None:
                labels.append(label[0])
            elif self._take('"'):
                labels.append("".join([part.text for part in self._template(at).parts if isinstance(part, Traced)]))
            else:
                raise InvalidHcl("expected `=`, a label or `{`", at)
            self._skip()
        return self._body(kind, tuple(labels))

    def _expression(self) -> Expression:
        self._enter()
        self._skip()
        start = self._at
        value = self._operand()
        self._skip()
        while self._match(_OPERATOR):
            self._skip(lines=True)
            self._operand()
            value = Other("", start, self._at)
            self._skip()
        if self._take("?"):
            first = self._option()
            self._expect(":")
            value = Choice((first, self._option()), start, self._at)
        self._depth -= 1
        return value

    def _option(self) -> Expression:
        self._skip(lines=True)
        value = self._expression()
        self._skip(lines=True) if self._brackets else self._skip()
        return value

    def _operand(self) -> Expression:
        """Read a value with what follows it: attributes, indexes and splats."""
        start = self._at
        if self._match(r"[!-]+"):
            self._skip()
            self._operand()
            return Other("", start, self._at)
        value = self._value()
        while True:
            attribute = self._match(rf"\.(?P<name>{_IDENTIFIER}|[0-9]+)")
            if attribute:
                path = (*value.path, attribute["name"]) if isinstance(value, Name) else ()
            elif self._match(r"\.\*|\[\*\]"):
                path = ()
            elif self._is_at("["):
                index = self._bracketed("[", "]")
                text = _literal_text(index)
                path = (*value.path, text) if isinstance(value, Name) and text else ()
            else:
                return value
            value = Name(path, start, self._at) if path else Other("", start, self._at)

    def _value(self) -> Expression:
        start = self._at
        if self._take('"'):
            return self._template(start)
        if self._is_at("<<"):
            return self._heredoc()
        if self._is_at("("):
            return self._bracketed("(", ")")
        if self._is_at("["):
            return self._tuple()
        if self._is_at("{"):
            return self._object()
        call = self._match(_FUNCTION)
        if call:
            return self._call(call["function"], start)
        word = self._match(_IDENTIFIER)
        if word and word[0] not in ("true", "false", "null"):
            return Name((word[0],), start, self._at)
        word = word or self._match(_NUMBER)
        if word is None:
            raise InvalidHcl("expected a value", start)
        return Other(word[0], start, self._at)

    def _bracketed(self, opening: str, closing: str) -> Expression:
        self._expect(opening)
        self._brackets += 1
        value = self._expression()
        self._skip()
        self._brackets -= 1
        self._expect(closing)
        return value

    def _items(self, closing: str) -> tuple[Expression, ...]:
        """Read expressions between commas up to a closing bracket."""
        items: list[Expression] = []
        self._brackets += 1
        self._skip()
        while not self._is_at(closing):
            items.append(self._expression())
            self._skip()
            self._take("...")
            self._skip()
            if not self._take(","):
                break
            self._skip()
        self._brackets -= 1
        self._expect(closing)
        return tuple(items)

    def _call(self, function: str, start: int) -> Expression:
        arguments = self._items(")")
        return Choice(arguments, start, self._at) if function in COLLECTING else Other("", start, self._at)

    def _tuple(self) -> Expression:
        start = self._at
        self._expect("[")
        if not self._is_for():
            items = self._items("]")
            return List(items, start, self._at)
        self._for_head()
        item = self._expression()
        self._for_tail("]")
        return List((item,), start, self._at)

    def _object(self) -> Expression:
        start = self._at
        self._expect("{")
        if self._is_for():
            self._for_head()
            self._expression()
            self._skip()
            self._expect("=>")
            value = self._expression()
            self._for_tail("}")
            return Object((("", value),), start, self._at)
        entries: list[tuple[str, Expression]] = []
        self._brackets += 1
        self._skip()
        while not self._is_at("}"):
            key = self._expression()
            self._skip()
            if not (self._take("=") or self._take(":")):
                raise InvalidHcl("expected `=` after the key", self._at)
            self._brackets, outside = 0, self._brackets
            value = self._expression()
            self._skip()
            self._brackets = outside
            entries.append((key.path[0] if isinstance(key, Name) and len(key.path) == 1 else _literal_text(key), value))
            at = self._at
            self._skip()
            # A line break or a comma ends an entry.
            if not self._take(",") and "\n" not in self._text[at : self._at] and not self._is_at("}"):
                raise InvalidHcl("expected `,` or a line break after the value", self._at)
            self._skip()
        self._brackets -= 1
        self._expect("}")
        return Object(tuple(entries), start, self._at)

    def _is_for(self) -> bool:
        before = self._at
        self._brackets += 1
        self._skip()
        self._brackets -= 1
        found = re.compile(_FOR).match(self._text, self._at) is not None
        if not found:
            self._at = before
        return found

    def _for_head(self) -> None:
        """Read `for NAME, NAME in LIST :`."""
        self._brackets += 1
        self._match("for")
        self._skip()
        self._match(_IDENTIFIER)
        self._skip()
        if self._take(","):
            self._skip()
            self._match(_IDENTIFIER)
            self._skip()
        self._expect("in")
        self._expression()
        self._skip()
        self._expect(":")

    def _for_tail(self, closing: str) -> None:
        """Read `... if CONDITION` up to the end of a `for` expression."""
        self._skip()
        self._take("...")
        self._skip()
        if self._match(r"if\b"):
            self._expression()
            self._skip()
        self._brackets -= 1
        self._expect(closing)

    def _template(self, start: int) -> Template:
        """Read a string after its opening quote."""
        first = self._at
        parts: list[Traced | Expression] = []
        while True:
            chunk = self._match(_LITERAL)
            if chunk:
                parts.append(_unescaped(chunk[0], chunk.start(), first, _ESCAPE))
            elif self._is_at('"'):
                break
            elif self._is_at("${") or self._is_at("%{"):
                parts.append(self._inserted())
            else:
                raise InvalidHcl("string without a closing quote", start)
        self._at += 1
        return Template(tuple(parts), first, self._at - 1)

    def _inserted(self) -> Expression:
        """Read `${...}`, or a directive `%{...}`, the value of which is unknown."""
        start = self._at
        is_directive = self._is_at("%")
        self._at += 2
        self._take("~")
        outside, self._brackets = self._brackets, 1
        self._skip()
        value: Expression = Other("", start, start)
        if is_directive:
            word = self._match(_IDENTIFIER)
            if word and word[0] == "if":
                self._expression()
            elif word and word[0] == "for":
                self._at = word.start()
                self._directive_for()
        else:
            value = self._expression()
        self._skip()
        self._take("~")
        self._brackets = outside
        self._expect("}")
        return replace(value, start=start, end=self._at) if isinstance(value, (Name, Other)) else Other("", start, self._at)

    def _directive_for(self) -> None:
        self._match(rf"for\s+{_IDENTIFIER}\s*(?:,\s*{_IDENTIFIER}\s*)?")
        self._expect("in")
        self._expression()

    def _heredoc(self) -> Template:
        """Read a heredoc: the lines after `<<MARKER` up to the one that is the marker. `<<-MARKER` removes the indentation that all lines have."""
        start = self._at
        opening = self._match(_HEREDOC)
        if opening is None:
            raise InvalidHcl("expected a marker and a line break after `<<`", start)
        first = self._at
        closing = re.compile(rf"^[ \t]*{re.escape(opening['marker'])}[ \t]*(?=\r?$)", re.MULTILINE).search(self._text, first)
        if closing is None:
            raise InvalidHcl(f"heredoc without a closing `{opening['marker']}`", start)
        end = closing.start()
        indent = _common_indent(self._text[first:end]) if opening["flush"] else 0
        parts: list[Traced | Expression] = []
        while self._at < end:
            if indent and self._text[self._at - 1] == "\n":
                self._match(rf"[ \t]{{0,{indent}}}")
            line = re.compile(_LINE).match(self._text, self._at, end)
            if line:
                self._at = line.end()
                parts.append(_unescaped(line[0], line.start(), first, _ESCAPED_MARK))
            else:
                parts.append(self._inserted())
        if self._at > end:
            raise InvalidHcl(f"expression goes beyond the heredoc `{opening['marker']}`", start)
        self._at = closing.end()
        return Template(tuple(parts), first, end)


def _literal_text(expression: Expression) -> str:
    """Return the text of an expression that is a string without expressions in it, or a number; empty for others."""
    if isinstance(expression, Other):
        return expression.text
    if isinstance(expression, Template) and all(isinstance(part, Traced) for part in expression.parts):
        return "".join([part.text for part in expression.parts if isinstance(part, Traced)])
    return ""


def _common_indent(text: str) -> int:
    return min([len(line) - len(line.lstrip(" \t")) for line in text.splitlines() if line.strip()], default=0)


def _unescaped(written: str, start: int, frame: int, escapes: str) -> Traced:
    """Return a literal text with the characters that its escapes stand for, each part with its position."""
    if "\\" not in written and "{" not in written:
        return literal(written, start, frame)
    parts, at = [], 0
    for escape in re.finditer(escapes, written):
        parts.append(literal(written[at : escape.start()], start + at, frame))
        parts.append(opaque(_character(escape[0]), frame, start + escape.start(), start + escape.end()))
        at = escape.end()
    return joined([*parts, literal(written[at:], start + at, frame)])


def _character(escape: str) -> str:
    if escape[0] in "$%":
        return escape[1:]
    if escape[1] in "uU":
        code = int(escape[2:], 16)
        return "\ufffd" if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
    return _CHARACTERS.get(escape[1], escape[1])
