"""Compose files: the images that services run, build with, mount and hook in. Imports the YAML trees, for inline Dockerfiles their reader.

The format is that of the Compose Specification. Variables are resolved from the policy's `variables`, from `.env` beside the file, and from their
defaults, in this order.
"""

from __future__ import annotations

import re

from imglint.model import INVALID, ImageUse, ReferenceProblem, RunUser, image_use
from imglint.printable import clipped
from imglint.readers._chart import is_values_name
from imglint.readers._compose_variables import InvalidVariable, UnresolvedVariable, Values, dotenv, interpolate
from imglint.record import record, replace
from imglint.traced import Traced, literal
from imglint.yaml.documents import documents
from imglint.yaml.facts import Values as Merged
from imglint.yaml.facts import fields, read_documents, scalar, written
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence
from imglint.yaml.templates import is_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, Span
    from imglint.source import Source

FILES = ("*.yaml", "*.yml")

RESET = "!reset"
"""The tag of a value that a compose file takes back from those it is merged with."""
HOOKS = ("pre_start", "post_start")

_SERVICE_KEYS = ("image", "user", "build", "volumes", "extends", *HOOKS)
_TOP_LEVEL = frozenset(("version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"))
_NAME = r"(?:docker-)?compose(?:[-_.0-9].*)?\.ya?ml|.*(?:docker-compose.*|[-_.]compose)\.ya?ml"
_IMAGE_CONTEXT = re.compile(r"(?:[^=]*=)?docker-image://")
_SERVICES = re.compile(r"""^["']?services["']?[ \t]*:""", re.MULTILINE)
_MANIFEST = re.compile(r"""^["']?apiVersion["']?[ \t]*:""", re.MULTILINE)
_RUNS = re.compile(r"""^[ \t]+["']?(?:image|build|extends)["']?[ \t]*:""", re.MULTILINE)


def claims(source: Source) -> bool:
    """Whether the file is a compose file by its name, or holds services that run images and nothing that a compose file cannot hold."""
    text, name = source.text, source.name.lower()
    if not name.endswith((".yaml", ".yml")) or _MANIFEST.search(text):
        return False
    if "compose" in name and re.fullmatch(_NAME, name):
        return True
    if "services" not in text or is_template(text) or not _SERVICES.search(text) or not _RUNS.search(text):
        return False
    return not is_values_name(name) and any(_is_compose(document.root) for document in documents(text))


def _is_compose(root: Node | None) -> bool:
    services = root.mapping("services") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or services is None:
        return False
    if not all(key in _TOP_LEVEL or key.startswith("x-") for key in root.by_key):
        return False
    nodes = services.by_key.values()
    return all(isinstance(node, Mapping) for node in nodes) and any(
        isinstance(node, Mapping) and (scalar(node.by_key, "image") or "build" in node.by_key or "extends" in node.by_key)
        for node in nodes
    )


def read(source: Source) -> Iterator[Fact]:
    """Yield the images that the services of a file name, and the users that they run as."""
    roots: list[Node] = []
    yield from read_documents(source, roots)
    for root in roots:
        if isinstance(root, Mapping):
            yield from _File(source, root).facts()


@record
class Service:
    """One service: its name, where that stands, and the values that it has of _SERVICE_KEYS, merge keys followed."""

    name: str
    span: Span
    values: dict[str, Node]

    @property
    def where(self) -> str:
        """The service in words."""
        return f"service {clipped(self.name)}"

    @property
    def extends(self) -> tuple[str, bool] | None:
        """The service that this one extends, and whether it is one of the same file."""
        value = self.values.get("extends")
        if isinstance(value, Scalar):
            return value.value, True
        name = value.scalar("service") if isinstance(value, Mapping) else None
        return (name.value, value.scalar("file") is None) if isinstance(value, Mapping) and name else None


def _services(root: Mapping) -> dict[str, Service]:
    services = root.mapping("services")
    if services is None:
        return {}
    spans = {key.value: (key.start, key.end) for key, _ in services.entries if isinstance(key, Scalar)}
    return {
        name: Service(name, spans.get(name, (node.start, node.start)), _values(node))
        for name, node in fields(services).items()
        if isinstance(node, Mapping)
    }


def _values(service: Mapping) -> dict[str, Node]:
    values = Merged(service)
    return {key: value for key in _SERVICE_KEYS if (value := values.get(key)) is not None}


class _File:
    """One compose document while it is read."""

    def __init__(self, source: Source, root: Mapping) -> None:
        self.source = source
        self.services = _services(root)
        self.seen: set[object] = set()
        self.known: dict[tuple[str, str], tuple[bool, Scalar | None]] = {}
        self.variables: Values | None = None
        self.inline_budget: list[int] = []

    def facts(self) -> Iterator[Fact]:
        """Yield what the services name. An image that one of them builds is a result of this repository for all of them."""
        built = {
            str(image.reference)
            for service in self.services.values()
            if "build" in service.values and (image := self.image(service))
        }
        for service in self.services.values():
            image = self.image(service)
            if image is not None:
                image = replace(image, built=image.reference is not None and str(image.reference) in built)
                if "image" in service.values:
                    yield from self.once(image)
            yield from self.user(service, image)
            yield from self.other_images(service)

    def first(self, what: object) -> bool:
        """Whether this is met for the first time: through anchors, services share what they name."""
        new = what not in self.seen
        self.seen.add(what)
        return new

    def once(self, use: ImageUse) -> Iterator[ImageUse]:
        """Yield a use where no use of the same text has been yielded."""
        if self.first(("image", use.span[0])):
            yield use

    def image(self, service: Service) -> ImageUse | None:
        """Return the image that a service runs, if it names one or inherits one in this file."""
        _, value = self.inherited(service, "image")
        if value is None or value.tag == RESET:
            return None
        text, span = written(self.source.text, value)
        return self.use(text, span, "compose-image", service.where, "workload")

    def other_images(self, service: Service) -> Iterator[Fact]:
        """Yield the images that a service mounts, hooks in, or is built with."""
        volumes, build = service.values.get("volumes"), service.values.get("build")
        if isinstance(volumes, Sequence) and self.first(volumes):
            for mount in _mappings(volumes):
                kind = mount.scalar("type")
                if kind and kind.value == "image":
                    yield from self.named(mount.scalar("source"), "image-volume", f"{service.where} volume")
        for hook in HOOKS:
            steps = service.values.get(hook)
            if isinstance(steps, Sequence) and self.first(steps):
                for step in _mappings(steps):
                    yield from self.named(step.scalar("image"), "hook", f"{service.where} {hook}")
        if isinstance(build, Mapping) and self.first(build):
            yield from self.build_images(build, service.where)

    def named(self, value: Scalar | None, place: str, where: str) -> Iterator[ImageUse]:
        """Yield the use of the image that a scalar names as a whole."""
        if value is not None:
            text, span = written(self.source.text, value)
            yield from self.once(self.use(text, span, place, where, "workload"))

    def build_images(self, build: Mapping, where: str) -> Iterator[Fact]:
        """Yield the images that a build takes as additional contexts, from which it takes its cache, and what its inline Dockerfile says."""
        contexts = list(_pairs(build.get("additional_contexts")))
        for name, _, node in contexts:
            yield from self.parts(node, _contexts, "additional-context", f"{where} context {clipped(name)}")
        for cache in build.sequence("cache_from"):
            yield from self.parts(cache, _caches, "cache-from", f"{where} cache_from")
        dockerfile = build.scalar("dockerfile_inline")
        if dockerfile is not None and self.first(dockerfile):
            yield from self.inline_facts(dockerfile, build, frozenset(name for name, _, _ in contexts), where)

    def inline_facts(self, dockerfile: Scalar, build: Mapping, contexts: frozenset[str], where: str) -> Iterator[Fact]:
        """Yield what a Dockerfile says that stands in a build; the name of one of its additional contexts is no image there."""
        from imglint.readers import _inline_dockerfile as inline

        self.inline_budget = self.inline_budget or [inline.ALL_TEXT_MAX]
        target = build.scalar("target")
        targets = (target.value,) if target else self.source.targets
        arguments = {**self.arguments(build), **self.source.variables}
        for fact in inline.read_inline_dockerfile(
            self.source,
            dockerfile,
            self.values(),
            arguments=arguments,
            targets=targets,
            prefix=f"{where} ",
            budget=self.inline_budget,
        ):
            use = fact.image if isinstance(fact, RunUser) and fact.user is None else fact
            if not (isinstance(use, ImageUse) and use.text in contexts):
                yield fact

    def arguments(self, build: Mapping) -> dict[str, str]:
        """Return the values of a build's arguments, those whose variables can be resolved; one without a value comes from the environment."""
        values = {}
        for name, value, _ in _pairs(build.get("args")):
            try:
                values[name] = self.resolved(literal(value, 0)).text
            except (UnresolvedVariable, InvalidVariable):
                continue
        return values

    def parts(self, value: Node, find: Callable[[str], list[Span]], place: str, where: str) -> Iterator[ImageUse]:
        """Yield the uses of the images that parts of a scalar name: from and to offsets that `find` gives."""
        if isinstance(value, Scalar) and not value.is_null:
            text, whole = written(self.source.text, value)
            for start, end in find(text.text):
                part = text.cut(start, end)
                span = part.span(0, end - start) if part.pieces else whole
                yield from self.once(self.use(part, span, place, where, "build"))

    def use(self, text: Traced, span: Span, place: str, where: str, role: str) -> ImageUse:
        """Return the use of the image that a text names once its variables are resolved."""
        unresolved, resolved, problem = "", None, None
        try:
            if is_template(text.text):
                unresolved = f"{clipped(text.text)} is filled in outside of this file"
            else:
                resolved = self.resolved(text)
        except UnresolvedVariable as error:
            unresolved = str(error)
        except InvalidVariable as error:
            problem = ReferenceProblem(INVALID, str(error), text.span(error.start, error.end))
        use = image_use(self.source, resolved, span, place=place, where=where, role=role, unresolved=unresolved)
        return replace(use, problem=problem) if problem else use

    def resolved(self, text: Traced) -> Traced:
        """Return a text with its variables resolved. Raises UnresolvedVariable or InvalidVariable."""
        return interpolate(text, self.values()) if "$" in text.text else text

    def values(self) -> Values:
        """Return what variables stand for, in this file."""
        if self.variables is None:
            self.variables = dotenv(self.source.beside(".env") or "", self.source.variables)
        return self.variables

    def user(self, service: Service, image: ImageUse | None) -> Iterator[RunUser]:
        """Yield who a service runs as. One that inherits from another file and says nothing itself cannot be judged."""
        known, found = self.inherited(service, "user")
        span = image.span if image else service.span
        if found is not None and self.first((found.start, span)):
            yield self.run_user(found, service.where, image)
        elif found is None and known and self.first(("silent", span)):
            yield RunUser(self.source, span, "compose-user", service.where, None, explicit=False, image=image)

    def inherited(self, service: Service, key: str) -> tuple[bool, Scalar | None]:
        """Return the value that a service has by itself or by what it extends, and whether that is all in this file."""
        chain: dict[str, None] = {}
        current: Service | None = service
        while current is not None and current.name not in chain and (current.name, key) not in self.known:
            chain[current.name] = None
            value, extends = scalar(current.values, key), current.extends
            if value is not None or extends is None:
                self.known[current.name, key] = (True, value)
                break
            base, here = extends
            current = self.services.get(base) if here else None
        found = self.known.get((current.name, key), (False, None)) if current else (False, None)
        self.known.update(dict.fromkeys([(name, key) for name in chain], found))
        return found

    def run_user(self, value: Scalar, where: str, image: ImageUse | None) -> RunUser:
        """Return the user that a scalar names once its variables are resolved."""
        text, span = written(self.source.text, value)
        try:
            resolved = self.resolved(text)
        except (UnresolvedVariable, InvalidVariable):
            return RunUser(self.source, span, "compose-user", where, None, known=False, image=image)
        place = resolved.span(0, len(resolved.text)) if resolved.text else span
        return RunUser(self.source, place, "compose-user", where, resolved.text, image=image)


def _mappings(sequence: Sequence) -> Iterator[Mapping]:
    return (node for node in sequence.items if isinstance(node, Mapping))


def _pairs(node: Node | None) -> Iterator[tuple[str, str, Scalar]]:
    """Yield names and values, written as a map or as a list of `NAME=VALUE`, and the scalar that holds the value; not those without a value."""
    for key, value in node.entries if isinstance(node, Mapping) else ():
        if isinstance(key, Scalar) and isinstance(value, Scalar) and not value.is_null:
            yield key.value, value.value, value
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar):
            name, equals, text = item.value.partition("=")
            if equals:
                yield name, text, item


def _contexts(text: str) -> list[Span]:
    """Return where the image of an additional context stands, written `docker-image://IMAGE` in a map or `NAME=docker-image://IMAGE` in a list."""
    match = _IMAGE_CONTEXT.match(text)
    return [(match.end(), len(text))] if match else []


def _caches(text: str) -> list[Span]:
    """Return where the images of a cache stand: written alone, or as `type=registry,ref=IMAGE`."""
    fields, at = [], 0
    for field in text.split(","):
        fields.append((at, field))
        at += len(field) + 1
    if "=" not in text:
        return [(at, at + len(field)) for at, field in fields if field]
    if not any(field.strip() == "type=registry" for _, field in fields):
        return []
    return [(at + len("ref="), at + len(field)) for at, field in fields if field.startswith("ref=")]
