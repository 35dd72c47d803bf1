"""Variables in compose files, and the `.env` files that set them. Imports traced texts.

The syntax is that of the Compose Specification ("Interpolation") and of its reference implementation: `$V`, `${V}`, `${V:-default}`, `${V-default}`,
`${V:?message}`, `${V?message}`, `${V:+value}`, `${V+value}`, nested, and `$$` for a dollar sign.
"""

from __future__ import annotations

import os
import re
from functools import cache

from imglint.repository import repository_root
from imglint.source import BESIDE_SIZE_MAX, UnreadFile, read_text
from imglint.traced import Piece, Traced, joined, literal, opaque, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imglint.source import Source

Variables = dict[str, str | None]
"""The values of variables by name; None for a value that cannot be resolved."""

TEXT_MAX = 4096
"""Characters of a text before and after its variables are resolved; no image reference is nearly as long."""
DEPTH_MAX = 20
"""Levels of defaults inside defaults."""

_NAME = "[A-Za-z_][A-Za-z0-9_]*"


class UnresolvedVariable(Exception):
    """A text that cannot be resolved. The text of the exception is the reason and the fix."""


class OverLimit(UnresolvedVariable):
    """A text that exceeds TEXT_MAX or DEPTH_MAX."""


class InvalidVariable(Exception):
    """A text with a `${` that Compose rejects, from `start` to `end`."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__("invalid Compose variable; write `${NAME}`, `${NAME:-default}`, or `$$` for a dollar sign")
        self.start, self.end = start, end


def interpolate(
    text: Traced, variables: Mapping[str, str | None], depth: int = 0, unresolved: list[UnresolvedVariable] | None = None
) -> Traced:
    """Return a text with its variables resolved. A default keeps its own position; any other value has that of the expression.

    Raises InvalidVariable; UnresolvedVariable if a variable has no value; OverLimit if the text exceeds TEXT_MAX or its nesting DEPTH_MAX. With a list
    `unresolved`, a variable without a value is unknown in the result instead, and the reason is added to the list.
    """
    string = text.text
    if "$" not in string:
        return text
    if len(string) > TEXT_MAX or depth > DEPTH_MAX:
        raise OverLimit("text is too long or too deeply nested for an image reference")
    parts, at, length = [], 0, 0
    for match, end in _expressions(string):
        if end < 0:
            raise InvalidVariable(match.start(), len(string))
        parts.append(text.cut(at, match.start()))
        if match["dollar"]:
            parts.append(text.cut(match.start() + 1, end))
        else:
            try:
                parts.append(_resolved(text, match, end, variables, depth, unresolved))
            except UnresolvedVariable as error:
                if unresolved is None or isinstance(error, OverLimit):
                    raise
                unresolved.append(error)
                parts.append(unknown(text.pieces[0].frames[0][0], *text.span(match.start(), end)))
            length += len(parts[-1].text)
        if length > TEXT_MAX:
            raise OverLimit("text is too long for an image reference once its variables are resolved")
        at = end
    parts.append(text.cut(at, len(string)))
    return joined(parts)


def replacements(text: str, variables: Mapping[str, str | None]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and value of each expression in a text of any length. Expressions without a value are skipped."""
    for match, end in _expressions(text):
        if end >= 0:
            try:
                yield match.start(), end, interpolate(literal(text[match.start() : end], 0), variables).text
            except (UnresolvedVariable, InvalidVariable):
                continue


def _expressions(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yield the outermost expressions of a text, each with the offset after it, or -1 if it is malformed."""
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
    """Return, by the offset of each opening brace that is closed, the offset after its closing brace."""
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


def _resolved(
    text: Traced,
    match: re.Match[str],
    end: int,
    variables: Mapping[str, str | None],
    depth: int,
    unresolved: list[UnresolvedVariable] | None,
) -> Traced:
    """Return the value of one expression of a text."""
    name, operator = match["named"] or match["braced"], match["operator"] or ""
    known = name in variables
    value = variables.get(name)
    if known and value is None:
        raise UnresolvedVariable(f"the value of {name} in .env cannot be resolved; set it in the policy's `variables`")
    frame, (start, stop) = text.pieces[0].frames[0][0], text.span(match.start(), end)
    present = known and (bool(value) or not operator.startswith(":"))
    if operator[-1:] == ("+" if present else "-"):
        default = _in_own_frame(text.cut(match.end(), end - 1))
        try:
            return interpolate(default, variables, depth + 1, unresolved).used_at(frame, start, stop)
        except InvalidVariable as error:
            raise InvalidVariable(match.end() + error.start, match.end() + error.end) from None
    if operator[-1:] == "+":
        return Traced(())
    if not present and (operator or not known):
        raise UnresolvedVariable(
            f"{name} has no value; write a default (`${{{name}:-...}}`) or set it in .env or in the policy's `variables`"
        )
    return opaque(value or "", frame, start, stop)


def _in_own_frame(text: Traced) -> Traced:
    """Return a default as a text of its own within the expression that contains it."""
    if not text.pieces:
        return text
    first = text.pieces[0].frames[0][1]
    return Traced(tuple([Piece(piece.text, ((first, *piece.frames[0][1:]),), piece.exact, piece.known) for piece in text.pieces]))


def read_beside(source: Source, name: str) -> tuple[str, str]:
    """Return the text of a file in the folder of a source, and why it cannot be read. A missing file and a folder are empty texts."""
    text = source.beside(name)
    if text is not None:
        return text, ""
    path = os.path.join(os.path.dirname(source.path), name)
    if os.path.isdir(path) or not os.path.lexists(path):
        return "", ""
    try:
        read_text(path)
    except UnreadFile as error:
        return "", error.reason
    return "", f"more than {BESIDE_SIZE_MAX} characters"


def is_inside_root(source: Source, path: str) -> bool:
    """Return whether a path relative to the folder of a source is in the same repository or, without one, in that folder."""
    folder = os.path.dirname(source.path)
    root = os.path.realpath(repository_root(folder) or folder)
    return os.path.realpath(os.path.join(folder, path)).startswith(os.path.join(root, ""))


def dotenv(text: str, variables: Mapping[str, str | None]) -> Variables:
    """Return `variables` and the other variables that a `.env` file sets. Lines that set nothing are ignored.

    The result is kept for the next compose file, which is usually in the same folder.
    """
    if not (_last and _last[0][0] == text and _last[0][1] is variables):
        _last[:] = [(text, variables, _read_dotenv(text, variables))]
    return _last[0][2]


_last: list[tuple[str, Mapping[str, str | None], Variables]] = []


def _read_dotenv(text: str, variables: Mapping[str, str | None]) -> Variables:
    found: Variables = dict(variables)
    for match in _assignment().finditer(text):
        key, single, double = match["key"], match["single"], match["double"]
        if key in variables:
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
    def character(match: re.Match[str]) -> str:
        return {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}.get(match[1], match[1])

    return re.sub(r"\\(.)", character, text, flags=re.DOTALL)


def _expanded(text: str, variables: Variables) -> str | None:
    try:
        return interpolate(literal(text, 0), variables).text
    except (UnresolvedVariable, InvalidVariable):
        return None
