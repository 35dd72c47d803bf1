"""Kubernetes manifests, in YAML or JSON, Kustomize files and their patches: every pod spec, wherever it is. Imports the YAML trees.

What else names images is read by modules that few files need: `_kustomize.py` and `_custom_resources.py`.
"""

from __future__ import annotations

import re

from imglint.model import UNREAD_FILE, WORKLOAD, ImageUse, Problem, RunUser, image_use
from imglint.printable import clipped
from imglint.readers._chart import is_chart_template, is_values_file
from imglint.yaml.documents import InvalidYaml, has_odd_breaks
from imglint.yaml.facts import ambiguous_merges, image_use_of, read_documents, run_user_of, traced_text
from imglint.yaml.nodes import MERGE, Mapping, Node, Scalar, Sequence
from imglint.yaml.templates import INJECTED, INJECTED_BY, has_template_actions, may_hide_words, unescaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from imglint.model import Fact
    from imglint.source import Source
    from imglint.traced import Traced

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
TASKS = ("Task", "ClusterTask", "StepAction")
"""Kinds of Tekton with parameters of their own. What is embedded in a run or a pipeline gets its parameters from there."""
HOLDERS = frozenset((*POD_LISTS, *LISTS, *SINGLE, "volumes", MERGE))
"""Keys of mappings that may contain images; most mappings have none of them."""
WORDS = ("image", "Image", "runAs", "imglint:")
"""A document with images, users or imglint comments contains one of these words, possibly in escaped form, or VALUES_WORDS."""
VALUES_WORDS = ("repo", "helm")
"""A document of Flux or Argo CD with images in Helm values contains these words, or one of the others."""
BUILT_IN_GROUPS = frozenset(
    f"{group}.k8s.io"
    for group in (
        "admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization", "certificates",
        "coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver", "kustomize.config", "metrics",
        "networking", "node", "rbac.authorization", "resource", "scheduling", "storage", "storagemigration",
    )
)  # fmt: skip
"""The groups of Kubernetes and Kustomize that have a dot. No group of a custom resource has none."""

_KEY = re.compile(r"""(?P<indent>[ ]*)(?P<quote>["']?)(?P<key>\w+)(?P=quote)[ \t]*:(?=[ \t\r\n]|\Z)""")
_FLOW_API_VERSION = re.compile(r"""["']?apiVersion["']?\s*:\s*["']?[A-Za-z]""")
_FLOW_KIND = re.compile(r"""["']?kind["']?\s*:\s*["']?[A-Za-z]""")
_ANY_API_VERSION = r"""(?<![\w.-])apiVersion["']?\s*:"""
_ANY_KIND = r"""(?<![\w.-])kind["']?\s*:"""
_FIRST_KEY = re.compile(r"""[ \t]*["']?(?:apiVersion|kind|metadata|spec|items|data|status)["']?[ \t]*:""")
_SCHEMA = rf"""(?:---[ \t]*\r?\n|[ \t]*(?:\#[^\n]*)?\r?\n|apiVersion:[ ][\w./-]+[ \t]*\r?\n|metadata:[ \t]*\r?\n(?:[ ][\w ./:-]*\r?\n)*)*+
    kind:[ \t]*{SCHEMA_KIND}[ \t]*\r?\n"""
"""How a document begins that is a schema, if nothing before this kind can be the beginning of a scalar."""
_TOP_LINE = re.compile(r"\n[^ \n][^ \n]*")
_SCHEMA_LINES = frozenset(("apiVersion:", "metadata:", "spec:", "status:", "---", "...", "kind:"))
"""The words that begin the lines of a schema that are not indented."""
_DOCKERFILE_NAMES = ("dockerfile", "containerfile")
"""Parts of names that are Dockerfiles, whatever the file contains, unless a YAML extension follows."""
_INSTRUCTION = re.compile(r"[ \t]*(?:FROM|ARG)(?:[ \t]|\Z)", re.IGNORECASE)
"""How a Dockerfile begins, and no Kustomize file."""


def claims(source: Source) -> bool:
    """Return whether the file is a Kustomize file by its name, a JSON patch, or has `apiVersion` and `kind` at the top level of a document."""
    text, name = source.text, source.name.lower()
    kustomize = name in KUSTOMIZE_FILES
    if not kustomize and ("apiVersion" not in text or "kind" not in text) and not may_hide_words(text):
        return _is_json_patch(source, text, name)
    if is_chart_template(source):
        return False
    if kustomize:
        return not (_INSTRUCTION.match(_first_line(text)) or _is_of_its_path(source))
    if "skaffold/" in text or (name.startswith("skaffold") and may_hide_words(text)):
        # Imported here because few files mention Skaffold.
        from imglint.readers import skaffold

        if skaffold.claims(source):
            return False
    named_yaml = name.endswith((".yaml", ".yml", ".json"))
    if not named_yaml and any(word in name for word in _DOCKERFILE_NAMES):
        return False
    looks_like_one = _looks_like_manifest(text, named_yaml)
    if looks_like_one and _is_of_its_path(source):
        return False
    if not named_yaml or (looks_like_one and not is_values_file(source) and "compose" not in name):
        return looks_like_one
    # Imported here because most manifests look like one.
    from imglint.yaml.top_level import roots_with

    # Lines of a quoted or block scalar may look like keys, and keys may look different.
    manifests = roots_with(text, "kind", ("apiVersion", "items", MERGE))
    if any(_is_manifest(root, document) for root, document in manifests):
        return not _is_of_its_path(source)
    return _is_json_patch(source, text, name)


def _is_of_its_path(source: Source) -> bool:
    # Imported here because files that look like no manifest do not need it.
    from imglint.readers._fixed_paths import is_of_its_path

    return is_of_its_path(source)


def _is_json_patch(source: Source, text: str, name: str) -> bool:
    """Return whether the file is a JSON patch: a list of operations on a manifest, as Kustomize takes them."""
    if (
        not name.endswith((".yaml", ".yml", ".json"))
        or "compose" in name
        or not _first_line(text).lstrip().startswith(("-", "["))
    ):
        return False
    if ("op" not in text or "path" not in text) and not may_hide_words(text):
        return False
    # Imported here because few files are lists.
    from imglint.readers._json_patch import is_json_patch

    return is_json_patch(text) and not is_chart_template(source)


def _looks_like_manifest(text: str, named_yaml: bool) -> bool:
    first = _first_line(text)
    if first.lstrip().startswith("{"):
        return _FLOW_API_VERSION.search(text) is not None and _FLOW_KIND.search(text) is not None
    if named_yaml or _FIRST_KEY.match(first):
        indent = len(first) - len(first.lstrip(" "))
        return _has_key("apiVersion", text, indent) and _has_key("kind", text, indent)
    return False


def _is_manifest(root: Node | InvalidYaml, document: str) -> bool:
    """Return whether a document is a manifest by its top level; if it is broken, by its text."""
    if isinstance(root, Mapping):
        return "kind" in root and ("apiVersion" in root or isinstance(root.get("items"), Sequence))
    if not isinstance(root, InvalidYaml):
        return False
    text = unescaped(document)
    if _looks_like_manifest(text, named_yaml=True):
        return True
    # What engines read after all, such as nesting beyond a limit, has to be reported.
    anywhere = root.is_limit or not has_template_actions(document)
    return anywhere and re.search(_ANY_API_VERSION, text) is not None and re.search(_ANY_KIND, text) is not None


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users of all pod specs, and what Kustomize files and custom resources name."""
    name = source.name.lower()
    kustomize = name in KUSTOMIZE_FILES
    roots, file_facts = read_documents(source, None if kustomize else _may_name_images)
    yield from file_facts
    yield from ambiguous_merges(source, roots)
    seen: set[tuple[str, int]] = set()
    for root in roots:
        for fact in _document_facts(source, root, kustomize):
            if isinstance(fact, (ImageUse, RunUser)):
                key = (fact.where if isinstance(fact, RunUser) else "", fact.span[0])
                if key in seen:
                    continue
                seen.add(key)
            yield fact
    if is_values_file(source):
        # Imported here because few manifests are named as values are.
        from imglint.readers._values import images_and_users

        for root in roots:
            for fact in images_and_users(source, root):
                if isinstance(fact, ImageUse) and ("", fact.span[0]) not in seen:
                    seen.add(("", fact.span[0]))
                    yield fact


def _document_facts(source: Source, root: Node, kustomize: bool) -> Iterator[Fact]:
    """Return the facts of a document, `kustomize` being whether the file is a Kustomize file by its name."""
    resources = _resources(root)
    kind = root.text("kind") if isinstance(root, Mapping) else ""
    is_kustomization = isinstance(root, Mapping) and (kustomize or kind in KUSTOMIZE_KINDS)
    custom = [resource for resource in resources.values() if _is_custom(resource)]
    if custom or is_kustomization or isinstance(root, Sequence):
        return _extended_facts(source, root, resources, custom, is_kustomization)
    if isinstance(root, Mapping) and not kind:
        return _kindless_facts(source, root, resources)
    return _pod_facts(source, root, resources)


def _extended_facts(
    source: Source, root: Node, resources: dict[int, Mapping], custom: list[Mapping], is_kustomization: bool
) -> Iterator[Fact]:
    """Yield the facts of a document with custom resources, or of a Kustomize file or a JSON patch."""
    # Imported here because most documents are neither.
    from imglint.readers._kustomize import Kustomizations

    apart: set[int] = set()
    kustomizations = Kustomizations(source, apart, _pod_facts, _owner)
    if isinstance(root, Sequence):
        kustomizations.operations(root)
    elif is_kustomization and isinstance(root, Mapping):
        yield from kustomizations.images_and_texts(root)
    if not custom:
        yield from kustomizations.patches()
        yield from _pod_facts(source, root, resources, apart)
        return
    from imglint.readers._custom_resources import CustomResources

    others = CustomResources(source, [(resource, _owner(resource)) for resource in custom], kustomizations, apart)
    yield from others.values_and_changes()
    yield from kustomizations.patches()
    together = Sequence(root.start)
    together.items += [root, *others.containers()]
    yield from _pod_facts(source, together, resources, apart)
    yield from others.images()


def _is_custom(resource: Mapping) -> bool:
    version = resource.text("apiVersion")
    if "." not in version:
        return False
    group, slash, _ = version.partition("/")
    return "." in group and slash != "" and group not in BUILT_IN_GROUPS and resource.text("kind") != ""


def _pod_facts(
    source: Source, root: Node, resources: Collection[int] = (), apart: Collection[int] = ()
) -> Iterator[ImageUse | RunUser]:
    """Yield the images and users in the pod specs below a node, `resources` being the ids of whole resources and `apart` those of nodes to skip."""
    manifests = _ManifestReader(source)
    for mapping, owner in _holders(root, resources, apart):
        yield from manifests.images_and_users(mapping, owner)


def _kindless_facts(source: Source, root: Mapping, resources: dict[int, Mapping]) -> Iterator[Fact]:
    """Yield the facts of a document without a kind; a problem if it is one of a compose file between the manifests."""
    services = root.mapping("services")
    if services and any(isinstance(node, Mapping) and ("image" in node or "build" in node) for _, node in services.items()):
        message = "this file has both manifests and services; move the services to a compose file"
        yield Problem(source, (services.start, services.start), message, UNREAD_FILE)
    yield from _pod_facts(source, root, resources)


def _may_name_images(document: str) -> bool:
    if SCHEMA_KIND in document and "imglint:" not in document and _is_schema(document):
        return False
    if any(word in document for word in WORDS) or may_hide_words(document):
        return True
    return all(word in document for word in VALUES_WORDS)


def _is_schema(document: str) -> bool:
    """Return whether a document is a schema without parsing it. Its text has to show that no other line can be its `kind`."""
    schema = re.compile(_SCHEMA, re.VERBOSE).match(document.lstrip("\r\n"))
    if not schema or has_odd_breaks(document):
        return False
    words = [line[1:].rstrip("\r") for line in _TOP_LINE.findall(f"\n{document}")]
    return words.count("kind:") == 1 and all(word in _SCHEMA_LINES or not word or word[0] == "#" for word in words)


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


def _holders(root: Node, resources: Collection[int], apart: Collection[int]) -> Iterator[tuple[Mapping, str]]:
    """Yield each mapping that has one of HOLDERS, with the manifest it is in ("Deployment/web"). Skip status and schemas, which request nothing."""
    waiting: list[tuple[Node, str]] = [(root, "")]
    entered = set(apart)
    while waiting:
        node, owner = waiting.pop()
        if id(node) in entered or isinstance(node, Scalar):
            continue
        entered.add(id(node))
        if isinstance(node, Sequence):
            waiting.extend([(item, owner) for item in reversed(node.items)])
            continue
        kind = node.text("kind") if "apiVersion" in node.by_key and node.text("apiVersion") else ""
        if kind == SCHEMA_KIND and id(node) in resources:
            entered.discard(id(node))
            continue
        owner = _owner(node) if kind else owner
        if not HOLDERS.isdisjoint(node.by_key):
            yield node, owner
        entries = [entry for entry in node.entries if not _is_status(entry[0])] if kind else node.entries
        waiting.extend([(value, owner) for _, value in reversed(entries) if value.__class__ is not Scalar])


def _resources(root: Node) -> dict[int, Mapping]:
    """Return the nodes that are resources, by id: the root and the items of lists. A schema is only skipped there."""
    found: dict[int, Mapping] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping) and id(node) not in found:
            found[id(node)] = node
            waiting.extend(node.sequence("items"))
    return found


def _is_status(key: Node) -> bool:
    return isinstance(key, Scalar) and key.value == "status"


def _owner(manifest: Mapping) -> str:
    kind, metadata = manifest.text("kind"), manifest.mapping("metadata")
    name = (metadata.text("name") or metadata.text("generateName")) if metadata else ""
    return clipped(f"{kind}/{name}" if name else kind)


class _ManifestReader:
    """Reads the manifests of one file. A list or an image that aliases put in several places is read once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._entered: set[int] = set()
        self._uses: dict[int, ImageUse] = {}
        self._defaults: dict[int, dict[str, Scalar]] = {}
        """Of parameters, by the id of the task. A document keeps its nodes alive while it is read."""

    def images_and_users(self, mapping: Mapping, owner: str) -> Iterator[ImageUse | RunUser]:
        """Yield the images and users of a mapping if it is a pod spec or has containers of its own."""
        windows = _is_windows(mapping)
        task = mapping if owner.partition("/")[0] in TASKS else None
        for key, place in POD_LISTS.items():
            for container in self._mappings(mapping, key):
                yield from self._container(container, place, owner, mapping, task, whole_pod=True, windows=windows)
        for key in LISTS:
            for container in self._mappings(mapping, key):
                yield from self._container(container, "container", owner, None, task, whole_pod=False, windows=windows)
        for key in SINGLE:
            single = mapping.mapping(key)
            if single:
                yield from self._container(single, "container", owner, mapping, task, whole_pod=False, windows=windows)
        for volume in self._mappings(mapping, "volumes"):
            image = volume.mapping("image")
            reference = image.scalar("reference") if image else None
            if reference:
                yield self._use(reference, "image-volume", _words(owner, "volume", clipped(volume.text("name"))), None)

    def _use(self, image: Scalar, place: str, where: str, task: Mapping | None) -> ImageUse:
        if image.value == INJECTED:
            _, span = traced_text(self.source, image)
            return image_use(self.source, None, span, place=place, where=where, role=WORKLOAD, unresolved=INJECTED_BY)
        if image.start not in self._uses:
            resolve = self._with_defaults_of(task) if task and "params" in image.value else None
            self._uses[image.start] = image_use_of(self.source, image, place=place, where=where, resolve=resolve)
        return self._uses[image.start]

    def _with_defaults_of(self, task: Mapping) -> Callable[[Traced], Traced]:
        # Imported here because few manifests are tasks.
        from imglint.readers._tekton import defaults_of, with_defaults

        if id(task) not in self._defaults:
            self._defaults[id(task)] = defaults_of(task)
        return lambda text: with_defaults(self.source, text, self._defaults[id(task)])

    def _mappings(self, mapping: Mapping, key: str) -> Iterator[Mapping]:
        """Yield the mappings in the sequence under a key, unless it was already read through another alias."""
        items = mapping.get(key)
        if isinstance(items, Sequence) and id(items) not in self._entered:
            self._entered.add(id(items))
            for item in items.items:
                if isinstance(item, Mapping):
                    yield item

    def _container(
        self,
        container: Mapping,
        place: str,
        owner: str,
        pod: Mapping | None,
        task: Mapping | None,
        *,
        whole_pod: bool,
        windows: bool,
    ) -> Iterator[ImageUse | RunUser]:
        """Yield a container's image and its user. That no user is set shows only in a whole pod spec."""
        name = container.text("name") or (pod.text("name") if pod else "")
        where = _words(owner, place.replace("-", " "), clipped(name))
        image = container.scalar("image")
        use = self._use(image, place, where, task) if image else None
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
