"""The steps and services of Drone and Woodpecker, whose files have the same form. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.printable import clipped
from imglint.readers._expressions import VARIABLE, pipeline_image, rows_by_name, rows_with, variable_of
from imglint.readers._pipelines import mappings, named_mappings, words
from imglint.yaml.nodes import Mapping, Scalar, Sequence, nonblank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse
    from imglint.readers._expressions import Row
    from imglint.source import Source
    from imglint.yaml.nodes import Node


PLACES = {
    "clone": ("step", "clone"),
    "pipeline": ("step", "step"),
    "steps": ("step", "step"),
    "services": ("job-service", "service"),
}
"""The keys of what runs in images, each with its kind of place and its name in words."""
COMBINATIONS = 27
"""The number of combinations at which both programs stop (`calc` in woodpecker-ci/woodpecker, pipeline/frontend/yaml/matrix/matrix.go)."""


def container_images(source: Source, root: Mapping) -> Iterator[ImageUse]:
    """Yield the images of steps and services, once for each row of the matrix that sets a variable in them."""
    matrix = root.mapping("matrix")
    rows = rows_by_name(_rows(matrix) if matrix is not None else ())
    for key, (place, word) in PLACES.items():
        for name, container in named_mappings(root.get(key)):
            image = container.scalar("image")
            if image is not None:
                names = {variable_of(match) for match in re.finditer(VARIABLE, image.value)}
                for row in rows_with(rows, names):
                    yield _image(source, image, place, words(word, clipped(name)), row)


def _image(source: Source, image: Scalar, place: str, where: str, row: Row) -> ImageUse:
    def lookup(match: re.Match[str]) -> Scalar | None:
        return row.get(variable_of(match))

    return pipeline_image(source, image, place=place, where=where, expressions=VARIABLE, lookup=lookup)


def _rows(matrix: Mapping) -> Iterator[Row]:
    """Yield the rows of a matrix: those under `include`, or else as many combinations of the other lists as both programs run."""
    included = list(mappings(matrix.get("include")))
    for row in included:
        yield {name: scalar for name, value in row.items() if (scalar := nonblank(value)) is not None}
    lists = {name: _scalars(values) for name, values in matrix.items()}
    named = [name for name in sorted(lists) if lists[name]] if not included else []
    count = 1 if named else 0
    for name in named:
        count = min(count * len(lists[name]), COMBINATIONS)
    for at in range(count):
        row_at, rest = {}, at
        for name in reversed(named):
            rest, index = divmod(rest, len(lists[name]))
            row_at[name] = lists[name][index]
        yield row_at


def _scalars(node: Node) -> list[Scalar]:
    return [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
