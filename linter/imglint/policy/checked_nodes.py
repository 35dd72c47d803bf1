"""Checked reading of a policy file's YAML: each method returns a value, or notes what is wrong, where, and what was expected. Imports the YAML trees.

Nothing here knows what a key means. A mistake never stops the reading, so that all are told at once.
"""

from __future__ import annotations

import re

from imglint.errors import Mistake, PolicyError
from imglint.patterns.matcher import InvalidPattern
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
"""Values read from one file, each as often as aliases bring it in."""
MISTAKES_MAX = 100
"""Mistakes that are told of a policy; looking for what was meant takes time."""
NUMBER_MAX_DIGITS = 18
LISTED_MAX = 8
"""Known names that a message lists where none of them is close."""
TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_NUMBER = re.compile(
    r"[-+]?(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+|(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)"
)


class Nodes:
    """The nodes of one file, and the mistakes found in them so far."""

    def __init__(self, source: Source, mistakes: list[Mistake]) -> None:
        self.source, self.mistakes, self._count = source, mistakes, 0

    def mistake(self, node: Node, message: str) -> None:
        """Note a mistake at the beginning of a node."""
        self.mistake_at(node.start, message)

    def mistake_at(self, offset: int, message: str) -> None:
        """Note a mistake at an offset of the file."""
        place = self.source.location(offset, offset)
        if len(self.mistakes) >= MISTAKES_MAX:
            message = f"more than {MISTAKES_MAX} mistakes; those from here on are not told"
            raise PolicyError([*self.mistakes, Mistake(self.source.path, place.line, place.column, message)])
        self.mistakes.append(Mistake(self.source.path, place.line, place.column, message))

    def unexpected(self, node: Node, key: str, expected: str) -> None:
        """Note that a key's value is not what was expected."""
        self.mistake(node, f"{key}: expected {expected}, not {kind_of(node)}")

    def mapping(
        self, node: Node, key: str, known: Collection[str] | None = None, needed: Collection[str] = ()
    ) -> dict[str, Node]:
        """Return the values of a mapping by key: those of known keys only, where they are given. `needed` keys have to be there."""
        self._counted(node)
        if not isinstance(node, Mapping):
            self.unexpected(node, key, "a mapping")
            return {}
        values: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for name, value in node.entries:
            self._counted(name)
            if not isinstance(name, Scalar):
                self.unexpected(name, key, "a key that is text")
            elif name.value in lines:
                self.mistake(name, f"the key {name.value} stands here twice, first on line {lines[name.value]}")
            else:
                lines[name.value] = self.source.location(name.start, name.end).line
                if known is None or name.value in known:
                    values[name.value] = value
                else:
                    hint = did_you_mean(name.value, known) or f"; it has {', '.join(known)}"
                    self.mistake(name, f"{key} has no key {name.value}{hint}")
        for missing in needed:
            if missing not in lines:
                self.mistake(node, f"{key}: the key {missing} is missing")
        return values

    def items(self, node: Node, key: str, example: str = "", *, empty: bool = False) -> list[Node]:
        """Return the items of a list; an empty one is a mistake unless it is allowed."""
        self._counted(node)
        if not isinstance(node, Sequence):
            hint = f"; write [{node.value or example}]" if isinstance(node, Scalar) and not node.is_null else ""
            self.mistake(node, f"{key}: expected a list, not {kind_of(node)}{hint}")
            return []
        if not node.items and not empty:
            self.mistake(node, f"{key}: this list is empty; leave the key out")
        return node.items

    def text(self, node: Node, key: str, *, literal: bool = False) -> str | None:
        """Return a text that is not empty. With `literal`, a number or a truth value counts as the text that stands there."""
        self._counted(node)
        if isinstance(node, Scalar) and not node.is_null and (literal or plain_type(node) == "text"):
            if node.value or literal:
                return node.value
            self.mistake(node, f"{key}: this text is empty")
            return None
        quotes = " (put it in quotes)" if isinstance(node, Scalar) and not node.is_null else ""
        self.unexpected(node, key, f"a text{quotes}")
        return None

    def choice(self, node: Node, key: str, known: Collection[str], what: str = "") -> str | None:
        """Return a text that is one of the known ones. `what` names their sort, where they are not words of the policy's language."""
        if not what and not (isinstance(node, Scalar) and plain_type(node) == "text"):
            self._counted(node)
            self.unexpected(node, key, _either(known))
            return None
        value = self.text(node, key)
        if value is None or value in known:
            return value
        wrong = f"there is no {what} {value}" if what else f"expected {_either(known)}, not {value}"
        there_is = "there is only" if len(known) == 1 else "there are"
        listed = f"; {there_is} {', '.join(known)}" if what and len(known) <= LISTED_MAX else ""
        self.mistake(node, f"{key}: {wrong}{did_you_mean(value, known) or listed}")
        return None

    def choices(self, node: Node, key: str, known: Collection[str], what: str) -> tuple[str, ...]:
        """Return a list of texts, each one of the known ones."""
        found = [self.choice(item, key, known, what) for item in self.items(node, key)]
        return tuple([one for one in found if one is not None])

    def flag(self, node: Node, key: str) -> bool | None:
        """Return true or false."""
        self._counted(node)
        if isinstance(node, Scalar) and plain_type(node) == "bool":
            return node.value in TRUE
        self.unexpected(node, key, "true or false")
        return None

    def number(self, node: Node, key: str) -> int | None:
        """Return a whole number that is not negative and has no leading zeros."""
        self._counted(node)
        value = node.value if isinstance(node, Scalar) and plain_type(node) == "number" else ""
        if value.isdigit() and len(value) <= NUMBER_MAX_DIGITS and (value == "0" or not value.startswith("0")):
            return int(value)
        found = f"{value}" if value else kind_of(node)
        self.mistake(node, f"{key}: expected a whole number without sign or leading zeros, not {found}")
        return None

    def pattern(self, node: Node, key: str, make: Callable[[str, str], T], *, literal: bool = False) -> T | None:
        """Return what `make` makes of a text and its place, `path:line`; it raises InvalidPattern where it cannot."""
        value = self.text(node, key, literal=literal)
        if value is None:
            return None
        try:
            return make(value, f"{self.source.path}:{self.source.location(node.start, node.start).line}")
        except InvalidPattern as error:
            as_written = isinstance(node, Scalar) and self.source.text[node.start : node.end] == value
            self.mistake_at(node.start + (error.start if as_written else 0), f"{key}: {error.reason}")
            return None

    def patterns(
        self, node: Node, key: str, make: Callable[[str, str], T], *, empty: bool = False, literal: bool = False
    ) -> tuple[T, ...]:
        """Return what `make` makes of each text of a list."""
        found = [self.pattern(item, key, make, literal=literal) for item in self.items(node, key, empty=empty)]
        return tuple([one for one in found if one is not None])

    def _counted(self, node: Node) -> None:
        self._count += 1
        if self._count > VALUES_MAX:
            self.mistake(node, f"this file has more than {VALUES_MAX} values, counting each as often as aliases name it")
            raise PolicyError(self.mistakes)


def plain_type(scalar: Scalar) -> str:
    """Return what YAML 1.2 reads a scalar as: `null`, `bool`, `number` or `text`."""
    if scalar.style or scalar.tag == "tag:yaml.org,2002:str":
        return "text"
    if scalar.is_null:
        return "null"
    if scalar.value in (*TRUE, *FALSE):
        return "bool"
    return "number" if _NUMBER.fullmatch(scalar.value) else "text"


def kind_of(node: Node) -> str:
    """Say for people what a node is."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    clipped = node.value if len(node.value) <= 40 else f"{node.value[:40]}..."
    words = {"null": "nothing", "bool": clipped, "number": f"the number {clipped}", "text": f"the text {clipped!r}"}
    return words[plain_type(node)]


def _either(words: Collection[str]) -> str:
    *front, last = words
    return f"{', '.join(front)} or {last}" if front else last
