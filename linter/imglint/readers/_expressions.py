"""Expressions in the names of images, and the values that the file gives them. Imports the YAML trees and traced texts."""

from __future__ import annotations

import re

from imglint.model import CI, image_use
from imglint.printable import clipped
from imglint.traced import joined, literal, opaque
from imglint.yaml.facts import TEXT_MAX, is_templated, traced_text
from imglint.yaml.templates import with_unknown, with_unknown_expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imglint.model import ImageUse
    from imglint.source import Source
    from imglint.traced import Traced
    from imglint.yaml.nodes import Scalar

    Row = dict[str, Scalar]
    """The values of variables in one of the jobs that a matrix makes of a job."""
    Lookup = Callable[[re.Match[str]], Scalar | None]
    """Returns the scalar that sets the value of an expression, or None."""

VARIABLE = r"\$\$?(?:\{(?P<braced>[A-Za-z_]\w*+)(?P<rest>[^{}]*+)\}|(?P<name>[A-Za-z_]\w*))"
"""A variable as a shell writes it. Two dollar signs leave it to a shell."""
_DEFAULT = r":?[-=]"


def with_values(text: Traced, expressions: str, value_of: Callable[[re.Match[str]], Traced | None]) -> Traced:
    """Return a text with the values of its expressions in their place, as far as they have one. The text is cut off at TEXT_MAX."""
    string, parts, at, length = text.text, [], 0, 0
    for match in re.finditer(expressions, string):
        value = value_of(match)
        if value is not None:
            start, end = match.span()
            frame = text.cut(start, end).pieces[0].frames[0][0]
            parts += [text.cut(at, start), value.used_at(frame, *text.span(start, end))]
            at, length = end, length + start - at + len(value.text)
            if length > TEXT_MAX:
                return joined(parts)
    return joined([*parts, text.cut(at, len(string))])


def variable_of(match: re.Match[str]) -> str:
    """Return the name of the variable that VARIABLE matches; empty if it is left to a shell or changed by an operator."""
    is_plain = not match["rest"] or re.match(_DEFAULT, match["rest"])
    return (match["braced"] or match["name"]) if is_plain and not match[0].startswith("$$") else ""


def rows_by_name(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of a matrix by the names of their variables."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        for name in row:
            by_name.setdefault(name, []).append(row)
    return by_name


def rows_with(by_name: dict[str, list[Row]], names: Iterable[str]) -> list[Row]:
    """Return the rows that set one of the variables, or an empty row if there is none."""
    return list({id(row): row for name in names for row in by_name.get(name, ())}.values()) or [{}]


def pipeline_image(
    source: Source, image: Scalar, *, place: str, where: str, expressions: str, lookup: Lookup, built: bool = False
) -> ImageUse:
    """Return the use of the image that a pipeline names. What neither `lookup` nor a default gives a value to is unknown.

    A value may contain expressions whose values contain none.
    """
    text, span = traced_text(source, image)
    whole = {"whole": text.span(0, len(text.text))} if text.pieces else {}
    known = text
    if re.search(expressions, text.text):
        known = with_unknown(_with_all_values(source, text, expressions, lookup), expressions)
    if is_templated(known.text):
        known = with_unknown_expressions(known)
    unresolved = f"{clipped(text.text)} is filled in outside this file"
    return image_use(source, known, span, place=place, where=where, role=CI, unresolved=unresolved, parts=whole, built=built)


def _with_all_values(source: Source, text: Traced, expressions: str, lookup: Lookup) -> Traced:
    def literal_value(match: re.Match[str]) -> Traced | None:
        value = lookup(match)
        return traced_text(source, value)[0] if value is not None else None

    def value_of(match: re.Match[str]) -> Traced | None:
        value = literal_value(match)
        if value is None:
            return _default(source, text, match)
        return with_values(value, expressions, literal_value)

    return with_values(text, expressions, value_of)


def _default(source: Source, text: Traced, match: re.Match[str]) -> Traced | None:
    """Return the default in an expression such as `${TAG:-1.25}`, with its own position."""
    rest = match.groupdict().get("rest") or ""
    operator = re.match(_DEFAULT, rest)
    if operator is None or not variable_of(match):
        return None
    start, end = text.span(match.start("rest") + operator.end(), match.end("rest"))
    default = rest[operator.end() :]
    return literal(default, start) if source.text[start:end] == default else opaque(default, start, start, end)
