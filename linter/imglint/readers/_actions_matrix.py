"""The combinations of values of a matrix of GitHub Actions. Imports the YAML trees.

They are made as the documentation says ("Running variations of jobs in a workflow"): the product of all lists, without what `exclude` names; then each
entry of `include` is added to the combinations of which it changes no value from a list, or is a combination of its own if there are none.
"""

from __future__ import annotations

from itertools import product
from math import prod

from imglint.yaml.nodes import Mapping, Scalar, Sequence, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.readers._alternatives import Steps
    from imglint.yaml.nodes import Node

    Combination = dict[str, Node | None]
    """The values of a combination by their keys in lower case; None for an unknown value."""

_FILTERS = ("include", "exclude")


def is_open(matrix: Node | None) -> bool:
    """Return whether a matrix, or its `include`, is an expression, so that it may have other keys."""
    if not isinstance(matrix, Mapping):
        return matrix is not None
    include = matrix.get("include")
    return isinstance(include, Scalar) or (
        isinstance(include, Sequence) and any(isinstance(entry, Scalar) for entry in include.items)
    )


def combinations(matrix: Mapping, steps: Steps) -> Iterator[Combination]:
    """Yield the combinations of a matrix. Raises OverLimit."""
    lists = {key.lower(): _values(value) for key, value in matrix.items() if key not in _FILTERS}
    included, excluded = (_entries(matrix, name) for name in _FILTERS)
    count = prod(len(values) for values in lists.values()) if lists else 0
    steps.take((1 + count) * (1 + len(lists) + sum(len(entry) + 1 for entry in (*included, *excluded))))
    outlines = _Outlines(steps)
    unused = dict(enumerate(included))
    for values in product(*lists.values()) if lists else ():
        combination = dict(zip(lists, values, strict=True))
        if any(entry and outlines.agree(combination, entry) == len(entry) for entry in excluded):
            continue
        added: Combination = {}
        for at, entry in enumerate(included):
            if outlines.agree(combination, entry) == sum(key in combination for key in entry):
                added |= entry
                unused.pop(at, None)
        yield {**added, **combination}
    yield from unused.values()


def _values(node: Node) -> list[Node | None]:
    """Return the values in a list of a matrix: an unknown one if the list is an expression."""
    return [*node.items] if isinstance(node, Sequence) else [None]


def _entries(matrix: Mapping, name: str) -> list[Combination]:
    return [{key.lower(): value for key, value in entry.items()} for entry in matrix.sequence(name) if isinstance(entry, Mapping)]


class _Outlines:
    """What is equal for equal nodes."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._by_id: dict[int, int] = {}
        self._numbers: dict[tuple[object, ...], int] = {}

    def agree(self, combination: Combination, entry: Combination) -> int:
        """Return how many values of an entry are those of a combination. Unknown values are not equal to any."""
        return sum(self._is_equal(combination.get(key), value) for key, value in entry.items())

    def _is_equal(self, one: Node | None, other: Node | None) -> bool:
        return one is not None and other is not None and self._outline(one) == self._outline(other)

    def _outline(self, node: Node) -> str | int:
        if isinstance(node, Scalar):
            return node.value
        if id(node) not in self._by_id:
            nodes = list(walk(node))
            self._steps.take(len(nodes))
            outline = tuple([each.value if isinstance(each, Scalar) else (each.__class__, _size(each)) for each in nodes])
            # Comparing numbers takes the same time for all nodes.
            self._by_id[id(node)] = self._numbers.setdefault(outline, len(self._numbers))
        return self._by_id[id(node)]


def _size(node: Mapping | Sequence) -> int:
    return len(node.entries) if isinstance(node, Mapping) else len(node.items)
