"""The images that other files of a repository build: the artifacts of Skaffold, and the services of Compose.

Skaffold puts the tag that it has just built into every manifest with the name of an artifact, whatever its registry. Compose does not, so an image of
a compose file counts elsewhere only with the same tag, and if nobody else can publish it, as far as its name shows: without a registry and a
namespace, and without a row of the policy, which says where it comes from.
"""

from __future__ import annotations

import os

from imglint.engine.tree_files import COMPOSE, SKAFFOLD
from imglint.model import ImageUse
from imglint.plugins.load import readers
from imglint.reference import InvalidReference, parse
from imglint.source import Source
from imglint.yaml.documents import documents
from imglint.yaml.nodes import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Callable, Iterator

    from imglint.engine.tree_files import Texts, TreeFiles

    Names = dict[str, int]
    """The offset of each image that a file builds, by its normalized name, for compose files with the tag."""

API_GROUP = "skaffold/"


class Builds:
    """The images that a repository builds. A file is read when a name that it mentions is looked up."""

    def __init__(self, files: TreeFiles, variables: abc.Mapping[str, str]) -> None:
        """Take the files of the repository, and the policy's values for the variables of compose files."""
        self._files, self._variables = files, variables
        self._built: dict[tuple[str, str], Names] = {}

    def built_at(self, use: ImageUse) -> str:
        """Return where an image is built, as `path:line`; empty if it is not."""
        reference = use.reference
        if reference is None:
            return ""
        at = self._find(SKAFFOLD, _artifacts, reference.name, reference.name)
        if not at and use.row is None and "/" not in reference.text:
            at = self._find(COMPOSE, _services, reference.name, _with_tag(use))
        return at

    def _find(self, kind: str, read: Callable[[Source], Names], mentioned: str, name: str) -> str:
        texts: Texts = self._files.texts(kind)
        for path in texts.mentioning(mentioned):
            if (kind, path) not in self._built:
                root = os.path.relpath(texts.root)
                full_path = os.path.normpath(os.path.join(root, path))
                self._built[kind, path] = read(Source(full_path, texts[path], kind, self._variables, named=root))
            if name in self._built[kind, path]:
                return texts.at(path, self._built[kind, path][name])
        return ""


def _artifacts(source: Source) -> Names:
    """Return the artifacts of a Skaffold configuration and its profiles."""
    names: Names = {}
    for document in documents(source.text):
        root = document.root
        if isinstance(root, Mapping) and root.text("apiVersion").startswith(API_GROUP):
            for config in (root, *root.sequence("profiles")):
                for name, offset in _artifacts_of(config) if isinstance(config, Mapping) else ():
                    names.setdefault(name, offset)
    return names


def _artifacts_of(config: Mapping) -> Iterator[tuple[str, int]]:
    build = config.mapping("build")
    for artifact in build.sequence("artifacts") if build else ():
        image = artifact.scalar("image") if isinstance(artifact, Mapping) else None
        try:
            if image:
                yield parse(image.value).name, image.start
        except InvalidReference:
            continue


def _services(source: Source) -> Names:
    """Return the images that the services of a compose file build."""
    reader = next(reader for reader in readers(source.name) if reader.kind == COMPOSE)
    if "build" not in source.text or not reader.claims(source):
        return {}
    uses = [fact for fact in reader.read(source) if isinstance(fact, ImageUse) and (fact.built or fact.built_or_pulled)]
    return {_with_tag(use): use.span[0] for use in uses if use.reference}


def _with_tag(use: ImageUse) -> str:
    return f"{use.reference.name if use.reference else ''}:{use.pulled_tag}"
