"""Drone pipelines: the images of steps and services. Imports the YAML trees.

The format is that of https://docs.drone.io/pipeline/docker/syntax/ (engine/resource/pipeline.go in drone-runners/drone-runner-docker) and, without
`kind`, that of Drone 0.8, whose steps are under `pipeline`. Pipelines that run on a machine (`type: exec`, `ssh`) have no images. What plugins
build and push is in their `settings`. Pipelines in Jsonnet and Starlark are not read.
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

WITHOUT_IMAGES = ("exec", "ssh")
"""Types of pipelines whose steps run on a machine."""


def claims(source: Source) -> bool:
    """Return whether the file is `.drone.yml`, or named after Drone and a pipeline."""
    return claims_pipeline(source, "drone", _is_pipeline)


def _is_pipeline(root: Node) -> bool:
    return isinstance(root, Mapping) and (
        root.text("kind") == "pipeline" or ("kind" not in root and "pipeline" in root and has_containers(root))
    )


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of all steps and services."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    # Imported here because few files are pipelines.
    from imglint.readers._containers import container_images

    if isinstance(root, Mapping) and _is_pipeline(root) and root.text("type") not in WITHOUT_IMAGES:
        yield from container_images(source, root)
