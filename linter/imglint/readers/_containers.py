"""The steps and services of Drone and Woodpecker, whose files have the same form. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.printable import clipped
from imglint.readers._expressions import VARIABLE, pipeline_image, variable_of
from imglint.readers._pipelines import mappings, named_mappings, words
from imglint.yaml.nodes import Mapping, Sequence, nonblank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node, Scalar

    Values = dict[str, Scalar | None]

KEYS = {
    "clone": ("step", "clone"),
    "pipeline": ("step", "step"),
    "steps": ("step", "step"),
    "services": ("job-service", "service"),
}
"""The keys of what runs in images, each with its kind of place and its name in words."""


def has_containers(root: Node) -> bool:
    """Return whether a document has steps or services with images."""
    return isinstance(root, Mapping) and any("image" in one for key in KEYS for _, one in named_mappings(root.get(key)))


def container_images(source: Source, root: Mapping) -> Iterator[ImageUse]:
    """Yield the images of steps and services, once for each value that the matrix has for their variables."""
    matrix = root.mapping("matrix")
    for key, (place, word) in KEYS.items():
        for name, container in named_mappings(root.get(key)):
            image = container.scalar("image")
            if image is not None:
                where = words(word, clipped(name))
                for values in _rows(matrix, image.value):
                    yield _image(source, image, place, where, values)


def _image(source: Source, image: Scalar, place: str, where: str, values: Values) -> ImageUse:
    def lookup(match: re.Match[str]) -> Scalar | None:
        return values.get(variable_of(match))

    return pipeline_image(source, image, place=place, where=where, expressions=VARIABLE, lookup=lookup)


def _rows(matrix: Mapping | None, text: str) -> Iterator[Values]:
    """Yield values for the variables of a text, so that each value of the matrix is among them, or none if it has no value for them.

    Where several variables have lists of values, not every combination is among them.
    """
    names = {variable_of(match) for match in re.finditer(VARIABLE, text)} if matrix is not None else ()
    if matrix is None or not names:
        yield {}
        return
    included = [{name: row.scalar(name) for name in names} for row in mappings(matrix.get("include"))]
    lists = {name: values.items for name in names if isinstance(values := matrix.get(name), Sequence)}
    count = max(map(len, lists.values()), default=0)
    listed = [{name: nonblank(items[min(at, len(items) - 1)]) for name, items in lists.items() if items} for at in range(count)]
    yield from (row for row in (*included, *listed) if any(row.values()))
    if not any(any(row.values()) for row in (*included, *listed)):
        yield {}
