"""Development containers: the image of `devcontainer.json`, the images that it takes a cache from, and the files that it names.

The format is that of the Development Container Specification (containers.dev/implementors/json_reference), its variables are replaced as by
its reference implementation (devcontainers/cli, src/spec-common/variableSubstitution.ts). Features are no images: they are archives in a registry.
"""

from __future__ import annotations

import posixpath
import re

from imglint.model import CI, SYNTAX_ERROR, UNREAD_FILE, UNRESOLVED, NamedFile, Problem, image_use
from imglint.printable import clipped
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import has_template_actions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.traced import Traced

FILES = ("devcontainer.json", ".devcontainer.json")
ENVIRONMENT = CI

PLACE = "devcontainer"
TEXT_MAX = 4096
"""Characters of a string that names an image or a file. A longer one is not read and is reported; no reference is as long."""
ENVIRONMENT_VARIABLES = ("localEnv", "env")
"""The variables that have the value of an environment variable of the host, or a default."""
_VARIABLE = r"\$\{([^}]*)\}"


def claims(source: Source) -> bool:
    """Return whether the file is named as the specification says, and is not a manifest or template."""
    if source.name.lower() not in FILES:
        return False
    # Imported here because few files have such a name.
    from imglint.readers._other_kinds import is_other_kind

    return not is_other_kind(source)


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images of a development container, and the Dockerfile and compose files that it names."""
    # Imported here because a run imports all readers, and few runs read such a file.
    from imglint.readers._json import read_json

    root, file_facts = read_json(source)
    if root is None and _is_template(source.text, file_facts):
        # Imported here because few runs read templates.
        from imglint.readers._alternatives import in_pipeline
        from imglint.yaml.template_reader import template_images

        yield from in_pipeline(template_images(source, 0, len(source.text)))
        return
    yield from file_facts
    if isinstance(root, Mapping):
        yield from _Container(source).facts(root)


def _is_template(text: str, facts: list[Fact]) -> bool:
    """Return whether a file is no JSON because of an action of a template engine at the place of the problem, so that it has to be rendered first."""
    starts = [fact.span[0] for fact in facts if isinstance(fact, Problem) and fact.rule == SYNTAX_ERROR]
    return any(has_template_actions(text[max(start - 1, 0) : start + 2]) for start in starts)


class _Container:
    """Reads one configuration."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def facts(self, root: Mapping) -> Iterator[Fact | NamedFile]:
        """Yield the facts of the configuration."""
        build = root.mapping("build")
        yield from self._each(root.get("image"), self._image)
        if build:
            yield from self._each(build.get("cacheFrom"), self._caches)
        # `dockerFile` at the top is what files of older versions have.
        yield from self._each((build and build.get("dockerfile")) or root.get("dockerFile"), self._dockerfile)
        yield from self._each(root.get("dockerComposeFile"), self._compose_file)

    def _each(self, node: Node | None, read: Callable[[Scalar], Iterator[Fact | NamedFile]]) -> Iterator[Fact | NamedFile]:
        """Yield what `read` yields for a string, or for each one in a list."""
        for item in node.items if isinstance(node, Sequence) else [node]:
            value = nonblank(item)
            if value is None or not value.style:
                continue
            if value.end - value.start > TEXT_MAX:
                message = f"this string has more than {TEXT_MAX} characters and was not read"
                yield Problem(self._source, (value.start, value.end), message, UNREAD_FILE)
            else:
                yield from read(value)

    def _image(self, value: Scalar) -> Iterator[ImageUse]:
        text, reason = self._resolved(value)
        yield self._use(text, value, PLACE, "development container", reason)

    def _caches(self, value: Scalar) -> Iterator[ImageUse]:
        """Yield the images of a cache. Variables are replaced before, because one of them can be what makes a part an image."""
        from imglint.readers._build_inputs import cached_images

        text, reason = self._resolved(value)
        for start, end in cached_images(text.text):
            yield self._use(text.cut(start, end), value, "cache-from", "development container cacheFrom", reason)

    def _use(self, text: Traced, value: Scalar, place: str, where: str, reason: str) -> ImageUse:
        frames = [piece.frames[0] for piece in text.pieces]
        first, last = (
            min([start for _, start, _ in frames], default=value.start),
            max([end for _, _, end in frames], default=value.end),
        )
        return image_use(self._source, text, (first, last), place=place, where=where, role=CI, unresolved=reason)

    def _dockerfile(self, value: Scalar) -> Iterator[Fact | NamedFile]:
        return self._named(value, "dockerfile", "this Dockerfile")

    def _compose_file(self, value: Scalar) -> Iterator[Fact | NamedFile]:
        return self._named(value, "compose", "this Compose file")

    def _named(self, value: Scalar, kind: str, what: str) -> Iterator[Fact | NamedFile]:
        """Yield a file that the configuration names, by its path from the folder of this file."""
        text, reason = self._resolved(value)
        span = (value.start, value.end)
        if text.unknown_at >= 0:
            from imglint.readers._build_inputs import is_dockerfile_name

            if not (kind == "dockerfile" and is_dockerfile_name(text.text)):
                yield Problem(self._source, span, f"cannot read {what}: {reason}", UNRESOLVED)
        elif "\0" in text.text:
            yield Problem(self._source, span, f"cannot read {what}: its name is not valid", UNREAD_FILE)
        elif text.text:
            yield NamedFile(self._source, span, posixpath.normpath(text.text), kind)

    def _resolved(self, value: Scalar) -> tuple[Traced, str]:
        """Return a string with its variables replaced, those without a value by something unknown, and the reason for the first of these."""
        from imglint.readers._json import string
        from imglint.traced import joined, opaque, unknown

        text, reason = string(self._source, value), ""
        if "${" not in text.text:
            return text, reason
        parts, at = [], 0
        for match in re.finditer(_VARIABLE, text.text):
            span = text.span(*match.span())
            parts.append(text.cut(at, match.start()))
            at = match.end()
            kind, _, rest = match[1].partition(":")
            name, colon, default = rest.partition(":")
            if kind in ENVIRONMENT_VARIABLES and name in self._source.variables:
                parts.append(opaque(self._source.variables[name], value.start, *span))
            elif kind in ENVIRONMENT_VARIABLES and colon:
                # A further colon ends the default.
                first = match.start() + len(match[0]) - 1 - len(default)
                parts.append(text.cut(first, first + len(default.partition(":")[0])).used_at(value.start, *span))
            else:
                parts.append(unknown(value.start, *span))
                reason = reason or f"{clipped(match[0])} has no value in this file"
        return joined([*parts, text.cut(at, len(text.text))]), reason
