"""CircleCI configurations: the images that executors and jobs run in. Imports the YAML trees.

The format is that of https://circleci.com/docs/reference/configuration-reference/ ("docker", "executors") and of the JSON Schema in
CircleCI-Public/circleci-yaml-language-server (schema.json). Inline orbs have executors and jobs of their own, and an orb that is developed in a
folder has one file for each of them. The first image of a list is the one that steps run in, the others are services. A parameter has the value of
its default. `machine.image` names a virtual machine.
"""

from __future__ import annotations

from imglint.model import CI
from imglint.printable import clipped
from imglint.readers._expressions import pipeline_image
from imglint.readers._pipelines import claims_pipeline, mappings, named_mappings, read_pipeline, scalar_of, words
from imglint.yaml.nodes import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node, Scalar

FILES = ("*.yaml", "*.yml")
ENVIRONMENT = CI

EXPRESSIONS = r"<<(?P<name>[^<>]*)>>"
OF_PIPELINE = "pipeline.parameters."
OWN = "parameters."
_TOP_LEVEL = ("jobs", "executors", "orbs", "docker")


def claims(source: Source) -> bool:
    """Return whether the file is in `.circleci` and has jobs, executors or orbs."""
    return claims_pipeline(source, "circleci", _is_configuration)


def _is_configuration(root: Node) -> bool:
    return isinstance(root, Mapping) and any(key in root for key in _TOP_LEVEL)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of all executors and jobs."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    if not isinstance(root, Mapping):
        return
    yield from _images_of(source, root, root, "")
    waiting, seen = [("", root)], {id(root)}
    while waiting:
        owner, config = waiting.pop()
        for key, word in (("executors", "executor"), ("jobs", "job")):
            for name, definition in named_mappings(config.mapping(key)):
                yield from _images_of(source, root, definition, words(owner, word, clipped(name)))
        for name, orb in named_mappings(config.mapping("orbs")):
            if id(orb) not in seen:
                seen.add(id(orb))
                waiting.append((f"orb {clipped(name)}", orb))


def _images_of(source: Source, root: Mapping, definition: Mapping, where: str) -> Iterator[ImageUse]:
    """Yield the images of an executor or a job."""

    def lookup(match: re.Match[str]) -> Scalar | None:
        name = match["name"].strip()
        declared = root if name.startswith(OF_PIPELINE) else definition
        parameters = declared.mapping("parameters")
        return scalar_of(parameters.mapping(name.removeprefix("pipeline.").removeprefix(OWN)) if parameters else None, "default")

    for at, container in enumerate(mappings(definition.get("docker"))):
        image = container.scalar("image")
        if image is not None:
            place, word = ("job-service", "service") if at else ("job-container", "")
            label = words(where, word, clipped(container.text("name"))) or "docker"
            yield pipeline_image(source, image, place=place, where=label, expressions=EXPRESSIONS, lookup=lookup)
