"""The values that a chart sets once for all of its images: registries, a namespace, a tag. Imports the YAML trees.

They may be in another file than the image, because Helm merges files: the `global` values of a chart replace those of its subcharts, and any other file
with values is merged into the chart's `values.yaml`.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

from imglint.readers._chart import CHART, chart_folder, is_values_file
from imglint.yaml.documents import documents
from imglint.yaml.nodes import Mapping, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source
    from imglint.yaml.nodes import Node

PARENTS_MAX = 4
"""Charts above a subchart, nearest first, that are searched for `global` values."""

GLOBAL = "global"
_VALUES = "values.yaml"
_NAMES = "global|imageRegistry|imageNamespace|defaultImage(?:Registry|Repository|Tag)"
_SHARED = re.compile(rf"""^(["']?)(?:{_NAMES})\1[ \t]*:.*\n?(?:(?:[ \t#].*)?\n)*+(?:[ \t#].*)?""", re.MULTILINE)


class ChartValues:
    """The values of a file and, once a value is needed that it does not set, of those that Helm merges with it."""

    def __init__(self, source: Source, root: Node) -> None:
        self._source, self._root = source, root
        self._found: dict[tuple[str, ...], Scalar | str | None] = {}
        self._others: tuple[list[Node], list[Node]] | None = None

    def scalar(self, *keys: str) -> Scalar | str | None:
        """Return the value under the keys if it is not blank: a scalar of this file, or the text of one in another file."""
        if keys not in self._found:
            self._found[keys] = self._scalar(keys)
        return self._found[keys]

    def _scalar(self, keys: tuple[str, ...]) -> Scalar | str | None:
        if self._others is None:
            self._others = list(_parents(self._source)), list(_defaults(self._source))
        parents, defaults = self._others
        above = _first_text(parents, keys) if keys[0] == GLOBAL else None
        return above or _scalar_at(self._root, keys) or _first_text(defaults, keys)


def _first_text(roots: list[Node], keys: tuple[str, ...]) -> str | None:
    return next((found.value.strip() for found in [_scalar_at(root, keys) for root in roots] if found), None)


def _scalar_at(root: Node, keys: tuple[str, ...]) -> Scalar | None:
    node: Node | None = root
    for key in keys[:-1]:
        node = node.mapping(key) if isinstance(node, Mapping) else None
    return node.scalar(keys[-1]) if isinstance(node, Mapping) else None


def _parents(source: Source) -> Iterator[Node]:
    """Yield the values of the charts that a file's chart is a subchart of, outermost first."""
    if source.name != _VALUES:
        return
    folder, path = os.path.dirname(os.path.abspath(source.path)), ""
    paths: list[str] = []
    while len(paths) < PARENTS_MAX and os.path.basename(os.path.dirname(folder)) == "charts":
        folder, path = os.path.dirname(os.path.dirname(folder)), f"{path}../../"
        if not os.path.isfile(os.path.join(folder, CHART)):
            break
        paths.append(path)
    for path in reversed(paths):
        yield from _shared_values(source.beside(path + _VALUES) or "")


def _defaults(source: Source) -> Iterator[Node]:
    """Yield the values of the chart that a file is merged into."""
    path = chart_folder(source) if is_values_file(source) else None
    if path is not None and path + _VALUES != source.name:
        yield from _shared_values(source.beside(path + _VALUES) or "")


@lru_cache(maxsize=8)
def _shared_values(text: str) -> list[Node]:
    """Return the values of a file, without those that only some of its images use: few lines, which are parsed again for each subchart."""
    lines = "".join([f"{match[0]}\n" for match in _SHARED.finditer(text)])
    return [document.root for document in documents(lines) if document.root is not None]
