"""Kubernetes manifests, in YAML or JSON, and Kustomize files: every pod spec, wherever it is. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.model import ImageUse, RunUser
from imglint.printable import clipped
from imglint.readers._chart import is_chart_template
from imglint.yaml.facts import image_use_of, may_hide_words, read_documents, run_user_of
from imglint.yaml.nodes import MERGE, Mapping, Node, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

FILES = ("*.yaml", "*.yml", "*.json", "kustomization")

KUSTOMIZE_FILES = ("kustomization.yaml", "kustomization.yml", "kustomization")
KUSTOMIZE_KINDS = ("Kustomization", "Component")
SCHEMA_KIND = "CustomResourceDefinition"
POD_LISTS = {"containers": "container", "initContainers": "init-container", "ephemeralContainers": "ephemeral-container"}
"""The lists of containers in a pod spec, with the kind of place that each of them is."""
LISTS = ("steps", "sidecars")
"""Lists of containers outside pod specs: in Tekton tasks and Argo workflows."""
SINGLE = ("container", "script", "stepTemplate")
"""Mappings that are a container: in Argo workflows and Tekton tasks."""
HOLDERS = frozenset((*POD_LISTS, *LISTS, *SINGLE, "volumes", MERGE))
"""Keys of mappings that may contain images; most mappings have none of them."""
WORDS = ("image", "runAs", "imglint:")
"""A document with images, users or imglint comments contains one of these words, possibly in escaped form."""

_KEY = re.compile(r"""(?P<indent>[ ]*)(?P<quote>["']?)(?P<key>\w+)(?P=quote)[ \t]*:(?=[ \t\r\n]|\Z)""")
_FLOW_API_VERSION = re.compile(r"""["']?apiVersion["']?\s*:\s*["']?[A-Za-z]""")
_FLOW_KIND = re.compile(r"""["']?kind["']?\s*:\s*["']?[A-Za-z]""")
_FIRST_KEY = re.compile(r"""[ \t]*["']?(?:apiVersion|kind|metadata|spec|items|data|status)["']?[ \t]*:""")
_SCHEMA = re.compile(rf"^kind:[ \t]*{SCHEMA_KIND}[ \t]*\r?$", re.MULTILINE)
_DOCKERFILE_NAMES = ("dockerfile", "containerfile")
"""Parts of names that are Dockerfiles, whatever the file contains, unless a YAML extension follows."""
_INSTRUCTION = re.compile(r"[ \t]*(?:FROM|ARG)(?:[ \t]|\Z)", re.IGNORECASE)
"""How a Dockerfile begins, and no Kustomize file."""


def claims(source: Source) -> bool:
    """Return whether the file is a Kustomize file by its name, or has `apiVersion` and `kind` at the top level of a document."""
    text, name = source.text, source.name.lower()
    kustomize = name in KUSTOMIZE_FILES
    if not kustomize and ("apiVersion" not in text or "kind" not in text):
        return False
    if is_chart_template(source):
        return False
    first = _first_line(text)
    if kustomize:
        return not _INSTRUCTION.match(first)
    named_yaml = name.endswith((".yaml", ".yml", ".json"))
    if not named_yaml and any(word in name for word in _DOCKERFILE_NAMES):
        return False
    if first.lstrip().startswith("{"):
        return _FLOW_API_VERSION.search(text) is not None and _FLOW_KIND.search(text) is not None
    if named_yaml or _FIRST_KEY.match(first):
        indent = len(first) - len(first.lstrip(" "))
        return _has_key("apiVersion", text, indent) and _has_key("kind", text, indent)
    return False


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users of all pod specs, and the images of Kustomize files."""
    roots, file_facts = read_documents(source, _may_name_images)
    yield from file_facts
    seen: set[tuple[str, int]] = set()
    kustomize = source.name.lower() in KUSTOMIZE_FILES
    manifests = _ManifestReader(source)
    for root in roots:
        if isinstance(root, Mapping) and (kustomize or root.text("kind") in KUSTOMIZE_KINDS):
            yield from manifests.kustomize_images(root)
        for mapping, owner in _holders(root):
            for fact in manifests.images_and_users(mapping, owner):
                key = (fact.where if isinstance(fact, RunUser) else "", fact.span[0])
                if key not in seen:
                    seen.add(key)
                    yield fact


def _may_name_images(document: str) -> bool:
    if SCHEMA_KIND in document and _SCHEMA.search(document) and "imglint:" not in document:
        return False
    return any(word in document for word in WORDS) or may_hide_words(document)


def _has_key(key: str, text: str, indent: int) -> bool:
    """Return whether a line begins with a key, unindented or indented like the first line, since a document may be indented as a whole."""
    at = text.find(key)
    while at >= 0:
        match = _KEY.match(text, text.rfind("\n", 0, at) + 1)
        if match and match["key"] == key and len(match["indent"]) in (0, indent):
            return True
        end = text.find("\n", at)
        at = text.find(key, end) if end >= 0 else -1
    return False


def _first_line(text: str) -> str:
    """Return the first line that is not blank, a comment, a directive or a document marker."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
            return line
        at = end + 1
    return ""


def _holders(root: Node) -> Iterator[tuple[Mapping, str]]:
    """Yield each mapping that has one of HOLDERS, with the manifest it is in ("Deployment/web"). Skip status and schemas, which request nothing."""
    waiting: list[tuple[Node, str]] = [(root, "")]
    entered = set()
    while waiting:
        node, owner = waiting.pop()
        if id(node) in entered or isinstance(node, Scalar):
            continue
        entered.add(id(node))
        if isinstance(node, Sequence):
            waiting.extend([(item, owner) for item in reversed(node.items)])
            continue
        kind = node.text("kind") if "apiVersion" in node.by_key and node.text("apiVersion") else ""
        if kind == SCHEMA_KIND:
            continue
        owner = _owner(node, kind) if kind else owner
        if not HOLDERS.isdisjoint(node.by_key):
            yield node, owner
        entries = [entry for entry in node.entries if not _is_status(entry[0])] if kind else node.entries
        waiting.extend([(value, owner) for _, value in reversed(entries) if value.__class__ is not Scalar])


def _is_status(key: Node) -> bool:
    return isinstance(key, Scalar) and key.value == "status"


def _owner(manifest: Mapping, kind: str) -> str:
    metadata = manifest.mapping("metadata")
    name = (metadata.text("name") or metadata.text("generateName")) if metadata else ""
    return clipped(f"{kind}/{name}" if name else kind)


class _ManifestReader:
    """Reads the manifests of one file. A list or an image that aliases put in several places is read once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._entered: set[int] = set()
        self._uses: dict[int, ImageUse] = {}

    def images_and_users(self, mapping: Mapping, owner: str) -> Iterator[ImageUse | RunUser]:
        """Yield the images and users of a mapping if it is a pod spec or has containers of its own."""
        windows = _is_windows(mapping)
        for key, place in POD_LISTS.items():
            for container in self._mappings(mapping, key):
                yield from self._container(container, place, owner, mapping, whole_pod=True, windows=windows)
        for key in LISTS:
            for container in self._mappings(mapping, key):
                yield from self._container(container, "container", owner, None, whole_pod=False, windows=windows)
        for key in SINGLE:
            single = mapping.mapping(key)
            if single:
                yield from self._container(single, "container", owner, mapping, whole_pod=False, windows=windows)
        for volume in self._mappings(mapping, "volumes"):
            image = volume.mapping("image")
            reference = image.scalar("reference") if image else None
            if reference:
                yield self._use(reference, "image-volume", _words(owner, "volume", clipped(volume.text("name"))))

    def kustomize_images(self, kustomization: Mapping) -> Iterator[ImageUse]:
        """Yield the images that a Kustomize file replaces others with."""
        for entry in self._mappings(kustomization, "images"):
            name = entry.scalar("newName") or entry.scalar("name")
            if name is None:
                continue
            digest, tag = entry.scalar("digest"), entry.scalar("newTag")
            version: list[Scalar | str] = ["@", digest] if digest else [":", tag] if tag else []
            where = f"Kustomize image {clipped(entry.text('name') or name.value)}"
            yield image_use_of(
                self.source, name, place="kustomize-image", where=where, parts=[name, *version], tag_known=bool(version)
            )

    def _use(self, image: Scalar, place: str, where: str) -> ImageUse:
        if image.start not in self._uses:
            self._uses[image.start] = image_use_of(self.source, image, place=place, where=where)
        return self._uses[image.start]

    def _mappings(self, mapping: Mapping, key: str) -> Iterator[Mapping]:
        """Yield the mappings in the sequence under a key, unless it was already read through another alias."""
        items = mapping.get(key)
        if isinstance(items, Sequence) and id(items) not in self._entered:
            self._entered.add(id(items))
            for item in items.items:
                if isinstance(item, Mapping):
                    yield item

    def _container(
        self, container: Mapping, place: str, owner: str, pod: Mapping | None, *, whole_pod: bool, windows: bool
    ) -> Iterator[ImageUse | RunUser]:
        """Yield a container's image and its user. That no user is set shows only in a whole pod spec."""
        name = container.text("name") or (pod.text("name") if pod else "")
        where = _words(owner, place.replace("-", " "), clipped(name))
        image = container.scalar("image")
        use = self._use(image, place, where) if image else None
        if use:
            yield use
        if windows or not (use or whole_pod):
            return
        contexts = [context for holder in (container, pod) if holder and (context := holder.mapping("securityContext"))]
        user, nonroot = (
            next(filter(None, [context.scalar(key) for context in contexts]), None) for key in ("runAsUser", "runAsNonRoot")
        )
        runs_as = run_user_of(self.source, where, user, nonroot, image=use, silent=use.span if use and whole_pod else None)
        if runs_as:
            yield runs_as


def _words(*words: str) -> str:
    return " ".join(filter(None, words))


def _is_windows(pod: Mapping) -> bool:
    system, selector = pod.mapping("os"), pod.mapping("nodeSelector")
    return "windows" in (system.text("name") if system else "", selector.text("kubernetes.io/os") if selector else "")
