"""Woodpecker workflows: the images of steps, services and clone steps. Imports the YAML trees.

The format is that of https://woodpecker-ci.org/docs/usage/workflow-syntax and of the JSON Schema in woodpecker-ci/woodpecker
(pipeline/frontend/yaml/linter/schema/schema.json). Steps and services are a mapping or a list, and before version 2, steps are under `pipeline`.
Variables have the values of `matrix`. With the backend `local`, an image is the name of a shell.
"""

from __future__ import annotations

from imglint.model import CI
from imglint.readers._pipelines import claims_pipeline, has_containers, read_pipeline
from imglint.yaml.nodes import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

FILES = ("*.yaml", "*.yml")
ENVIRONMENT = CI


def claims(source: Source) -> bool:
    """Return whether the file is `.woodpecker.yml` or in a folder `.woodpecker`."""
    return claims_pipeline(source, "woodpecker", has_containers)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of all steps, services and clone steps."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    # Imported here because few files are pipelines.
    from imglint.readers._containers import container_images

    if isinstance(root, Mapping):
        labels = root.mapping("labels")
        if labels is None or labels.text("backend") != "local":
            yield from container_images(source, root)
