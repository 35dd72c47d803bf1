"""Kubernetes manifests, in YAML or JSON, and Kustomize files: every pod spec wherever it stands. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint import chart
from imglint.model import ImageUse, RunUser
from imglint.template import is_template
from imglint.yamlfacts import assembled, clipped, fields, read_documents, scalar, use_of, user_of
from imglint.yamltree import Mapping, Node, Scalar, Sequence

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

_KEY = r"""^(?P<indent>[ ]*)(?P<quote>["']?){}(?P=quote)[ \t]*:(?=[ \t\r\n]|\Z)"""
_API_VERSION = re.compile(_KEY.format("apiVersion"), re.MULTILINE)
_KIND = re.compile(_KEY.format("kind"), re.MULTILINE)
_FLOW_API_VERSION = re.compile(r"""["']?apiVersion["']?\s*:\s*["']?[A-Za-z]""")
_FLOW_KIND = re.compile(r"""["']?kind["']?\s*:\s*["']?[A-Za-z]""")
_FIRST_KEY = re.compile(r"""[ \t]*["']?(?:apiVersion|kind|metadata|spec|items|data|status)["']?[ \t]*:""")


def claims(source: Source) -> bool:
    """Whether the file is a Kustomize file by its name, or names apiVersion and kind at the top of a document."""
    text, name = source.text, source.name.lower()
    if name in KUSTOMIZE_FILES:
        return not _in_template(source)
    if "apiVersion" not in text or "kind" not in text:
        return False
    first = _first_line(text)
    if first.lstrip().startswith("{"):
        claimed = _FLOW_API_VERSION.search(text) is not None and _FLOW_KIND.search(text) is not None
    elif name.endswith((".yaml", ".yml", ".json")) or _FIRST_KEY.match(first):
        indent = len(first) - len(first.lstrip(" "))
        claimed = _has_key(_API_VERSION, text, indent) and _has_key(_KIND, text, indent)
    else:
        claimed = False
    return claimed and not _in_template(source)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users of all pod specs, and the images of Kustomize files."""
    roots: list[Node] = []
    yield from read_documents(source, roots)
    seen: set[tuple[str, int]] = set()
    kustomize = source.name.lower() in KUSTOMIZE_FILES
    for root in roots:
        if isinstance(root, Mapping) and (kustomize or _word(root, "kind") in KUSTOMIZE_KINDS):
            yield from _kustomize_images(source, root)
        for mapping, owner in _mappings(root):
            for fact in _of_mapping(source, mapping, owner):
                key = (fact.where if isinstance(fact, RunUser) else "", fact.span[0])
                if key not in seen:
                    seen.add(key)
                    yield fact


def _in_template(source: Source) -> bool:
    return is_template(source.text) and chart.in_templates(source.path)


def _has_key(pattern: re.Pattern[str], text: str, indent: int) -> bool:
    """Whether a key stands at the margin, or at the indentation of the first line, which a document may have as a whole."""
    return any(len(match["indent"]) in (0, indent) for match in pattern.finditer(text))


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


def _word(mapping: Mapping, key: str) -> str:
    value = mapping.scalar(key)
    return value.value if value else ""


def _mappings(root: Node) -> Iterator[tuple[Mapping, str]]:
    """Yield every mapping that a manifest asks for, with the manifest it belongs to ("Deployment/web"): not a status, not a schema."""
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
        is_manifest = bool(_word(node, "apiVersion") and _word(node, "kind"))
        if is_manifest and _word(node, "kind") == SCHEMA_KIND:
            continue
        owner = _owner(node) if is_manifest else owner
        yield node, owner
        waiting.extend([(value, owner) for key, value in reversed(node.entries) if not (is_manifest and _is(key, "status"))])


def _is(key: Node, word: str) -> bool:
    return isinstance(key, Scalar) and key.value == word


def _owner(manifest: Mapping) -> str:
    metadata = manifest.mapping("metadata")
    name = (_word(metadata, "name") or _word(metadata, "generateName")) if metadata else ""
    return clipped("/".join(filter(None, (_word(manifest, "kind"), name))))


def _of_mapping(source: Source, mapping: Mapping, owner: str) -> Iterator[ImageUse | RunUser]:
    values = fields(mapping)
    windows = _is_windows(values)
    for key, place in POD_LISTS.items():
        for container in _items(values, key):
            yield from _container(source, container, place, owner, values, whole_pod=True, windows=windows)
    for key in LISTS:
        for container in _items(values, key):
            yield from _container(source, container, "container", owner, {}, whole_pod=False, windows=windows)
    for key in SINGLE:
        single = values.get(key)
        if isinstance(single, Mapping):
            yield from _container(source, single, "container", owner, values, whole_pod=False, windows=windows)
    for volume in _items(values, "volumes"):
        yield from _image_volume(source, volume, owner)


def _items(values: dict[str, Node], key: str) -> list[Mapping]:
    value = values.get(key)
    return [item for item in value.items if isinstance(item, Mapping)] if isinstance(value, Sequence) else []


def _container(
    source: Source, container: Mapping, place: str, owner: str, pod: dict[str, Node], *, whole_pod: bool, windows: bool
) -> Iterator[ImageUse | RunUser]:
    """Yield a container's image and its user. Only a pod spec as a whole can tell that nothing names a user."""
    values = fields(container)
    name = scalar(values, "name") or scalar(pod, "name")
    where = " ".join(filter(None, (owner, place.replace("-", " "), clipped(name.value) if name else "")))
    image = scalar(values, "image")
    use = use_of(source, image, place, where) if image else None
    if use:
        yield use
    if windows or not (use or whole_pod):
        return
    own, inherited = _security(values), _security(pod)
    silent = use.span if use and whole_pod else None
    user = user_of(
        source,
        where,
        own.get("runAsUser") or inherited.get("runAsUser"),
        own.get("runAsNonRoot") or inherited.get("runAsNonRoot"),
        image=use,
        silent=silent,
    )
    if user:
        yield user


def _security(values: dict[str, Node]) -> dict[str, Node]:
    """Return what a security context says; a null in it says nothing."""
    context = values.get("securityContext")
    if not isinstance(context, Mapping):
        return {}
    return {key: value for key, value in fields(context).items() if not (isinstance(value, Scalar) and value.is_null)}


def _is_windows(pod: dict[str, Node]) -> bool:
    system, selector = pod.get("os"), pod.get("nodeSelector")
    names = (
        _word(system, "name") if isinstance(system, Mapping) else "",
        _word(selector, "kubernetes.io/os") if isinstance(selector, Mapping) else "",
    )
    return "windows" in names


def _image_volume(source: Source, volume: Mapping, owner: str) -> Iterator[ImageUse]:
    image = fields(volume).get("image")
    reference = scalar(fields(image), "reference") if isinstance(image, Mapping) else None
    if reference:
        name = clipped(_word(volume, "name"))
        yield use_of(source, reference, "image-volume", " ".join(filter(None, (owner, "volume", name))))


def _kustomize_images(source: Source, root: Mapping) -> Iterator[ImageUse]:
    for entry in _items(fields(root), "images"):
        values = fields(entry)
        name = scalar(values, "newName") or scalar(values, "name")
        if name is None:
            continue
        digest, tag = scalar(values, "digest"), scalar(values, "newTag")
        after: list[Scalar | str] = ["@", digest] if digest else [":", tag] if tag else []
        original = scalar(values, "name") or name
        yield use_of(
            source,
            name,
            "kustomize-image",
            f"Kustomize image {clipped(original.value)}",
            assembled(source.text, name, [], after),
            tag_known=bool(after),
        )
