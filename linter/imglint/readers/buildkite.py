"""Buildkite pipelines: the images that steps and their plugins run in. Imports the YAML trees.

The format is that of https://buildkite.com/docs/pipelines/configure/step-types/command-step (JSON Schema: buildkite/pipeline-schema, schema.json), of
the plugin `docker` (buildkite-plugins/docker-buildkite-plugin), and of the plugin `kubernetes`, which is part of
https://buildkite.com/docs/agent/self-hosted/agent-stack-k8s. The plugin `docker-compose` names services of a compose file, not images. Variables have
the values of `env`, or their defaults.
"""

from __future__ import annotations

import re

from imglint.model import CI
from imglint.printable import clipped
from imglint.readers._pipelines import Entered, claims_pipeline, named_mappings, read_pipeline, scalar_of, words
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

FILES = ("*.yaml", "*.yml", "*.json")
ENVIRONMENT = CI

POD_LISTS = ("containers", "initContainers", "ephemeralContainers")
_DOCKER = r"(?:.*[/:])?docker(?:-buildkite-plugin)?(?:\.git)?(?:#.*)?"
_KUBERNETES = r"kubernetes(?:#.*)?"


def claims(source: Source) -> bool:
    """Return whether the file is a pipeline by its name, or has steps and is in a folder `.buildkite`."""
    return claims_pipeline(source, "buildkite", _is_pipeline)


def _is_pipeline(root: Node) -> bool:
    return isinstance(root, Mapping) and isinstance(root.get("steps"), Sequence)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of the pipeline, of its steps and of their plugins."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    # Imported here because few files are pipelines.
    from imglint.readers._expressions import VARIABLE, pipeline_image, variable_of

    environment = root.mapping("env") if isinstance(root, Mapping) else None

    def lookup(match: re.Match[str]) -> Scalar | None:
        return scalar_of(environment, variable_of(match))

    for image, place, where in _named(root):
        yield pipeline_image(source, image, place=place, where=where, expressions=VARIABLE, lookup=lookup)


def _named(root: Node) -> Iterator[tuple[Scalar, str, str]]:
    """Yield each image with its kind of place and what it is the image of, in words. The steps of groups have a list of their own."""
    if isinstance(root, Mapping):
        yield from _image(root, "step", "pipeline")
    waiting: list[Node | None] = [root.get("steps") if isinstance(root, Mapping) else root]
    entered = Entered()
    while waiting:
        for step in entered.mappings(waiting.pop()):
            label = words("step", clipped(step.text("key") or step.text("label") or step.text("name")))
            yield from _image(step, "step", label)
            for name, settings in _plugins(step.get("plugins"), entered):
                yield from _of_plugin(name, settings, label, entered)
            waiting.append(step.get("steps"))


def _image(mapping: Mapping, place: str, where: str) -> Iterator[tuple[Scalar, str, str]]:
    image = mapping.scalar("image")
    if image is not None:
        yield image, place, where


def _plugins(node: Node | None, entered: Entered) -> Iterator[tuple[str, Mapping]]:
    """Yield the names and settings of plugins, which are a mapping or a list of mappings."""
    for plugins in entered.mappings(node) if not isinstance(node, Mapping) else (node,):
        if entered.is_new(plugins):
            yield from named_mappings(plugins)


def _of_plugin(name: str, settings: Mapping, label: str, entered: Entered) -> Iterator[tuple[Scalar, str, str]]:
    if re.fullmatch(_DOCKER, name):
        yield from _image(settings, "step", label)
    elif re.fullmatch(_KUBERNETES, name):
        for sidecar in entered.mappings(settings.get("sidecars")):
            yield from _image(sidecar, "job-service", words(label, "sidecar", clipped(sidecar.text("name"))))
        for pod in filter(None, (settings.mapping("podSpec"), settings.mapping("podSpecPatch"))):
            for container in [container for key in POD_LISTS for container in entered.mappings(pod.get(key))]:
                yield from _image(container, "job-container", words(label, "container", clipped(container.text("name"))))
