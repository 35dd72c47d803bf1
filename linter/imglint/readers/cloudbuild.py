"""Build configurations of Google Cloud Build: the images that steps run in. Imports the YAML trees.

The format is that of https://cloud.google.com/build/docs/build-config-file-schema ("steps", "name") and
https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values. `images` and `artifacts` are what a build pushes. A step may run in
an image that an earlier one has built.
"""

from __future__ import annotations

from imglint.model import CI
from imglint.printable import clipped
from imglint.readers._pipelines import Entered, claims_pipeline, mappings, read_pipeline, scalar_of, words
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

FILES = ("*.yaml", "*.yml", "*.json")
ENVIRONMENT = CI

TAG_OPTIONS = ("-t", "--tag")
"""Options of `docker build` that name what it builds."""


def claims(source: Source) -> bool:
    """Return whether the file is named as builds are, or has steps with names and a similar path."""
    return claims_pipeline(source, "cloudbuild", _is_build)


def _is_build(root: Node) -> bool:
    steps = root.sequence("steps") if isinstance(root, Mapping) else []
    return bool(steps) and all(isinstance(step, Mapping) and step.scalar("name") for step in steps)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of all steps."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    if not isinstance(root, Mapping):
        return
    # Imported here because few files are pipelines.
    from imglint.readers._expressions import VARIABLE, pipeline_image, variable_of

    substitutions = root.mapping("substitutions")

    def lookup(match: re.Match[str]) -> Scalar | None:
        return scalar_of(substitutions, variable_of(match))

    built = {item.value for item in root.sequence("images") if isinstance(item, Scalar)}
    entered = Entered()
    for at, step in enumerate(mappings(root.get("steps"))):
        image = step.scalar("name")
        if image is not None:
            where = words("step", clipped(step.text("id")) or str(at + 1))
            is_built = image.value in built
            yield pipeline_image(source, image, place="step", where=where, expressions=VARIABLE, lookup=lookup, built=is_built)
        arguments = step.get("args")
        if isinstance(arguments, Sequence) and entered.is_new(arguments):
            built.update(_tagged(arguments))


def _tagged(arguments: Sequence) -> Iterator[str]:
    """Yield the names that the arguments of a step give to an image."""
    option = ""
    for item in arguments.items:
        text = item.value if isinstance(item, Scalar) else ""
        if option in TAG_OPTIONS:
            yield text
        option, _, name = text.partition("=")
        if name and option in TAG_OPTIONS:
            yield name
        option = text
