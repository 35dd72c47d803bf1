"""Variables as compose files write them, and the `.env` files that give them values. Imports traced texts.

The syntax is that of the Compose Specification ("Interpolation") and of its reference implementation: `$V`, `${V}`, `${V:-default}`, `${V-default}`,
`${V:?message}`, `${V?message}`, `${V:+value}`, `${V+value}`, nested, and `$$` for a dollar sign.
"""

from __future__ import annotations

import re
from functools import cache

from imglint.traced import Piece, Traced, joined, literal, opaque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Values = dict[str, str | None]
"""What variables stand for; None for one that has a value which cannot be told."""

TEXT_MAX = 4096
"""Characters of a text before and after its variables are resolved; no image reference is nearly as long."""
DEPTH_MAX = 20
"""Levels of defaults within defaults."""

_NAME = "[A-Za-z_][A-Za-z0-9_]*"


class UnresolvedVariable(Exception):
    """A text that cannot be resolved; the exception's text says why, and what would help."""


class InvalidVariable(Exception):
    """A text with a `${` that Compose refuses; from `start` to `end` in it."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__("this is no variable of Compose: write ${NAME}, ${NAME:-default}, or $$ for a dollar sign")
        self.start, self.end = start, end


def interpolate(written: Traced, values: Mapping[str, str | None], depth: int = 0) -> Traced:
    """Return a text with its variables resolved. A default stands at its own place, a value from elsewhere at the expression.

    Raises InvalidVariable, and UnresolvedVariable where a variable has no value, and where text or nesting exceed TEXT_MAX and DEPTH_MAX.
    """
    text = written.text
    if "$" not in text:
        return written
    if len(text) > TEXT_MAX or depth > DEPTH_MAX:
        raise UnresolvedVariable("this is too long, or nested too deep, to be an image reference")
    parts, at, length = [], 0, 0
    for match, end in _expressions(text):
        if end < 0:
            raise InvalidVariable(match.start(), len(text))
        parts.append(written.cut(at, match.start()))
        if match["dollar"]:
            parts.append(written.cut(match.start() + 1, end))
        else:
            parts.append(_value(written, match, end, values, depth))
            length += len(parts[-1].text)
        if length > TEXT_MAX:
            raise UnresolvedVariable("this becomes too long to be an image reference")
        at = end
    parts.append(written.cut(at, len(text)))
    return joined(parts)


def replacements(text: str, values: Mapping[str, str | None]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and value of each expression in a text of any length; those that have no value are left out."""
    for match, end in _expressions(text):
        if end >= 0:
            try:
                yield match.start(), end, interpolate(literal(text[match.start() : end], 0), values).text
            except (UnresolvedVariable, InvalidVariable):
                continue


def _expressions(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yield the expressions of a text, outermost ones only, each with the offset after it, which is -1 where it does not end as one."""
    at = 0
    closed = _closed(text) if "${" in text else {}
    while match := _expression().search(text, at):
        end = _end(text, match, closed)
        yield match, end
        at = max(end, match.end())


@cache
def _expression() -> re.Pattern[str]:
    return re.compile(rf"\$(?:(?P<dollar>\$)|(?P<named>{_NAME})|\{{(?:(?P<braced>{_NAME})(?P<operator>:?[-+?])?)?)")


def _closed(text: str) -> dict[int, int]:
    """Return for each brace that is closed the offset after the one that closes it."""
    closed, opened = {}, []
    for brace in re.finditer("[{}]", text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            closed[opened.pop()] = brace.end()
    return closed


def _end(text: str, match: re.Match[str], closed: Mapping[int, int]) -> int:
    if match["dollar"] or match["named"]:
        return match.end()
    if not match["operator"]:
        return match.end() + 1 if match["braced"] and text.startswith("}", match.end()) else -1
    end = closed.get(match.start() + 1, -1)
    return end if end - match.end() <= TEXT_MAX else -1


def _value(written: Traced, match: re.Match[str], end: int, values: Mapping[str, str | None], depth: int) -> Traced:
    name, operator = match["named"] or match["braced"], match["operator"] or ""
    known = name in values
    value = values.get(name)
    if known and value is None:
        raise UnresolvedVariable(f"{name} has a value in .env that cannot be resolved: give it one in the policy's variables")
    frame, (start, stop) = written.pieces[0].frames[0][0], written.span(match.start(), end)
    present = known and (bool(value) or not operator.startswith(":"))
    if operator[-1:] == ("+" if present else "-"):
        default = _framed(written.cut(match.end(), end - 1))
        try:
            return interpolate(default, values, depth + 1).used_at(frame, start, stop)
        except InvalidVariable as error:
            raise InvalidVariable(match.end() + error.start, match.end() + error.end) from None
    if operator[-1:] == "+":
        return Traced(())
    if not present and (operator or not known):
        raise UnresolvedVariable(
            f"{name} has no value: give it a default here, ${{{name}:-...}}, or a value in .env or the policy's variables"
        )
    return opaque(value or "", frame, start, stop)


def _framed(text: Traced) -> Traced:
    """Return a default as a text of its own, inside the expression that holds it."""
    if not text.pieces:
        return text
    first = text.pieces[0].frames[0][1]
    return Traced(tuple([Piece(piece.text, ((first, *piece.frames[0][1:]),), piece.exact) for piece in text.pieces]))


def dotenv(text: str, values: Mapping[str, str | None]) -> Values:
    """Return the variables that a `.env` file gives, on top of `values`, which win over it. Lines that say nothing are passed over.

    The answer is kept for the next compose file, which most often stands in the same folder.
    """
    if not (_last and _last[0][0] == text and _last[0][1] is values):
        _last[:] = [(text, values, _dotenv(text, values))]
    return _last[0][2]


_last: list[tuple[str, Mapping[str, str | None], Values]] = []


def _dotenv(text: str, values: Mapping[str, str | None]) -> Values:
    found: Values = dict(values)
    for match in _assignment().finditer(text):
        key, single, double = match["key"], match["single"], match["double"]
        if key in values:
            continue
        if single is not None:
            found[key] = single.replace("\\'", "'")
        elif double is not None:
            found[key] = _expanded(_unescaped(double), found)
        else:
            found[key] = _expanded(match["plain"].partition(" #")[0].strip(), found)
    return found


@cache
def _assignment() -> re.Pattern[str]:
    return re.compile(
        r"""^[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z0-9_.\-]+)[ \t]*[=:][ \t]*
        (?: '(?P<single>(?:[^'\\]|\\.)*+)' | "(?P<double>(?:[^"\\]|\\.)*+)" | (?P<plain>[^\r\n]*) )""",
        re.MULTILINE | re.VERBOSE | re.DOTALL,
    )


def _unescaped(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        return {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}.get(match[1], match[1])

    return re.sub(r"\\(.)", meant, text, flags=re.DOTALL)


def _expanded(text: str, values: Values) -> str | None:
    try:
        return interpolate(literal(text, 0), values).text
    except (UnresolvedVariable, InvalidVariable):
        return None
