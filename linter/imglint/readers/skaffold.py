"""Configurations of Skaffold: the images that build its artifacts, and those that verifications and custom actions run. Imports the YAML trees.

The keys are those of the schemas of all versions (skaffold.dev/docs/references/yaml). The names of artifacts are built.
"""

from __future__ import annotations

import os
import posixpath
import re

from imglint.model import BUILD, UNREAD_FILE, NamedFile, Problem
from imglint.readers._chart import is_chart_template, is_values_file
from imglint.yaml.templates import may_hide_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Mapping, Node, Scalar

FILES = ("*.yaml", "*.yml")

API_GROUP = "skaffold/"
PLACE = "builder"
OF_ARTIFACTS = (
    "buildpacks.builder",
    "buildpacks.runImage",
    "buildpack.builder",
    "buildpack.runImage",
    "kaniko.image",
    "kaniko.initImage",
    "kaniko.buildContext.localDir.initImage",
    "jib.fromImage",
    "ko.fromImage",
)
"""The keys of an artifact that name an image."""
OF_CLOUD_BUILD = ("dockerImage", "mavenImage", "gradleImage", "packImage", "kanikoImage", "koImage", "bazelImage")
OF_CONFIGURATIONS = (
    *[f"build.googleCloudBuild.{key}" for key in OF_CLOUD_BUILD],
    "build.googleCloudBuild.platformEmulatorInstallStep.image",
    "build.kaniko.image",
    "build.kaniko.buildContext.localDir.initImage",
    "deploy.kpt.fn.image",
)
"""The keys of a configuration, and of a profile, that name an image."""

_API_VERSION = r"""^["']?apiVersion["']?[ \t]*:[ \t]*["']?skaffold/"""


def claims(source: Source) -> bool:
    """Return whether a document of the file has an `apiVersion` of Skaffold. Compose files, values and templates go by their names and folders."""
    text, name = source.text, source.name.lower()
    if API_GROUP not in text and not (name.startswith("skaffold") and may_hide_words(text)):
        return False
    if not name.endswith((".yaml", ".yml")) or "compose" in name or name.startswith("kustomization."):
        return False
    if is_values_file(source) or is_chart_template(source):
        return False
    # Imported here because few files mention Skaffold.
    from imglint.yaml.documents import InvalidYaml
    from imglint.yaml.top_level import roots_with

    for root, document in roots_with(text, "apiVersion"):
        if re.search(_API_VERSION, document, re.MULTILINE) if isinstance(root, InvalidYaml) else _is_configuration(root):
            return True
    return False


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images that the configurations of a file and their profiles name."""
    from imglint.yaml.facts import ambiguous_merges, read_documents
    from imglint.yaml.nodes import Mapping

    roots, file_facts = read_documents(source)
    yield from file_facts
    yield from ambiguous_merges(source, roots)
    configurations = _Configurations(source)
    for root in roots:
        if _is_configuration(root) and isinstance(root, Mapping):
            configurations.add(root)
        elif isinstance(root, Mapping) and "kind" in root:
            message = "this file has both Skaffold configurations and manifests; move the manifests to another file"
            yield Problem(source, (root.start, root.start), message, UNREAD_FILE)
    yield from configurations.facts()


def _is_configuration(root: object) -> bool:
    from imglint.yaml.nodes import Mapping

    return isinstance(root, Mapping) and root.text("apiVersion").startswith(API_GROUP)


class _Configurations:
    """Reads the configurations of a file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._roots: list[Mapping] = []
        self._seen: set[int] = set()
        self._passed: set[tuple[str, int]] = set()

    def add(self, root: Mapping) -> None:
        """Add a configuration, with its profiles."""
        from imglint.yaml.nodes import Mapping

        self._roots += [root, *[profile for profile in root.sequence("profiles") if isinstance(profile, Mapping)]]

    def facts(self) -> Iterator[Fact | NamedFile]:
        """Yield the facts of all configurations."""
        from imglint.model import ImageUse
        from imglint.records import replace

        built = self._built_names()
        for root in self._roots:
            for fact in self._configuration(root):
                is_built = isinstance(fact, ImageUse) and fact.reference is not None and fact.reference.name in built
                yield replace(fact, built_or_pulled=True) if is_built and isinstance(fact, ImageUse) else fact

    def _built_names(self) -> set[str]:
        from imglint.reference import InvalidReference, parse

        names: set[str] = set()
        for root in self._roots:
            for artifact in self._new_mappings(_at(root, "build.artifacts"), "names"):
                try:
                    names.add(parse(artifact.text("image").strip()).name)
                except InvalidReference:
                    continue
        return names

    def _is_new(self, node: Node, what: str) -> bool:
        """Return whether a node has not been passed before for this purpose; profiles share nodes through anchors."""
        count = len(self._passed)
        self._passed.add((what, id(node)))
        return len(self._passed) > count

    def _new_mappings(self, node: Node | None, what: str) -> list[Mapping]:
        """Return the mappings in a sequence, once for each purpose."""
        from imglint.yaml.nodes import Mapping, Sequence

        if not isinstance(node, Sequence) or not self._is_new(node, what):
            return []
        return [item for item in node.items if isinstance(item, Mapping)]

    def _configuration(self, root: Mapping) -> Iterator[Fact | NamedFile]:
        from imglint.readers._json_patch import parts_of
        from imglint.yaml.nodes import Sequence

        yield from self._images_of(root)
        for artifact in self._new_mappings(_at(root, "build.artifacts"), "dockerfiles"):
            yield from self._dockerfile(artifact)
        patches = root.get("patches")
        for part in parts_of(patches, "replace") if isinstance(patches, Sequence) and self._is_new(patches, "patches") else ():
            yield from self._images_of(part)

    def _images_of(self, root: Mapping) -> Iterator[ImageUse]:
        """Yield the images of a configuration, or of the part of one that a patch sets."""
        from imglint.printable import clipped
        from imglint.yaml.nodes import Sequence

        for keys in OF_CONFIGURATIONS:
            yield from self._image(_at(root, keys), PLACE, keys)
        for artifact in self._new_mappings(_at(root, "build.artifacts"), "images"):
            where = " ".join(filter(None, ("artifact", clipped(artifact.text("image")))))
            for keys in OF_ARTIFACTS:
                yield from self._image(_at(artifact, keys), PLACE, f"{where} {keys}")
            caches = _at(artifact, "docker.cacheFrom")
            for cache in caches.items if isinstance(caches, Sequence) and self._is_new(caches, "images") else ():
                yield from self._image(cache, "cache-from", f"{where} docker.cacheFrom")
        for test in self._new_mappings(root.get("verify"), "images"):
            yield from self._image(_at(test, "container.image"), "container", _named("verify", test))
        for action in self._new_mappings(root.get("customActions"), "images"):
            for container in self._new_mappings(action.get("containers"), "images"):
                yield from self._image(container.get("image"), "container", _named("action", action))

    def _image(self, node: Node | None, place: str, where: str) -> Iterator[ImageUse]:
        """Yield the image that a scalar names. Profiles can share scalars through anchors."""
        from imglint.yaml.facts import image_use_of
        from imglint.yaml.nodes import nonblank

        value = nonblank(node)
        if value is not None and value.start not in self._seen:
            self._seen.add(value.start)
            yield image_use_of(self._source, value, place=place, where=where, role=BUILD)

    def _dockerfile(self, artifact: Mapping) -> Iterator[NamedFile]:
        """Yield the Dockerfile of an artifact.

        Its path is relative to the context or, if it is not there, to the folder of the configuration (`NormalizeDockerfilePath` in
        GoogleContainerTools/skaffold, pkg/skaffold/docker/dependencies.go).
        """
        from imglint.readers._build_inputs import is_dockerfile_name
        from imglint.yaml.facts import is_templated, traced_text
        from imglint.yaml.nodes import nonblank

        context = artifact.text("context") or artifact.text("workspace")
        for keys in ("docker.dockerfile", "kaniko.dockerfile"):
            name = nonblank(_at(artifact, keys))
            if name is None or name.start in self._seen or is_templated(f"{context} {name.value}"):
                continue
            self._seen.add(name.start)
            folder = os.path.dirname(self._source.path)
            paths = (posixpath.join(context, name.value), name.value)
            found = [path for path in paths if os.path.lexists(os.path.join(folder, path))]
            # Documents show configurations without their files, and a walk finds other Dockerfiles by their names.
            if found or not is_dockerfile_name(name.value):
                yield NamedFile(self._source, traced_text(self._source, name)[1], (found or paths)[0], "dockerfile")


def _at(node: Node | None, keys: str) -> Node | None:
    """Return what is under keys that are joined by dots, or None."""
    from imglint.yaml.nodes import Mapping

    for key in keys.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _named(what: str, node: Mapping) -> str:
    from imglint.printable import clipped

    name: Scalar | None = node.scalar("name")
    return f"{what} {clipped(name.value)}" if name else what
