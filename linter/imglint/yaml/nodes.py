"""The nodes of a YAML document. Imports nothing.

A document is a tree of Scalar, Mapping and Sequence nodes. All positions are offsets into the text of the file. An alias is the very node that its
anchor names, so a tree may contain a node many times, or inside itself: `walk` visits each node once.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MERGED_MAX = 64
"""Mappings that merge keys bring together, the merging one included; lookups ignore the rest, and `read_documents` reports them."""
SOURCES_MAX = 2 * MERGED_MAX
"""Entries of one merge key, which may list a mapping twice."""

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
MERGE = "<<"


class Scalar:
    """A text value. `start` and `end` enclose it without its quotes; for a block scalar they enclose the header too.

    `style` is '' (plain), "'", '"', '|' or '>'. `tag` is the explicit tag, such as `!reset`. `value` is always a string: `1.20` stays `1.20`.
    """

    __slots__ = ("end", "start", "style", "tag", "value")

    def __init__(self, value: str, start: int, end: int, style: str, tag: str | None = None) -> None:
        self.value, self.start, self.end, self.style, self.tag = value, start, end, style, tag

    @property
    def is_null(self) -> bool:
        """Whether YAML reads this as null."""
        return not self.style and self.value in NULLS


class Mapping:
    """A mapping. Its methods follow merge keys (`<<`): a key of the mapping itself wins, then that of the first mapping merged.

    `entries` and `by_key` hold only what is written in the mapping itself: `entries` in file order, duplicate keys included, `by_key` the last
    value of each key that is a scalar.
    """

    __slots__ = ("_merged", "by_key", "entries", "start")
    _merged: list[Mapping]

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
        """Return the value of a key, or None."""
        value = self.by_key.get(key)
        if value is None and MERGE in self.by_key:
            for mapping in self._merged_mappings():
                if key in mapping.by_key:
                    return mapping.by_key[key]
        return value

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def scalar(self, key: str) -> Scalar | None:
        """Return the value of a key if it is a scalar that is neither null nor blank."""
        return nonblank(self.get(key))

    def text(self, key: str) -> str:
        """Return the text of such a scalar, or an empty string."""
        value = nonblank(self.get(key))
        return value.value if value else ""

    def mapping(self, key: str) -> Mapping | None:
        """Return the value of a key if it is a mapping."""
        value = self.get(key)
        return value if isinstance(value, Mapping) else None

    def sequence(self, key: str) -> list[Node]:
        """Return the items of the sequence under a key; an empty list if there is none."""
        value = self.get(key)
        return value.items if isinstance(value, Sequence) else []

    def items(self) -> Iterator[tuple[str, Node]]:
        """Yield each key with its value: the mapping's own, then those merged."""
        if MERGE not in self.by_key:
            yield from self.by_key.items()
            return
        seen = {MERGE}
        for mapping in (self, *self._merged_mappings()):
            for key, value in mapping.by_key.items():
                if key not in seen:
                    seen.add(key)
                    yield key, value

    def _merged_mappings(self) -> list[Mapping]:
        """Return the mappings that merge keys bring in. They are searched, not copied: copying would make hostile files quadratic."""
        try:
            return self._merged
        except AttributeError:
            # The list leaves out the mapping itself: a reference to itself would keep its tree alive.
            self._merged = merge_chain(self)[1:]
            return self._merged


class Sequence:
    """A sequence of nodes."""

    __slots__ = ("items", "start")

    def __init__(self, start: int) -> None:
        self.items: list[Node] = []
        self.start = start


Node = Scalar | Mapping | Sequence


def nonblank(node: Node | None) -> Scalar | None:
    """Return the node if it is a scalar that is neither null nor blank."""
    return node if isinstance(node, Scalar) and not node.is_null and node.value.strip() else None


def merge_chain(mapping: Mapping, limit: int = MERGED_MAX) -> list[Mapping]:
    """Return a mapping and those it merges, directly or indirectly, in order of precedence; at most `limit`."""
    chain: dict[int, Mapping] = {}
    waiting: list[Node | None] = [mapping]
    while waiting and len(chain) < limit:
        current = waiting.pop()
        if isinstance(current, Mapping) and id(current) not in chain:
            chain[id(current)] = current
            merge = current.by_key.get(MERGE)
            waiting += reversed(merge.items[:SOURCES_MAX]) if isinstance(merge, Sequence) else [merge]
    return list(chain.values())


def walk(root: Node | None) -> Iterator[Node]:
    """Yield a node and all nodes below it, keys included, each once, in file order."""
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
