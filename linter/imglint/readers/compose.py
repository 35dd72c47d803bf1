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
from imglint.yaml.documents import documents
from imglint.yaml.facts import read_documents, traced_text
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import ACTIONS, has_template_actions, with_unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, Span
    from imglint.source import Source

FILES = ("*.yaml", "*.yml")

RESET = "!reset"
"""The tag of a value that the file removes from the files it is merged with."""
HOOKS = ("pre_start", "post_start")

NOT_PULLED = ("build", "never")
"""The values of `pull_policy` with which Compose does not pull an image (`mustPull` in docker/compose, pkg/compose/pull.go)."""

_SERVICE_KEYS = ("image", "user", "build", "volumes", "extends", "pull_policy", *HOOKS)
_TOP_LEVEL = frozenset(("version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"))
_NAME = r"(?:docker-)?compose(?:[-_.0-9].*)?\.ya?ml|.*(?:docker-compose.*|[-_.]compose)\.ya?ml"
_IMAGE_CONTEXT = re.compile(r"(?:[^=]*=)?docker-image://")
"""In lower case only: buildx and BuildKit take any other spelling for a path."""
_SERVICES = re.compile(r"""^["']?services["']?[ \t]*:""", re.MULTILINE)
_RUNS = re.compile(r"""^[ \t]+["']?(?:image|build|extends)["']?[ \t]*:""", re.MULTILINE)


def claims(source: Source) -> bool:
    """Return whether the file is a compose file by its name, or has services that run images and no key that compose files do not have."""
    text, name = source.text, source.name.lower()
    if not name.endswith((".yaml", ".yml")):
        return False
    if "compose" in name and re.fullmatch(_NAME, name):
        return not (is_chart_template(source) or _is_manifest(source))
    if "services" not in text or has_template_actions(text) or not _SERVICES.search(text) or not _RUNS.search(text):
        return False
    if is_values_name(name) or _is_manifest(source):
        return False
    return any(_is_compose(document.root) for document in documents(text))


def _is_manifest(source: Source) -> bool:
    """Return whether the file is a Kubernetes manifest or a Kustomize file."""
    if "apiVersion" not in source.text and not source.name.lower().startswith("kustomization."):
        return False
    # Imported here because few compose files need it.
    from imglint.readers import kubernetes

    return kubernetes.claims(source)


def _is_compose(root: Node | None) -> bool:
    services = root.mapping("services") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or services is None:
        return False
    if not all(key in _TOP_LEVEL or key.startswith("x-") for key in root.by_key):
        return False
    nodes = services.by_key.values()
    return all(isinstance(node, Mapping) for node in nodes) and any(
        isinstance(node, Mapping) and (node.scalar("image") or "build" in node or "extends" in node) for node in nodes
    )


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
        self._inherited: dict[tuple[str, str], tuple[bool, Node | None]] = {}
        self._variables: Variables | None = None
        self._inline_budget: list[int] = []

    def images_and_users(self) -> Iterator[Fact]:
        """Yield the facts of all services."""
        images = self._service_images()
        for name, service in self.services.items():
            image = images.get(name)
            if image is not None and "image" in service.values:
                yield from self._if_new(image)
            yield from self._service_user(service, image)
            yield from self._other_images(service)

    def _service_images(self) -> dict[str, ImageUse]:
        """Return the images of services by the names of the services.

        An image that a service builds is built for all services that use it, and pulled first for those with another `pull_policy` than `build` or
        `never`: Compose builds it only if that fails. A text that services share is that of a pulled image if one of them pulls it.
        """
        images = {name: image for name, service in self.services.items() if (image := self._service_image(service))}
        built = {
            str(image.reference) for name, image in images.items() if image.reference and self._has_build(self.services[name])
        }
        pulled = {image.span for name, image in images.items() if self._may_pull(self.services[name])}
        for name, image in images.items():
            if str(image.reference) in built:
                is_pulled = image.span in pulled
                images[name] = replace(image, built=not is_pulled, built_or_pulled=is_pulled)
        return images

    def _has_build(self, service: Service) -> bool:
        _, value = self._value_in_force(service, "build")
        return value is not None

    def _may_pull(self, service: Service) -> bool:
        _, value = self._value_in_force(service, "pull_policy")
        if not isinstance(value, Scalar):
            return True
        try:
            return self._resolved(traced_text(self.source, value)[0]).text not in NOT_PULLED
        except (UnresolvedVariable, InvalidVariable):
            return True

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
        if not isinstance(value, Scalar):
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
            resolved, unresolved = self._resolved_in_part(text)
        except UnresolvedVariable as error:
            unresolved = str(error)
        except InvalidVariable as error:
            fault = ReferenceProblem(INVALID, str(error), text.span(error.start, error.end))
        use = image_use(self.source, resolved, span, place=place, where=where, role=role, unresolved=unresolved)
        return replace(use, problem=fault) if fault else use

    def _resolved_in_part(self, text: Traced) -> tuple[Traced, str]:
        """Return a text in which variables and template actions without a value are unknown, and the reason for the first.

        Raises UnresolvedVariable if the text is too long, or InvalidVariable.
        """
        reasons: list[UnresolvedVariable] = []
        reason = ""
        if has_template_actions(text.text):
            reason = f"{clipped(text.text)} is filled in outside this file"
            text = with_unknown(text, ACTIONS)
            if has_template_actions(text.text):
                raise UnresolvedVariable(reason)
        if "$" in text.text:
            text = interpolate(text, self._variables_in_force(), unresolved=reasons)
        return text, reason or (str(reasons[0]) if reasons else "")

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
        if isinstance(value, Scalar) and self._is_new((value.start, span)):
            yield self._run_user(value, service.where, image)
        elif value is None and known and self._is_new(("silent", span)):
            yield RunUser(self.source, span, "compose-user", service.where, None, explicit=False, image=image)

    def _value_in_force(self, service: Service, key: str) -> tuple[bool, Node | None]:
        """Return the value that a service sets or inherits by `extends`; with it, whether every service that can set it is in this file.

        Null and blank values are none.
        """
        chain: dict[str, None] = {}
        current: Service | None = service
        while current is not None and current.name not in chain and (current.name, key) not in self._inherited:
            chain[current.name] = None
            value, extends = current.values.get(key), current.extends
            is_reset = isinstance(value, Scalar) and value.tag == RESET
            if isinstance(value, Scalar) and (is_reset or nonblank(value) is None):
                value = None
            if value is not None or is_reset or extends is None:
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
