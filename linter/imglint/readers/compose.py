"""Compose files: the images that services run, are built with, mount and use in hooks. Imports the YAML trees; for inline Dockerfiles, their reader.

The format is that of the Compose Specification. Variables are resolved from the policy's `variables`, then from `.env` in the same folder, then from
their defaults.
"""

from __future__ import annotations

import re

from imglint.model import BUILD, INVALID, WORKLOAD, ImageUse, ReferenceProblem, RunUser, image_use
from imglint.printable import clipped
from imglint.readers._chart import is_chart_template, is_values_name
from imglint.readers._compose_variables import InvalidVariable, UnresolvedVariable, Variables, dotenv, interpolate
from imglint.records import record, replace
from imglint.traced import Traced, literal
from imglint.yaml.facts import read_documents, traced_text
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import has_template_actions, may_hide_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, Span
    from imglint.source import Source
    from imglint.yaml.documents import InvalidYaml

FILES = ("*.yaml", "*.yml")

RESET = "!reset"
"""The tag of a value that the file removes from the files it is merged with."""
HOOKS = ("pre_start", "post_start")

_SERVICE_KEYS = ("image", "user", "build", "volumes", "extends", *HOOKS)
_TOP_LEVEL = frozenset(("version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"))
_NAME = r"(?:docker-)?compose(?:[-_.0-9].*)?\.ya?ml|.*(?:docker-compose.*|[-_.]compose)\.ya?ml"
_IMAGE_CONTEXT = re.compile(r"(?:[^=]*=)?docker-image://")


def claims(source: Source) -> bool:
    """Return whether the file is a compose file by its name, or has services that run images and no key that compose files do not have."""
    text, name = source.text, source.name.lower()
    if not name.endswith((".yaml", ".yml")):
        return False
    if "compose" in name and re.fullmatch(_NAME, name):
        return not (is_chart_template(source) or _is_manifest(source))
    if "services" not in text and not may_hide_words(text):
        return False
    if is_values_name(name) or is_chart_template(source) or _is_manifest(source):
        return False
    # Imported here because most compose files have the name of one.
    from imglint.yaml.top_level import roots_with

    return any(_is_compose(root) for root, _ in roots_with(text, "services"))


def _is_manifest(source: Source) -> bool:
    """Return whether the file is a Kubernetes manifest or a Kustomize file."""
    text = source.text
    if "apiVersion" not in text and not source.name.lower().startswith("kustomization.") and not may_hide_words(text):
        return False
    # Imported here because few compose files need it.
    from imglint.readers import kubernetes

    return kubernetes.claims(source)


def _is_compose(root: Node | InvalidYaml) -> bool:
    services = root.mapping("services") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or services is None:
        return False
    if not all(key in _TOP_LEVEL or key.startswith("x-") for key, _ in root.items()):
        return False
    nodes = [node for _, node in services.items()]
    return all(isinstance(node, Mapping) for node in nodes) and any(
        isinstance(node, Mapping) and (_is_image(node.scalar("image")) or "build" in node or "extends" in node) for node in nodes
    )


def _is_image(image: Scalar | None) -> bool:
    """Return whether an image can be one in a compose file; template engines fill in the others before they are one."""
    return image is not None and not has_template_actions(image.value)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images that the services of a file name, and the users that they run as."""
    roots, file_facts = read_documents(source)
    yield from file_facts
    for root in roots:
        if isinstance(root, Mapping):
            yield from _ComposeReader(source, root).images_and_users()


@record
class Service:
    """One service: its name, the span of the name, and its values for _SERVICE_KEYS, merge keys included."""

    name: str
    span: Span
    values: dict[str, Node]

    @property
    def where(self) -> str:
        """The service in words."""
        return f"service {clipped(self.name)}"

    @property
    def extends(self) -> tuple[str, bool] | None:
        """The name of the service that this one extends, and whether that is in the same file."""
        value = self.values.get("extends")
        if isinstance(value, Scalar):
            return value.value, True
        if not isinstance(value, Mapping):
            return None
        name = value.scalar("service")
        return (name.value, value.scalar("file") is None) if name else None


def _services(root: Mapping) -> dict[str, Service]:
    services = root.mapping("services")
    if services is None:
        return {}
    spans = {key.value: (key.start, key.end) for key, _ in services.entries if isinstance(key, Scalar)}
    return {
        name: Service(
            name,
            spans.get(name, (node.start, node.start)),
            {key: value for key in _SERVICE_KEYS if (value := node.get(key)) is not None},
        )
        for name, node in services.items()
        if isinstance(node, Mapping)
    }


class _ComposeReader:
    """Reads one compose document."""

    def __init__(self, source: Source, root: Mapping) -> None:
        self.source = source
        self.services = _services(root)
        self._seen: set[object] = set()
        self._inherited: dict[tuple[str, str], tuple[bool, Scalar | None]] = {}
        self._variables: Variables | None = None
        self._inline_budget: list[int] = []

    def images_and_users(self) -> Iterator[Fact]:
        """Yield the facts of all services. An image that one of them builds is marked as built in all of them."""
        built = {
            str(image.reference)
            for service in self.services.values()
            if "build" in service.values and (image := self._service_image(service))
        }
        for service in self.services.values():
            image = self._service_image(service)
            if image is not None:
                image = replace(image, built=image.reference is not None and str(image.reference) in built)
                if "image" in service.values:
                    yield from self._if_new(image)
            yield from self._service_user(service, image)
            yield from self._other_images(service)

    def _is_new(self, item: object) -> bool:
        """Return whether an item has not been read before; services share items by anchors."""
        new = item not in self._seen
        self._seen.add(item)
        return new

    def _if_new(self, use: ImageUse) -> Iterator[ImageUse]:
        """Yield a use unless one of the same text has been yielded before."""
        if self._is_new(("image", use.span[0])):
            yield use

    def _service_image(self, service: Service) -> ImageUse | None:
        """Return the image that a service runs, if it names one or inherits one in this file."""
        _, value = self._value_in_force(service, "image")
        if value is None or value.tag == RESET:
            return None
        text, span = traced_text(self.source, value)
        return self._use(text, span, "compose-image", service.where, WORKLOAD)

    def _other_images(self, service: Service) -> Iterator[Fact]:
        """Yield the images that a service mounts, uses in hooks, or is built with."""
        for mount in self._new_mappings(service.values.get("volumes")):
            if mount.text("type") == "image":
                yield from self._named_image(mount.scalar("source"), "image-volume", f"{service.where} volume")
        for hook in HOOKS:
            for step in self._new_mappings(service.values.get(hook)):
                yield from self._named_image(step.scalar("image"), "hook", f"{service.where} {hook}")
        build = service.values.get("build")
        if isinstance(build, Mapping) and self._is_new(build):
            yield from self._build_images(build, service.where)

    def _new_mappings(self, sequence: Node | None) -> Iterator[Mapping]:
        """Yield the mappings in a sequence, unless another service has led here before."""
        if isinstance(sequence, Sequence) and self._is_new(sequence):
            for item in sequence.items:
                if isinstance(item, Mapping):
                    yield item

    def _named_image(self, value: Scalar | None, place: str, where: str) -> Iterator[ImageUse]:
        if value is not None:
            text, span = traced_text(self.source, value)
            yield from self._if_new(self._use(text, span, place, where, WORKLOAD))

    def _build_images(self, build: Mapping, where: str) -> Iterator[Fact]:
        """Yield the images of a build: its additional contexts, its caches, and those in its inline Dockerfile."""
        contexts = list(_pairs(build.get("additional_contexts")))
        for name, _, node in contexts:
            yield from self._images_within(node, _image_contexts, "additional-context", f"{where} context {clipped(name)}")
        for cache in build.sequence("cache_from"):
            yield from self._images_within(cache, _cached_images, "cache-from", f"{where} cache_from")
        dockerfile = build.scalar("dockerfile_inline")
        if dockerfile is not None and self._is_new(dockerfile):
            yield from self._inline_dockerfile(dockerfile, build, frozenset(name for name, _, _ in contexts), where)

    def _inline_dockerfile(self, dockerfile: Scalar, build: Mapping, contexts: frozenset[str], where: str) -> Iterator[Fact]:
        """Yield the facts of an inline Dockerfile. A name of one of the build's additional contexts is not an image there."""
        from imglint.readers import _inline_dockerfile as inline

        self._inline_budget = self._inline_budget or [inline.ALL_TEXT_MAX]
        target = build.scalar("target")
        for fact in inline.read_inline_dockerfile(
            self.source,
            dockerfile,
            self._variables_in_force(),
            arguments={**self._arguments(build), **self.source.variables},
            targets=(target.value,) if target else self.source.targets,
            prefix=f"{where} ",
            budget=self._inline_budget,
        ):
            use = fact.image if isinstance(fact, RunUser) and fact.user is None else fact
            if not (isinstance(use, ImageUse) and use.text in contexts):
                yield fact

    def _arguments(self, build: Mapping) -> dict[str, str]:
        """Return a build's arguments whose values can be resolved. One without a value would come from the environment and is left out."""
        values = {}
        for name, value, _ in _pairs(build.get("args")):
            try:
                values[name] = self._resolved(literal(value, 0)).text
            except (UnresolvedVariable, InvalidVariable):
                continue
        return values

    def _images_within(self, value: Node, find: Callable[[str], list[Span]], place: str, where: str) -> Iterator[ImageUse]:
        """Yield the images that parts of a scalar name; `find` returns the spans of these parts in the scalar's text."""
        if isinstance(value, Scalar) and not value.is_null:
            text, whole = traced_text(self.source, value)
            for start, end in find(text.text):
                part = text.cut(start, end)
                span = part.span(0, end - start) if part.pieces else whole
                yield from self._if_new(self._use(part, span, place, where, BUILD))

    def _use(self, text: Traced, span: Span, place: str, where: str, role: str) -> ImageUse:
        """Return the use of the image that a text names after its variables are resolved."""
        unresolved, resolved, fault = "", None, None
        try:
            if has_template_actions(text.text):
                unresolved = f"{clipped(text.text)} is filled in outside this file"
            else:
                resolved = self._resolved(text)
        except UnresolvedVariable as error:
            unresolved = str(error)
        except InvalidVariable as error:
            fault = ReferenceProblem(INVALID, str(error), text.span(error.start, error.end))
        use = image_use(self.source, resolved, span, place=place, where=where, role=role, unresolved=unresolved)
        return replace(use, problem=fault) if fault else use

    def _resolved(self, text: Traced) -> Traced:
        """Return a text with its variables resolved. Raises UnresolvedVariable or InvalidVariable."""
        return interpolate(text, self._variables_in_force()) if "$" in text.text else text

    def _variables_in_force(self) -> Variables:
        if self._variables is None:
            self._variables = dotenv(self.source.beside(".env") or "", self.source.variables)
        return self._variables

    def _service_user(self, service: Service, image: ImageUse | None) -> Iterator[RunUser]:
        """Yield who a service runs as. Nothing is known if it sets no user and extends a service in another file."""
        known, value = self._value_in_force(service, "user")
        span = image.span if image else service.span
        if value is not None and self._is_new((value.start, span)):
            yield self._run_user(value, service.where, image)
        elif value is None and known and self._is_new(("silent", span)):
            yield RunUser(self.source, span, "compose-user", service.where, None, explicit=False, image=image)

    def _value_in_force(self, service: Service, key: str) -> tuple[bool, Scalar | None]:
        """Return the value that a service sets or inherits by `extends`; with it, whether every service that can set it is in this file."""
        chain: dict[str, None] = {}
        current: Service | None = service
        while current is not None and current.name not in chain and (current.name, key) not in self._inherited:
            chain[current.name] = None
            value, extends = nonblank(current.values.get(key)), current.extends
            if value is not None or extends is None:
                self._inherited[current.name, key] = (True, value)
                break
            base, same_file = extends
            current = self.services.get(base) if same_file else None
        found = self._inherited.get((current.name, key), (False, None)) if current else (False, None)
        self._inherited.update(dict.fromkeys([(name, key) for name in chain], found))
        return found

    def _run_user(self, value: Scalar, where: str, image: ImageUse | None) -> RunUser:
        text, span = traced_text(self.source, value)
        try:
            resolved = self._resolved(text)
        except (UnresolvedVariable, InvalidVariable):
            return RunUser(self.source, span, "compose-user", where, None, known=False, image=image)
        span = resolved.span(0, len(resolved.text)) if resolved.text else span
        return RunUser(self.source, span, "compose-user", where, resolved.text, image=image)


def _pairs(node: Node | None) -> Iterator[tuple[str, str, Scalar]]:
    """Yield names and values, from a map or a list of `NAME=VALUE`, each with the scalar of the value. Skip names without a value."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Scalar) and not value.is_null:
            yield key, value.value, value
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar):
            name, equals, text = item.value.partition("=")
            if equals:
                yield name, text, item


def _image_contexts(text: str) -> list[Span]:
    """Return the span of the image in an additional context: `docker-image://IMAGE` in a map, `NAME=docker-image://IMAGE` in a list."""
    match = _IMAGE_CONTEXT.match(text)
    return [(match.end(), len(text))] if match else []


def _cached_images(text: str) -> list[Span]:
    """Return the spans of the images in a cache: written alone, or as `type=registry,ref=IMAGE`."""
    fields, at = [], 0
    for field in text.split(","):
        fields.append((at, field))
        at += len(field) + 1
    if "=" not in text:
        return [(at, at + len(field)) for at, field in fields if field]
    if not any(field.strip() == "type=registry" for _, field in fields):
        return []
    return [(at + len("ref="), at + len(field)) for at, field in fields if field.startswith("ref=")]
