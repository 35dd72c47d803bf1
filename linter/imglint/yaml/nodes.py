"""The nodes of a YAML document, and what can be asked of them. Imports nothing.

A document is a tree of Scalar, Mapping and Sequence nodes. `start`, and the `end` of a scalar, are offsets in the file's text. An alias is the very
node that its anchor names, so a walk must not enter a node twice (`walk` does not).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Scalar:
    """A text. `start` and `end` bound it without its quotes (with its header for a block scalar); `style` is '', "'", '"', '|' or '>'."""

    __slots__ = ("end", "start", "style", "tag", "value")

    def __init__(self, value: str, start: int, end: int, style: str, tag: str | None = None) -> None:
        self.value, self.start, self.end, self.style, self.tag = value, start, end, style, tag

    @property
    def is_null(self) -> bool:
        """Whether YAML reads this as no value."""
        return not self.style and self.value in NULLS


class Mapping:
    """A mapping: its entries in file order, a key that stands twice included, and its values by the text of their keys.

    Of a key that stands twice, the last value counts. Merge keys are not followed: see `merged`.
    """

    __slots__ = ("by_key", "entries", "start")

    def __init__(self, start: int) -> None:
        self.entries: list[tuple[Node, Node]] = []
        self.by_key: dict[str, Node] = {}
        self.start = start

    def add(self, key: Node, value: Node) -> None:
        """Add an entry."""
        self.entries.append((key, value))
        if isinstance(key, Scalar):
            self.by_key[key.value] = value

    def get(self, key: str) -> Node | None:
        """Return the value of a key, None where it has none."""
        return self.by_key.get(key)

    def scalar(self, key: str) -> Scalar | None:
        """Return the value of a key where it is a scalar that is not null."""
        value = self.by_key.get(key)
        return value if isinstance(value, Scalar) and not value.is_null else None

    def mapping(self, key: str) -> Mapping | None:
        """Return the value of a key where it is a mapping."""
        value = self.by_key.get(key)
        return value if isinstance(value, Mapping) else None

    def sequence(self, key: str) -> list[Node]:
        """Return the items of the sequence that is the value of a key; none where there is no sequence."""
        value = self.by_key.get(key)
        return value.items if isinstance(value, Sequence) else []


class Sequence:
    """A sequence of nodes."""

    __slots__ = ("items", "start")

    def __init__(self, start: int) -> None:
        self.items: list[Node] = []
        self.start = start


Node = Scalar | Mapping | Sequence


def merged(mapping: Mapping) -> dict[str, Node]:
    """Return the values of a mapping by key, with those that its merge keys (`<<`) bring in: its own win, then the first merged."""
    values: dict[str, Node] = {}
    waiting, seen = [mapping], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for key, value in current.by_key.items():
            if key != "<<":
                values.setdefault(key, value)
        source = current.get("<<")
        sources = source.items if isinstance(source, Sequence) else [source]
        waiting += [item for item in reversed(sources) if isinstance(item, Mapping)]
    return values


def walk(root: Node | None) -> Iterator[Node]:
    """Yield a node and all below it, keys included, each once, in file order."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, Mapping):
            waiting.extend([part for entry in reversed(node.entries) for part in reversed(entry)])
        elif isinstance(node, Sequence):
            waiting.extend(reversed(node.items))
