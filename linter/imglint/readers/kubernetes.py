"""Kubernetes manifests, in YAML or JSON, and Kustomize files: every pod spec wherever it stands. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.model import ImageUse, RunUser
from imglint.printable import clipped
from imglint.readers import _chart as chart
from imglint.yaml.facts import Values, assembled, may_hide_words, read_documents, use_of, user_of
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence
from imglint.yaml.templates import is_template

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
"""The lists of containers of a pod spec, and the place that each is."""
LISTS = ("steps", "sidecars")
"""Lists of containers outside of pod specs: of Tekton tasks and Argo workflows."""
SINGLE = ("container", "script", "stepTemplate")
"""Mappings that are a container: of Argo workflows and Tekton tasks."""

HOLDERS = frozenset((*POD_LISTS, *LISTS, *SINGLE, "volumes", "<<"))
"""The keys below which `facts` looks, and the one that may bring them in; most mappings have none of them."""

_KEY = re.compile(r"""(?P<indent>[ ]*)(?P<quote>["']?)(?P<key>\w+)(?P=quote)[ \t]*:(?=[ \t\r\n]|\Z)""")
_FLOW_API_VERSION = re.compile(r"""["']?apiVersion["']?\s*:\s*["']?[A-Za-z]""")
_FLOW_KIND = re.compile(r"""["']?kind["']?\s*:\s*["']?[A-Za-z]""")
_FIRST_KEY = re.compile(r"""[ \t]*["']?(?:apiVersion|kind|metadata|spec|items|data|status)["']?[ \t]*:""")


def claims(source: Source) -> bool:
    """Whether the file is a Kustomize file by its name, or names apiVersion and kind at the top of a document."""
    text, name = source.text, source.name.lower()
    kustomize = name in KUSTOMIZE_FILES
    if not kustomize and ("apiVersion" not in text or "kind" not in text):
        return False
    if chart.in_templates(source.path) and is_template(text):
        return False
    if kustomize:
        return True
    first = _first_line(text)
    if first.lstrip().startswith("{"):
        return _FLOW_API_VERSION.search(text) is not None and _FLOW_KIND.search(text) is not None
    if name.endswith((".yaml", ".yml", ".json")) or _FIRST_KEY.match(first):
        indent = len(first) - len(first.lstrip(" "))
        return _has_key("apiVersion", text, indent) and _has_key("kind", text, indent)
    return False


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users of all pod specs, and the images of Kustomize files."""
    roots: list[Node] = []
    yield from read_documents(source, roots, _may_name_images)
    seen: set[tuple[str, int]] = set()
    kustomize = source.name.lower() in KUSTOMIZE_FILES
    manifests = _Manifests(source)
    for root in roots:
        if isinstance(root, Mapping) and (kustomize or Values(root).word("kind") in KUSTOMIZE_KINDS):
            yield from manifests.kustomize_images(Values(root))
        for mapping, owner in _holders(root):
            for fact in manifests.facts(Values(mapping), owner):
                key = (fact.where if isinstance(fact, RunUser) else "", fact.span[0])
                if key not in seen:
                    seen.add(key)
                    yield fact


WORDS = ("image", "runAs", "imglint:")
"""A document without any of these, in which no escape can hide one, has nothing that `read` looks for."""
_SCHEMA = re.compile(rf"^kind:[ \t]*{SCHEMA_KIND}[ \t]*\r?$", re.MULTILINE)


def _may_name_images(document: str) -> bool:
    if SCHEMA_KIND in document and _SCHEMA.search(document) and "imglint:" not in document:
        return False
    return any(word in document for word in WORDS) or may_hide_words(document)


def _has_key(key: str, text: str, indent: int) -> bool:
    """Whether a key stands at the margin, or at the indentation of the first line, which a document may have as a whole."""
    at = text.find(key)
    while at >= 0:
        match = _KEY.match(text, text.rfind("\n", 0, at) + 1)
        if match and match["key"] == key and len(match["indent"]) in (0, indent):
            return True
        end = text.find("\n", at)
        at = text.find(key, end) if end >= 0 else -1
    return False


def _first_line(text: str) -> str:
    """Return the first line that is neither blank nor a comment, directive or document marker."""
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
    """Yield every mapping with one of HOLDERS that a manifest asks for, with the manifest ("Deployment/web"): not in a status, not in a schema."""
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
        kind = _word(node, "kind") if "apiVersion" in node.by_key and _word(node, "apiVersion") else ""
        if kind == SCHEMA_KIND:
            continue
        owner = _owner(node, kind) if kind else owner
        if not HOLDERS.isdisjoint(node.by_key):
            yield node, owner
        entries = [entry for entry in node.entries if not _is(entry[0], "status")] if kind else node.entries
        waiting.extend([(value, owner) for _, value in reversed(entries) if value.__class__ is not Scalar])


def _is(key: Node, word: str) -> bool:
    return isinstance(key, Scalar) and key.value == word


def _word(mapping: Mapping, key: str) -> str:
    value = mapping.scalar(key)
    return value.value if value else ""


def _owner(manifest: Mapping, kind: str) -> str:
    metadata = manifest.mapping("metadata")
    name = (_word(metadata, "name") or _word(metadata, "generateName")) if metadata else ""
    return clipped(f"{kind}/{name}" if name else kind)


class _Manifests:
    """The facts of a file's manifests. A list or an image that aliases put in many places is looked at once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._entered: set[int] = set()
        self._uses: dict[int, ImageUse] = {}

    def facts(self, values: Values, owner: str) -> Iterator[ImageUse | RunUser]:
        """Yield the images and users of a mapping, as far as it is a pod spec or has containers of its own kind."""
        windows = _is_windows(values)
        for key, place in POD_LISTS.items():
            for container in self._items(values, key):
                yield from self._container(container, place, owner, values, whole_pod=True, windows=windows)
        for key in LISTS:
            for container in self._items(values, key):
                yield from self._container(container, "container", owner, None, whole_pod=False, windows=windows)
        for key in SINGLE:
            single = values.values(key)
            if single:
                yield from self._container(single, "container", owner, values, whole_pod=False, windows=windows)
        for volume in self._items(values, "volumes"):
            image = volume.values("image")
            reference = image.scalar("reference") if image else None
            if reference:
                where = " ".join(filter(None, (owner, "volume", clipped(volume.word("name")))))
                yield self._use(reference, "image-volume", where)

    def kustomize_images(self, values: Values) -> Iterator[ImageUse]:
        """Yield the images that a Kustomize file puts in place of others."""
        for entry in self._items(values, "images"):
            name = entry.scalar("newName") or entry.scalar("name")
            if name is None:
                continue
            digest, tag = entry.scalar("digest"), entry.scalar("newTag")
            after: list[Scalar | str] = ["@", digest] if digest else [":", tag] if tag else []
            where = f"Kustomize image {clipped(entry.word('name') or name.value)}"
            whole = assembled(self.source.text, name, [], after)
            yield use_of(self.source, name, "kustomize-image", where, whole, tag_known=bool(after))

    def _use(self, image: Scalar, place: str, where: str) -> ImageUse:
        if image.start not in self._uses:
            self._uses[image.start] = use_of(self.source, image, place, where)
        return self._uses[image.start]

    def _items(self, values: Values, key: str) -> Iterator[Values]:
        items = values.get(key)
        if isinstance(items, Sequence) and id(items) not in self._entered:
            self._entered.add(id(items))
            for item in items.items:
                if isinstance(item, Mapping):
                    yield Values(item)

    def _container(
        self, container: Values, place: str, owner: str, pod: Values | None, *, whole_pod: bool, windows: bool
    ) -> Iterator[ImageUse | RunUser]:
        """Yield a container's image and its user. Only a pod spec as a whole can tell that nothing names a user."""
        name = container.word("name") or (pod.word("name") if pod else "")
        where = " ".join(filter(None, (owner, place.replace("-", " "), clipped(name))))
        image = container.scalar("image")
        use = self._use(image, place, where) if image else None
        if use:
            yield use
        if windows or not (use or whole_pod):
            return
        contexts = [holder.values("securityContext") for holder in (container, pod) if holder]
        user, nonroot = (
            next(filter(None, [context.scalar(key) for context in contexts if context]), None)
            for key in ("runAsUser", "runAsNonRoot")
        )
        runs_as = user_of(self.source, where, user, nonroot, image=use, silent=use.span if use and whole_pod else None)
        if runs_as:
            yield runs_as


def _is_windows(pod: Values) -> bool:
    system, selector = pod.values("os"), pod.values("nodeSelector")
    return "windows" in (system.word("name") if system else "", selector.word("kubernetes.io/os") if selector else "")
