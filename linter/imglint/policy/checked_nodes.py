"""Checked access to the YAML nodes of a policy file. Imports the YAML trees; does not know the keys of a policy.

Each method returns a value, or reports an error and returns an empty value. Reading continues after an error, so that a run reports all of them.
"""

from __future__ import annotations

import re

from imglint.errors import Diagnostic, PolicyError
from imglint.patterns.matcher import InvalidPattern
from imglint.printable import listed
from imglint.spelling import did_you_mean
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import TypeVar

    from imglint.source import Source
    from imglint.yaml.nodes import Node

    T = TypeVar("T")

VALUES_MAX = 100_000
"""Values read from one file, aliases expanded."""
ERRORS_MAX = 100
"""Errors reported for one policy; the search for suggestions takes time."""

NUMBER_MAX_DIGITS = 18
LISTED_MAX = 8
"""Known names that a message lists if none is similar."""
SHOWN_LENGTH = 40
"""Characters of a value that a message about its type shows."""
TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_NUMBER = re.compile(
    r"[-+]?(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+|(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)"
)


class Nodes:
    """The nodes of one file. Errors are appended to `errors`, which the files of a policy share."""

    def __init__(self, source: Source, errors: list[Diagnostic]) -> None:
        self.source, self.errors, self._count = source, errors, 0

    def error(self, node: Node, key: str, message: str) -> None:
        """Report an error at the start of a node, as one of the value of `key` unless that is empty."""
        self.error_at(node.start, f"{key}: {message}" if key else message)

    def error_at(self, offset: int, message: str) -> None:
        """Report an error at an offset of the file. Raises PolicyError if there are ERRORS_MAX already."""
        location = self.source.location(offset, offset)
        if len(self.errors) >= ERRORS_MAX:
            message = f"more than {ERRORS_MAX} errors; the rest is not shown"
        self.errors.append(Diagnostic(self.source.path, location.line, location.column, message))
        if len(self.errors) > ERRORS_MAX:
            raise PolicyError(self.errors)

    def unexpected(self, node: Node, key: str, expected: str) -> None:
        """Report that the value of a key has the wrong type."""
        self.error(node, key, f"expected {expected}, found {kind_of(node)}")

    def mapping(
        self, node: Node, key: str, known: Collection[str] | None = None, required: Collection[str] = ()
    ) -> dict[str, Node]:
        """Return the values of a mapping by key, without unknown keys if `known` is given."""
        self._counted(node)
        if not isinstance(node, Mapping):
            self.unexpected(node, key, "a mapping")
            return {}
        values: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for name, value in node.entries:
            self._counted(name)
            if not isinstance(name, Scalar):
                self.unexpected(name, key, "a string as key")
            elif name.value in lines:
                self.error(name, key, f"duplicate key `{name.value}`; first set on line {lines[name.value]}")
            else:
                lines[name.value] = self.source.location(name.start, name.end).line
                if known is None or name.value in known:
                    values[name.value] = value
                else:
                    hint = did_you_mean(name.value, known) or _known_hint(known, "known keys are")
                    self.error(name, key, f"unknown key `{name.value}`{hint}")
        for missing in required:
            if missing not in lines:
                self.error(node, key, f"missing key `{missing}`")
        return values

    def items(self, node: Node, key: str, *, empty: bool = False) -> list[Node]:
        """Return the items of a list. An empty list is an error unless `empty` allows it."""
        self._counted(node)
        if not isinstance(node, Sequence):
            hint = f"; write `[{node.value}]`" if isinstance(node, Scalar) and not node.is_null else ""
            self.error(node, key, f"expected a list, found {kind_of(node)}{hint}")
            return []
        if not node.items and not empty:
            self.error(node, key, "list is empty; remove the key or add an item")
        return node.items

    def text(self, node: Node, key: str, *, literal: bool = False) -> str | None:
        """Return a string that is not empty. With `literal`, return a number or boolean as it is written, and allow an empty string."""
        self._counted(node)
        if isinstance(node, Scalar) and not node.is_null and (literal or plain_type(node) == "string"):
            if node.value or literal:
                return node.value
            self.error(node, key, "string is empty")
            return None
        hint = "; put it in quotes" if isinstance(node, Scalar) and not node.is_null else ""
        self.error(node, key, f"expected a string, found {kind_of(node)}{hint}")
        return None

    def choice(self, node: Node, key: str, known: Collection[str], noun: str = "") -> str | None:
        """Return one of the known strings. `noun` is the kind of thing that they name, such as "rule"; empty for keywords of the policy."""
        if not noun and not (isinstance(node, Scalar) and plain_type(node) == "string"):
            self._counted(node)
            self.unexpected(node, key, listed(known))
            return None
        value = self.text(node, key)
        if value is None or value in known:
            return value
        hint = did_you_mean(value, known)
        if noun:
            self.error(
                node, key, f"unknown {noun} `{value}`{hint or _known_hint(known, 'use one of' if len(known) > 1 else 'use')}"
            )
        else:
            self.error(node, key, f"expected {listed(known)}, found `{value}`{hint}")
        return None

    def choices(self, node: Node, key: str, known: Collection[str], noun: str) -> tuple[str, ...]:
        """Return a list of known strings."""
        found = [self.choice(item, key, known, noun) for item in self.items(node, key)]
        return tuple([name for name in found if name is not None])

    def flag(self, node: Node, key: str) -> bool | None:
        """Return true or false."""
        self._counted(node)
        if isinstance(node, Scalar) and plain_type(node) == "bool":
            return node.value in TRUE
        self.unexpected(node, key, "true or false")
        return None

    def number(self, node: Node, key: str) -> int | None:
        """Return an integer of at most NUMBER_MAX_DIGITS digits, without sign or leading zeros."""
        self._counted(node)
        value = node.value if isinstance(node, Scalar) and plain_type(node) == "number" else ""
        if value.isdigit() and len(value) <= NUMBER_MAX_DIGITS and (value == "0" or not value.startswith("0")):
            return int(value)
        self.unexpected(node, key, "a non-negative integer without leading zeros")
        return None

    def pattern(self, node: Node, key: str, make: Callable[[str, str], T], *, literal: bool = False) -> T | None:
        """Return the result of `make` for a string and its location, `path:line`. An InvalidPattern that it raises becomes an error."""
        value = self.text(node, key, literal=literal)
        if value is None:
            return None
        try:
            return make(value, f"{self.source.path}:{self.source.location(node.start, node.start).line}")
        except InvalidPattern as error:
            as_written = isinstance(node, Scalar) and self.source.text[node.start : node.end] == value
            self.error_at(node.start + (error.start if as_written else 0), f"{key}: {error.reason}")
            return None

    def patterns(
        self, node: Node, key: str, make: Callable[[str, str], T], *, empty: bool = False, literal: bool = False
    ) -> tuple[T, ...]:
        """Return the results of `make` for each string of a list."""
        found = [self.pattern(item, key, make, literal=literal) for item in self.items(node, key, empty=empty)]
        return tuple([pattern for pattern in found if pattern is not None])

    def _counted(self, node: Node) -> None:
        self._count += 1
        if self._count > VALUES_MAX:
            self.error(node, "", f"more than {VALUES_MAX} values, aliases expanded")
            raise PolicyError(self.errors)


def plain_type(scalar: Scalar) -> str:
    """Return the type of a scalar in the core schema of YAML 1.2: `null`, `bool`, `number` or `string`."""
    if scalar.style or scalar.tag == "tag:yaml.org,2002:str":
        return "string"
    if scalar.is_null:
        return "null"
    if scalar.value in (*TRUE, *FALSE):
        return "bool"
    return "number" if _NUMBER.fullmatch(scalar.value) else "string"


def kind_of(node: Node) -> str:
    """Return a description of a node for messages, such as "a list" or "number `1`"."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    clipped = node.value if len(node.value) <= SHOWN_LENGTH else f"{node.value[:SHOWN_LENGTH]}..."
    words = {"null": "null", "bool": f"`{clipped}`", "number": f"number `{clipped}`", "string": f"string `{clipped}`"}
    return words[plain_type(node)]


def _known_hint(known: Collection[str], words: str) -> str:
    return f"; {words} {', '.join(known)}" if len(known) <= LISTED_MAX else ""
