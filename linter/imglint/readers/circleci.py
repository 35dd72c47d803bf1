"""CircleCI configurations: the images that executors and jobs run in. Imports the YAML trees.

The format is that of https://circleci.com/docs/reference/configuration-reference/ ("docker", "executors") and of the JSON Schema in
CircleCI-Public/circleci-yaml-language-server (schema.json). Inline orbs have executors and jobs of their own, and an orb that is developed in a
folder has one file for each of them. The first image of a list is the one that steps run in, the others are services. A parameter has the value of
its default and those that workflows and jobs of the file give to it. `machine.image` names a virtual machine.
"""

from __future__ import annotations

import re

from imglint.model import CI, image_use
from imglint.printable import clipped
from imglint.readers._alternatives import OverLimit
from imglint.readers._pipelines import Entered, claims_pipeline, mappings, named_mappings, read_pipeline, scalar_of, words
from imglint.yaml.nodes import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.readers._circleci_calls import Calls
    from imglint.readers._expressions import Row
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
    # Imported here because few files are pipelines.
    from imglint.readers._circleci_calls import Calls

    config = _Configuration(source, root, Calls(root))
    yield from config.images_of(root, "", "")
    entered, waiting = Entered(), [("", "", root)]
    while waiting:
        owner, prefix, orb = waiting.pop()
        if entered.is_new(orb):
            for key, word in (("executors", "executor"), ("jobs", "job")):
                for name, definition in named_mappings(orb.mapping(key)):
                    yield from config.images_of(definition, words(owner, word, clipped(name)), f"{word} {prefix}{name}")
            waiting += [(f"orb {clipped(name)}", f"{name}/", inner) for name, inner in named_mappings(orb.mapping("orbs"))]


class _Configuration:
    """Reads one document. A list of images that aliases put in several places is searched once."""

    def __init__(self, source: Source, root: Mapping, calls: Calls) -> None:
        self.source, self.root, self.calls = source, root, calls
        self._lists: dict[int, list[tuple[int, Mapping]]] = {}
        """The containers whose images have expressions, which each job may give other values, by the id of the list."""

    def images_of(self, definition: Mapping, where: str, called: str) -> Iterator[ImageUse]:
        """Yield the images of an executor or a job, one for each value that calls give to its parameters. `called` is what calls refer to."""
        for at, container in self._containers(definition.get("docker")):
            image = container.scalar("image")
            if image is not None:
                place, word = ("job-service", "service") if at else ("job-container", "")
                label = words(where, word, clipped(container.text("name"))) or "docker"
                yield from self._alternatives(definition, image, place, label, called)

    def _alternatives(self, definition: Mapping, image: Scalar, place: str, where: str, called: str) -> Iterator[ImageUse]:
        """Yield an image with the defaults of the parameters in it, if they have some or no call gives them values, then with those of each call."""
        names = [name.removeprefix(OWN) for name in _names(image.value) if name.startswith(OWN)]
        found = False
        try:
            for row in self.calls.rows(called, names) if names else ():
                found = True
                yield self._use(definition, image, place, where, row)
        except OverLimit as error:
            span = (image.start, image.end)
            yield image_use(self.source, None, span, place=place, where=where, role=CI, unresolved=str(error), over_limit=True)
        if not found or all(self._default(definition, f"{OWN}{name}") is not None for name in names):
            yield self._use(definition, image, place, where, {})

    def _use(self, definition: Mapping, image: Scalar, place: str, where: str, row: Row) -> ImageUse:
        # Imported here because few files are pipelines.
        from imglint.readers._expressions import pipeline_image

        def lookup(match: re.Match[str]) -> Scalar | None:
            name = match["name"].strip()
            return row.get(name.removeprefix(OWN)) or self._default(definition, name)

        return pipeline_image(self.source, image, place=place, where=where, expressions=EXPRESSIONS, lookup=lookup)

    def _containers(self, docker: Node | None) -> list[tuple[int, Mapping]]:
        """Return the containers in a list with their numbers, if it was read before only those that may have other images."""
        if id(docker) in self._lists:
            return self._lists[id(docker)]
        containers = list(enumerate(mappings(docker)))
        self._lists[id(docker)] = [(at, one) for at, one in containers if "<<" in one.text("image")]
        return containers

    def _default(self, definition: Mapping, name: str) -> Scalar | None:
        """Return the default of a parameter of the pipeline, or of a job or an executor."""
        declared = self.root if name.startswith(OF_PIPELINE) else definition
        parameters = declared.mapping("parameters")
        parameter = parameters.mapping(name.removeprefix("pipeline.").removeprefix(OWN)) if parameters else None
        return scalar_of(parameter, "default")


def _names(text: str) -> list[str]:
    return [match["name"].strip() for match in re.finditer(EXPRESSIONS, text)]
