"""Expressions of GitHub Actions, `${{ matrix.image || 'node:22' }}`, as far as a file gives their values. Imports the YAML trees.

The language is that of the documentation ("Evaluate expressions in workflows and actions"). The values of functions, and of contexts that are filled in
when a workflow runs, are unknown. So an expression may have several values: `${{ inputs.debug && 'node:20' || 'node:22' }}` has two.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from itertools import product

from imglint.records import record
from imglint.traced import Traced, joined, opaque, unknown
from imglint.yaml.facts import traced_text
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Span
    from imglint.readers._alternatives import Steps
    from imglint.source import Source
    from imglint.yaml.nodes import Node

    Lookup = Callable[[str, str], list[Node | None]]
    """Returns the possible values of a key, in lower case, of a context: None for an unknown one; an empty list if there is no such key."""

DEPTH_MAX = 50
"""Levels of nesting in an expression; GitHub's limit. The value of a deeper one is unknown."""

_EXPRESSION = r"\$\{\{((?:[^'}]|'[^']*'|\}(?!\}))*+)\}\}"
_TOKEN = re.compile(
    r"""\s*(?: (?P<string>'(?:[^']|'')*+') | (?P<number>[-+]?(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?))
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*) | (?P<mark>\|\||&&|[=!<>]=|[!<>().,*]|\[|\]) )\s*""",
    re.VERBOSE,
)
_NUMBER = r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+)"
_COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="))
"""The operators with two operands, those that bind least first."""

STRING, NUMBER, BOOLEAN, NULL, FALSY, UNKNOWN = range(6)
"""The kinds of values. Of a FALSY one, it is only known that it counts as false."""


@record
class Value:
    """A value of an expression: its kind and its text."""

    kind: int
    text: Traced = Traced(())

    @property
    def truth(self) -> bool | None:
        """Whether the value counts as true; None if that is unknown."""
        if self.kind == UNKNOWN or self.text.unknown_at >= 0:
            return None
        return self.text.text not in (("",) if self.kind == STRING else ("", "0", "false"))


_UNKNOWN, _FALSY, _NULL = Value(UNKNOWN), Value(FALSY), Value(NULL)


@record
class _Operation:
    """An operation with its operands, or a constant or name with its text and its offset in the expression."""

    name: str
    operands: tuple[_Operation, ...] = ()
    text: str = ""
    start: int = 0


_UNKNOWN_OPERATION = _Operation("unknown")


class _InvalidExpression(Exception):
    """Raised for an expression with a syntax error, or one that exceeds DEPTH_MAX."""


def has_expressions(text: str) -> bool:
    """Return whether a text may contain expressions."""
    return "${{" in text


def is_expression(text: str) -> bool:
    """Return whether a text is a single expression."""
    return re.fullmatch(_EXPRESSION, text) is not None


def resolved(source: Source, text: Traced, lookup: Lookup, steps: Steps) -> list[Traced]:
    """Return the texts that a text stands for, one for each combination of the values of its expressions. A value that is not known is unknown.

    Raises OverLimit.
    """
    string, at, count = text.text, 0, 1
    parts: list[list[Traced]] = []
    for match in _expressions(string):
        steps.take(len(match[0]))
        values = _texts(source, text, match.span(), lookup, steps)
        count *= len(values)
        steps.take(count * (len(parts) + max([len(value.text) for value in values])))
        parts += [[text.cut(at, match.start())], values]
        at = match.end()
    parts.append([text.cut(at, len(string))])
    return [joined(list(each)) for each in product(*parts)]


def _expressions(text: str) -> Iterator[re.Match[str]]:
    """Yield the expressions of a text, up to one that is not closed."""
    pattern, at = re.compile(_EXPRESSION), 0
    while (start := text.find("${{", at)) >= 0 and (match := pattern.match(text, start)):
        yield match
        at = match.end()


def _texts(source: Source, text: Traced, span: Span, lookup: Lookup, steps: Steps) -> list[Traced]:
    """Return the known values of the expression at a span of a text; if there are none, an unknown one."""
    start, end = span
    frame, here = text.cut(start, end).pieces[0].frames[0][0], text.span(start, end)
    within = text.cut(start + 3, end - 2)
    values = _Evaluation(source, within, lookup, steps).values(_parsed(within.text))
    known = [
        opaque(value.text.text, frame, *here) if value.kind == BOOLEAN else value.text.used_at(frame, *here)
        for value in values
        if value.kind not in (UNKNOWN, FALSY)
    ]
    return list(dict.fromkeys(known)) or [unknown(frame, *here)]


@lru_cache(maxsize=64)
def _parsed(text: str) -> _Operation:
    """Return the outermost operation of an expression; an unknown one if it is invalid."""
    try:
        return _Parser(text).expression()
    except _InvalidExpression:
        return _UNKNOWN_OPERATION


class _Parser:
    """Parses one expression."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        self.at = end = 0
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise _InvalidExpression
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind], match.start(kind)))
            end = match.end()
        self.tokens.append(("end", "", end))

    def expression(self) -> _Operation:
        """Return the outermost operation. Raises _InvalidExpression."""
        operation = self._operation(0)
        if self.tokens[self.at][0] != "end":
            raise _InvalidExpression
        return operation

    def _next(self) -> tuple[str, str, int]:
        """Return kind, text and offset of the next token, and go past it unless it is the end."""
        token = self.tokens[self.at]
        self.at += token[0] != "end"
        return token

    def _accepts(self, *marks: str) -> str:
        """Return the next mark and go past it if it is one of these; otherwise return an empty string."""
        kind, text, _ = self.tokens[self.at]
        return self._next()[1] if kind == "mark" and text in marks else ""

    def _operation(self, depth: int, level: int = 0) -> _Operation:
        if level == len(_LEVELS):
            return self._operand(depth)
        # A chain is one operation, so that a long one is not a deep one. Chains of comparisons have no use.
        operands, name = [self._operation(depth, level + 1)], ""
        while mark := self._accepts(*_LEVELS[level]):
            if name and level > 1:
                raise _InvalidExpression
            name = mark
            operands.append(self._operation(depth, level + 1))
        return _Operation(name, tuple(operands)) if name else operands[0]

    def _operand(self, depth: int) -> _Operation:
        if depth > DEPTH_MAX:
            raise _InvalidExpression
        if self._accepts("!"):
            return _Operation("!", (self._operand(depth + 1),))
        if self._accepts("("):
            return self._until(")", depth)
        kind, text, start = self._next()
        if kind == "name":
            return self._named(text.lower(), depth)
        if kind not in ("string", "number"):
            raise _InvalidExpression
        return _Operation(kind, (), text, start)

    def _until(self, mark: str, depth: int) -> _Operation:
        operation = self._operation(depth + 1)
        if not self._accepts(mark):
            raise _InvalidExpression
        return operation

    def _named(self, name: str, depth: int) -> _Operation:
        """Return a constant, or what is looked up in a context. The values of functions are unknown."""
        if name in ("true", "false", "null"):
            return _Operation("constant", (), name)
        if self._accepts("("):
            if not self._accepts(")"):
                while True:
                    self._operation(depth + 1)
                    if not self._accepts(","):
                        break
                if not self._accepts(")"):
                    raise _InvalidExpression
            name = ""
        keys: list[_Operation] = []
        while mark := self._accepts(".", "["):
            if mark == "[":
                keys.append(self._until("]", depth))
            else:
                kind, key, _ = self._next()
                keys.append(_Operation("key", (), key) if kind == "name" else _UNKNOWN_OPERATION)
        return _Operation("context", tuple(keys), name)


class _Evaluation:
    """Evaluates one expression, which `text` is, without its braces."""

    def __init__(self, source: Source, text: Traced, lookup: Lookup, steps: Steps) -> None:
        self.source, self.text, self.lookup, self.steps = source, text, lookup, steps

    def values(self, operation: _Operation) -> list[Value]:
        """Return the values that an operation may have."""
        name = operation.name
        if name in ("||", "&&"):
            return self._chain(operation)
        if name in _COMPARE:
            return [self._comparison(operation)]
        if name == "!":
            truths = {value.truth for value in self.values(operation.operands[0])}
            return [_boolean(not truths.pop()) if len(truths) == 1 and None not in truths else _UNKNOWN]
        if name == "context":
            return self._looked_up(operation)
        if name == "constant":
            return [_NULL if operation.text == "null" else _boolean(operation.text == "true")]
        return [self._written(operation)]

    def _chain(self, operation: _Operation) -> list[Value]:
        """Return what `||` or `&&` returns: the first operand that counts as true, or false; otherwise the last one."""
        decisive = operation.name == "||"
        found: list[Value] = []
        *others, last = operation.operands
        for operand in others:
            values = self.values(operand)
            found += [value for value in values if value.truth is decisive]
            # An unknown value is returned, or the next operand decides.
            found += [_UNKNOWN if decisive else _FALSY for value in values if value.truth is None]
            if all(value.truth is decisive for value in values):
                return found
        return found + self.values(last)

    def _comparison(self, operation: _Operation) -> Value:
        left, right = (self.values(operand) for operand in operation.operands)
        if (
            len(left) > 1
            or len(right) > 1
            or any(each[0].kind in (UNKNOWN, FALSY) or each[0].truth is None for each in (left, right))
        ):
            return _UNKNOWN
        compare = _COMPARE[operation.name]
        if left[0].kind == right[0].kind == STRING:
            # GitHub ignores the case of strings.
            return _boolean(compare(left[0].text.text.lower(), right[0].text.text.lower()))
        return _boolean(compare(_number(left[0]), _number(right[0])))

    def _written(self, operation: _Operation) -> Value:
        """Return the value of a constant that is written in the expression."""
        text, start = operation.text, operation.start
        if operation.name == "number":
            return Value(NUMBER, _as(self.text.cut(start, start + len(text)), _canonical(text)))
        if operation.name != "string":
            return _UNKNOWN
        content = self.text.cut(start + 1, start + len(text) - 1)
        return Value(STRING, _as(content, content.text.replace("''", "'")))

    def _looked_up(self, operation: _Operation) -> list[Value]:
        """Return the values of what is looked up in a context: `matrix.image`, `matrix['image']`, `matrix.config.image`."""
        keys = [self._key(key) for key in operation.operands]
        if not keys or None in keys:
            return [_UNKNOWN]
        nodes = self.lookup(operation.text, keys[0] or "")
        for key in keys[1:]:
            nodes = [self._below(node, key or "") if node is not None else None for node in nodes]
        return [self._value(node) for node in nodes] or [_NULL]

    def _key(self, operation: _Operation) -> str | None:
        """Return a key in lower case, because GitHub ignores the case; None if it is unknown."""
        if operation.name == "key":
            return operation.text.lower()
        values = self.values(operation)
        is_known = len(values) == 1 and values[0].kind in (STRING, NUMBER) and values[0].text.unknown_at < 0
        return values[0].text.text.lower() if is_known else None

    def _below(self, node: Node, key: str) -> Node | None:
        """Return what a node has under a key, a null if it has no such key; None if that is unknown."""
        if isinstance(node, Mapping):
            self.steps.take(len(node.by_key))
            return next((value for name, value in node.items() if name.lower() == key), _NULL_NODE)
        if isinstance(node, Sequence):
            return node.items[int(key)] if key.isdecimal() and len(key) < 9 and int(key) < len(node.items) else _NULL_NODE
        return None if has_expressions(node.value) else _NULL_NODE

    def _value(self, node: Node | None) -> Value:
        """Return the value that a node has in YAML 1.2. Expressions within it are resolved without a matrix, which they cannot refer to."""
        if not isinstance(node, Scalar):
            return _UNKNOWN
        text, _ = traced_text(self.source, node)
        if has_expressions(node.value):
            self.steps.take(len(node.value))
            return Value(STRING, resolved(self.source, text, _without_matrix(self.lookup), self.steps)[0])
        if node.style or node.tag:
            return Value(STRING, text)
        if node.is_null:
            return _NULL
        if node.value.lower() in ("true", "false"):
            return Value(BOOLEAN, _as(text, node.value.lower()))
        if re.fullmatch(_NUMBER, node.value):
            return Value(NUMBER, _as(text, _canonical(node.value)))
        return Value(STRING, text)


_NULL_NODE = Scalar("", 0, 0, "")


def _without_matrix(lookup: Lookup) -> Lookup:
    """Return a lookup that knows nothing of the matrix and of values that refer to others."""

    def look_up(context: str, key: str) -> list[Node | None]:
        nodes = lookup(context, key) if context != "matrix" else [None]
        return [None if isinstance(node, Scalar) and has_expressions(node.value) else node for node in nodes]

    return look_up


def _as(written: Traced, text: str) -> Traced:
    """Return a text at the place of what is written for it, which may differ."""
    if written.text == text:
        return written
    start, end = written.span(0, len(written.text))
    return opaque(text, start, start, end)


def _boolean(value: bool) -> Value:
    return Value(BOOLEAN, opaque(str(value).lower(), 0, 0, 0))


def _canonical(number: str) -> str:
    """Return a number as GitHub converts it to text: `3.10` is `3.1`."""
    value = _float(number)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"


def _float(number: str) -> float:
    """Return the value of a number; NaN if the text is not one."""
    if not re.fullmatch(_NUMBER, number):
        return float("nan")
    sign, digits = (-1, number[1:]) if number.startswith("-") else (1, number.removeprefix("+"))
    if digits[:2] in ("0x", "0o"):
        # Longer ones are beyond all floating-point numbers.
        return sign * float(int(digits[2:258], 16 if digits[1] == "x" else 8))
    return sign * float(digits)


def _number(value: Value) -> float:
    """Return what a value is compared as if the other one is not of the same kind."""
    text = value.text.text.strip()
    if value.kind == BOOLEAN:
        return float(text == "true")
    return _float(text) if text else 0.0
