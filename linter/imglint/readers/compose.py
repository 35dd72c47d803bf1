"""Compose files: the images that services run, are built with, mount and use in hooks. Imports the YAML trees; for inline Dockerfiles, their reader.

The format is that of the Compose Specification. Variables are resolved from the policy's `variables`, then from `.env` in the same folder, then from
their defaults.
"""

from __future__ import annotations

import posixpath
import re

from imglint.model import (
    BUILD,
    FRONTEND,
    INVALID,
    UNREAD_FILE,
    UNRESOLVED,
    WORKLOAD,
    ImageUse,
    NamedFile,
    Problem,
    ReferenceProblem,
    RunUser,
    image_use,
)
from imglint.printable import clipped
from imglint.readers._build_inputs import FRONTEND_ARGUMENT, cached_images, context_name, is_dockerfile_name, is_remote
from imglint.readers._chart import is_chart_template, is_values_file
from imglint.readers._compose_variables import (
    InvalidVariable,
    OverLimit,
    UnresolvedVariable,
    Variables,
    dotenv,
    interpolate,
    is_inside_root,
    read_beside,
)
from imglint.readers._fixed_paths import is_of_its_path
from imglint.readers._workflows import is_workflow
from imglint.records import record, replace
from imglint.source import Source
from imglint.traced import PLACEHOLDER, Traced, literal, unknown
from imglint.yaml.facts import read_documents, traced_text
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import has_template_actions, may_hide_words, with_unknown_actions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, Span
    from imglint.yaml.documents import InvalidYaml

FILES = ("*.yaml", "*.yml")

RESET = "!reset"
"""The tag of a value that the file removes from the files it is merged with."""
HOOKS = ("pre_start", "post_start")
EXTENDED_MAX = 64
"""Services in a chain of `extends` that builds are merged from, the extending one included."""

NOT_PULLED = ("build", "never")
"""The values of `pull_policy` with which Compose does not pull an image (`mustPull` in docker/compose, pkg/compose/pull.go)."""

_SERVICE_KEYS = ("image", "user", "build", "volumes", "extends", "pull_policy", *HOOKS)
_TOP_LEVEL = frozenset(("version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"))
_NAME = r"(?:docker-)?compose(?:[-_.0-9].*)?\.ya?ml|.*(?:docker-compose.*|[-_.]compose)\.ya?ml"
_UNKNOWN_CONTEXT = re.compile(rf"[^/.:{PLACEHOLDER}]*{PLACEHOLDER}")
"""A context that may be an image: nothing before what is unknown makes it a path or a URL."""
_IMAGE_CONTEXT = re.compile(r"(?:[^=]*=)?docker-image://")


def claims(source: Source) -> bool:
    """Return whether the file is a compose file by its name, or has services that run images and no key that compose files do not have."""
    text, name = source.text, source.name.lower()
    if not name.endswith((".yaml", ".yml")):
        return False
    if "compose" in name and re.fullmatch(_NAME, name):
        return not (is_chart_template(source) or _is_manifest(source) or is_workflow(source) or is_of_its_path(source))
    if "services" not in text and not may_hide_words(text):
        return False
    if is_values_file(source) or is_chart_template(source) or _is_manifest(source):
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
        isinstance(node, Mapping) and (node.scalar("image") or "build" in node or "extends" in node) for node in nodes
    )


def read(source: Source) -> Iterator[Fact | NamedFile]:
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

    def __init__(self, source: Source, root: Mapping, *, follows: bool = True) -> None:
        """Take a document, and whether to look into the files that it names."""
        self.source, self.root, self.follows = source, root, follows
        self.services = _services(root)
        self._seen: set[object] = set()
        self._inherited: dict[tuple[str, str], tuple[bool, Node | None]] = {}
        self._variables: Variables | None = None
        self._unread_variables: Problem | None = None
        self._inline_budget: list[int] = []

    def images_and_users(self) -> Iterator[Fact | NamedFile]:
        """Yield the facts of all services."""
        images = self._service_images()
        for name, service in self.services.items():
            image = images.get(name)
            if image is not None and "image" in service.values:
                yield from self._if_new(image)
            yield from self._service_user(service, image)
            yield from self._other_images(service)
            if self.follows:
                yield from self._extended_file(service)
        if self.follows:
            yield from self._included_files()
        if self._unread_variables:
            yield self._unread_variables

    def _extended_file(self, service: Service) -> Iterator[Fact | NamedFile]:
        """Yield the file of the service that a service extends."""
        extends = service.values.get("extends")
        if isinstance(extends, Mapping):
            yield from self._compose_file(extends.scalar("file"), [])

    def _included_files(self) -> Iterator[Fact | NamedFile]:
        """Yield the files that the top-level `include` names."""
        for entry in self.root.sequence("include"):
            paths, variables = (entry.get("path"), entry.get("env_file")) if isinstance(entry, Mapping) else (entry, None)
            for path in _scalars(paths):
                yield from self._compose_file(path, _scalars(variables))

    def _compose_file(self, name: Scalar | None, env_files: list[Scalar]) -> Iterator[Fact | NamedFile]:
        """Yield a compose file that this one is merged with, or why it cannot be read."""
        if name is None or not self._is_new(("file", name.start)):
            return
        path, reason = self._value(name)
        _, span = traced_text(self.source, name)
        if path.unknown_at >= 0:
            yield Problem(self.source, span, f"cannot read this Compose file: {reason}", UNRESOLVED)
        elif is_remote(path.text):
            yield Problem(self.source, span, "cannot read this Compose file: it is not in this repository", UNREAD_FILE)
        else:
            yield NamedFile(self.source, span, path.text, "compose")
            yield from self._images_of_variables(path.text, span, env_files)

    def _images_of_variables(self, path: str, span: Span, env_files: list[Scalar]) -> Iterator[Fact]:
        """Yield the images that another compose file takes only because of variables of this one, where that file is named.

        Variables of this file take precedence over those in `env_files`, and both over the `.env` of the other file (`ApplyInclude` in
        compose-spec/compose-go, loader/include.go).
        """
        variables = self._variables_in_force(span)
        for env_file in env_files:
            text, reason = self._text_beside(self._value(env_file)[0].text)
            if reason:
                at = (env_file.start, env_file.end)
                yield Problem(self.source, at, f"cannot read these variables: {reason}", UNREAD_FILE)
            variables = dotenv(text, variables)
        given = {name: value for name, value in variables.items() if value is not None}
        if given.keys() <= self.source.variables.keys() or not (env_files or posixpath.dirname(path)):
            return
        text, reason = self._text_beside(path)
        if reason:
            yield Problem(self.source, span, f"cannot read this file with the variables of this one: {reason}", UNREAD_FILE)
        if not any(name in text for name in given):
            return
        full_path = posixpath.normpath(posixpath.join(posixpath.dirname(self.source.path), path))
        own = {
            (use.span, use.place, *_content(use)) for use in _images(Source(full_path, text, "compose", self.source.variables))
        }
        for use in _images(Source(full_path, text, "compose", given)):
            if (use.span, use.place, *_content(use)) not in own:
                problem = use.problem and ReferenceProblem(use.problem.rule, use.problem.message, span)
                yield replace(use, source=self.source, span=span, parts={}, problem=problem)

    def _text_beside(self, path: str) -> tuple[str, str]:
        """Return the text of another file, and why it cannot be read. What all of them have together is limited."""
        from imglint.readers import _inline_dockerfile as inline

        if not is_inside_root(self.source, path):
            return "", ""
        text, reason = read_beside(self.source, path)
        self._inline_budget = self._inline_budget or [inline.ALL_TEXT_MAX]
        self._inline_budget[0] -= len(text)
        if self._inline_budget[0] < 0:
            return "", f"this file names files with more than {inline.ALL_TEXT_MAX} characters"
        return text, reason

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

    def _other_images(self, service: Service) -> Iterator[Fact | NamedFile]:
        """Yield the images that a service mounts, uses in hooks, or is built with."""
        for mount in self._new_mappings(service.values.get("volumes")):
            mount_type, reason = self._value(mount.scalar("type"))
            if mount_type.unknown_at >= 0 and (image := mount.scalar("source")):
                yield self._unresolved(image, "image-volume", f"{service.where} volume", WORKLOAD, reason)
            elif mount_type.text == "image":
                yield from self._named_image(mount.scalar("source"), "image-volume", f"{service.where} volume")
        for hook in HOOKS:
            for step in self._new_mappings(service.values.get(hook)):
                yield from self._named_image(step.scalar("image"), "hook", f"{service.where} {hook}")
        build = service.values.get("build")
        if isinstance(build, Mapping) and self._is_new(build):
            yield from self._build_images(build, service)

    def _new_mappings(self, sequence: Node | None) -> Iterator[Mapping]:
        """Yield the mappings in a sequence, unless it was already read for another service."""
        if isinstance(sequence, Sequence) and self._is_new(sequence):
            for item in sequence.items:
                if isinstance(item, Mapping):
                    yield item

    def _named_image(self, value: Scalar | None, place: str, where: str) -> Iterator[ImageUse]:
        if value is not None:
            text, span = traced_text(self.source, value)
            yield from self._if_new(self._use(text, span, place, where, WORKLOAD))

    def _build_images(self, build: Mapping, service: Service) -> Iterator[Fact | NamedFile]:
        """Yield the images of a build: its additional contexts, its caches, its frontend, and those in its Dockerfile."""
        where = service.where
        for name, _, node in _pairs(build.get("additional_contexts")):
            yield from self._images_within(node, _image_contexts, "additional-context", f"{where} context {clipped(name)}", BUILD)
        for cache in build.sequence("cache_from"):
            yield from self._images_within(cache, cached_images, "cache-from", f"{where} cache_from", BUILD)
        for name, _, node in _pairs(build.get("args")):
            if name == FRONTEND_ARGUMENT:
                yield from self._images_within(node, _argument_value, "syntax", f"{where} frontend", FRONTEND)
        builds, is_whole = self._builds(service)
        if not is_whole:
            message = f"more than {EXTENDED_MAX} services are extended here; the builds of the others were not read"
            yield Problem(self.source, service.span, message, UNREAD_FILE)
        if any(each.scalar("dockerfile_inline") for each in builds):
            yield from self._inline_dockerfile(builds, where)
        else:
            yield from self._dockerfile(builds)
            if self.follows:
                yield from self._images_of_arguments(builds, where)

    def _builds(self, service: Service) -> tuple[list[Mapping], bool]:
        """Return the builds that Compose merges into that of a service: its own, then those of the services of this file that it extends.

        Also return whether these are all.
        """
        builds: list[Mapping] = []
        seen: set[str] = set()
        current: Service | None = service
        while current is not None and current.name not in seen and len(seen) < EXTENDED_MAX:
            seen.add(current.name)
            build, extends = current.values.get("build"), current.extends
            if isinstance(build, Mapping):
                builds.append(build)
            current = self.services.get(extends[0]) if extends and extends[1] else None
        return builds, current is None or current.name in seen

    def _dockerfile(self, builds: list[Mapping]) -> Iterator[Fact | NamedFile]:
        """Yield the Dockerfile that a build names. Its path is relative to the build context."""
        name = next(filter(None, [build.scalar("dockerfile") for build in builds]), None)
        if name is None:
            return
        path, reason = self._value(name)
        context, context_reason = self._value(next(filter(None, [build.scalar("context") for build in builds]), None))
        if is_remote(context.text) or not self._is_new(("dockerfile", name.start, context.text)):
            return
        _, span = traced_text(self.source, name)
        if path.unknown_at < 0 and context.unknown_at < 0:
            yield NamedFile(self.source, span, posixpath.join(context.text, path.text), "dockerfile")
        elif not is_dockerfile_name(path.text):
            yield Problem(self.source, span, f"cannot read this Dockerfile: {reason or context_reason}", UNRESOLVED)

    def _images_of_arguments(self, builds: list[Mapping], where: str) -> Iterator[Fact]:
        """Yield the images that a Dockerfile takes only because of the arguments of this build, each at an argument."""
        spans: dict[str, Span] = {}
        for build in reversed(builds):
            spans |= self._argument_spans(build.get("args"))
        name, context, target = (
            next(filter(None, [build.scalar(key) for build in builds]), None) for key in ("dockerfile", "context", "target")
        )
        path = posixpath.join(self._value(context)[0].text, self._value(name)[0].text or "Dockerfile")
        if not spans or is_remote(path) or PLACEHOLDER in path:
            return
        arguments, contexts = self._merged_arguments(builds), _context_names(builds)
        if not self._is_new(("arguments", path, tuple(sorted(arguments.items())), contexts, target and target.start)):
            return
        text, reason = self._text_beside(path)
        if reason:
            span = next(iter(spans.values()))
            yield Problem(self.source, span, f"cannot read the Dockerfile of these arguments: {reason}", UNREAD_FILE)
        if "ARG" not in text.upper():
            return
        targets = (target.value,) if target else self.source.targets
        own = {
            (use.span, use.place): (use.reference and use.reference.name, str(use.reference))
            for use in _dockerfile_images(path, text, self.source.variables, targets)
        }
        for use in _dockerfile_images(path, text, arguments, targets):
            name_and_reference = use.reference and use.reference.name, str(use.reference)
            known = own.get((use.span, use.place), (None, ""))
            is_own = known == name_and_reference if use.tag_known else known[0] == name_and_reference[0]
            if is_own or context_name(use) in contexts:
                continue
            span = _span_of_argument(use, arguments, spans)
            problem = use.problem and ReferenceProblem(use.problem.rule, use.problem.message, span)
            if self._is_new((use.place, span, *_content(use))):
                yield replace(use, source=self.source, span=span, parts={}, where=f"{where} {use.where}", problem=problem)

    def _argument_spans(self, node: Node | None) -> dict[str, Span]:
        """Return the spans of the values of a build's arguments by name; an argument without a value is at its name."""
        spans = {}
        for key, value in node.entries if isinstance(node, Mapping) else ():
            if isinstance(key, Scalar) and isinstance(value, Scalar):
                spans[key.value] = traced_text(self.source, key if value.is_null else value)[1]
        for name, value in node.items() if isinstance(node, Mapping) else ():
            if isinstance(value, Scalar) and name not in spans:
                spans[name] = (value.start, value.end)
        for item in node.items if isinstance(node, Sequence) else ():
            if isinstance(item, Scalar):
                text, span = traced_text(self.source, item)
                name, _, given = text.text.partition("=")
                spans[name] = text.span(len(text.text) - len(given), len(text.text)) if given else span
        return spans

    def _merged_arguments(self, builds: list[Mapping]) -> dict[str, str]:
        arguments = {**self.source.variables}
        for build in reversed(builds):
            arguments |= self._arguments(build)
        return arguments

    def _inline_dockerfile(self, builds: list[Mapping], where: str) -> Iterator[Fact]:
        """Yield the facts of an inline Dockerfile. An image that one of the build's additional contexts replaces is not used.

        Services can share a Dockerfile and give it other arguments, so it is read for each of them.
        """
        from imglint.readers import _inline_dockerfile as inline

        dockerfile = next(filter(None, [build.scalar("dockerfile_inline") for build in builds]))
        target = next(filter(None, [build.scalar("target") for build in builds]), None)
        arguments, contexts = self._merged_arguments(builds), _context_names(builds)
        if not self._is_new(("inline", dockerfile.start, tuple(sorted(arguments.items())), contexts, target and target.start)):
            return
        self._inline_budget = self._inline_budget or [inline.ALL_TEXT_MAX]
        for fact in inline.read_inline_dockerfile(
            self.source,
            dockerfile,
            self._variables_in_force((dockerfile.start, dockerfile.end)),
            arguments=arguments,
            targets=(target.value,) if target else self.source.targets,
            prefix=f"{where} ",
            budget=self._inline_budget,
        ):
            use = fact.image if isinstance(fact, RunUser) and fact.user is None else fact
            if isinstance(use, ImageUse) and use.place != "syntax" and context_name(use) in contexts:
                continue
            if self._is_new((type(fact), fact.span, _content(fact))):
                yield _with_known_user(fact)

    def _arguments(self, build: Mapping) -> dict[str, str]:
        """Return a build's arguments. What a value leaves unknown is PLACEHOLDER; an argument without a value is the variable of that name."""
        node = build.get("args")
        values = {}
        for name, text, _ in _pairs(node):
            try:
                values[name] = self._resolved_in_part(literal(text, 0))[0].text
            except (UnresolvedVariable, InvalidVariable):
                values[name] = PLACEHOLDER
        names = list(_names_without_value(node))
        variables = self._variables_in_force((build.start, build.start)) if names else {}
        for name in names:
            if name in variables:
                values[name] = variables[name] or PLACEHOLDER
        return values

    def _images_within(
        self, value: Node, find: Callable[[str], list[Span]], place: str, where: str, role: str
    ) -> Iterator[ImageUse]:
        """Yield the images that parts of a scalar name; `find` returns the spans of these parts in the scalar's text.

        Variables are resolved before, because one of them can be what makes a part an image.
        """
        if not isinstance(value, Scalar) or value.is_null:
            return
        text, whole = traced_text(self.source, value)
        reason = ""
        try:
            text, reason = self._resolved_in_part(text)
            is_resolved = True
        except (UnresolvedVariable, InvalidVariable):
            is_resolved = False
        for start, end in find(text.text):
            part = text.cut(start, end)
            span = part.span(0, end - start) if part.pieces else whole
            if is_resolved:
                use = image_use(self.source, part, span, place=place, where=where, role=role, unresolved=reason)
            else:
                use = self._use(part, span, place, where, role)
            yield from self._if_new(use)

    def _value(self, value: Scalar | None) -> tuple[Traced, str]:
        """Return the text of a scalar, empty if there is none, with variables resolved, and why a part of it is unknown."""
        if value is None:
            return Traced(()), ""
        text, span = traced_text(self.source, value)
        try:
            return self._resolved_in_part(text)
        except (UnresolvedVariable, InvalidVariable) as error:
            return unknown(span[0], *span), str(error)

    def _unresolved(self, image: Scalar, place: str, where: str, role: str, reason: str) -> ImageUse:
        _, span = traced_text(self.source, image)
        return image_use(self.source, None, span, place=place, where=where, role=role, unresolved=reason)

    def _use(self, text: Traced, span: Span, place: str, where: str, role: str) -> ImageUse:
        """Return the use of the image that a text names after its variables are resolved."""
        unresolved, resolved, fault, over_limit = "", None, None, False
        try:
            resolved, unresolved = self._resolved_in_part(text)
        except UnresolvedVariable as error:
            unresolved, over_limit = str(error), isinstance(error, OverLimit)
        except InvalidVariable as error:
            fault = ReferenceProblem(INVALID, str(error), text.span(error.start, error.end))
        use = image_use(
            self.source, resolved, span, place=place, where=where, role=role, unresolved=unresolved, over_limit=over_limit
        )
        return replace(use, problem=fault) if fault else use

    def _resolved_in_part(self, text: Traced) -> tuple[Traced, str]:
        """Return a text in which variables and template actions without a value are unknown, and the reason for the first.

        Raises UnresolvedVariable if the text is too long, or InvalidVariable.
        """
        reasons: list[UnresolvedVariable] = []
        reason = ""
        if has_template_actions(text.text):
            reason = f"{clipped(text.text)} is filled in outside this file"
            text = with_unknown_actions(text)
            if has_template_actions(text.text):
                raise UnresolvedVariable(reason)
        if "$" in text.text:
            text = interpolate(text, self._variables_at(text), unresolved=reasons)
        return text, reason or (str(reasons[0]) if reasons else "")

    def _resolved(self, text: Traced) -> Traced:
        """Return a text with its variables resolved. Raises UnresolvedVariable or InvalidVariable."""
        return interpolate(text, self._variables_at(text)) if "$" in text.text else text

    def _variables_at(self, text: Traced) -> Variables:
        """Return the variables for a text. If they cannot be read, that is reported at the first text that has some."""
        return self._variables_in_force(text.span(0, len(text.text)))

    def _variables_in_force(self, span: Span) -> Variables:
        if self._variables is None:
            content, reason = read_beside(self.source, ".env")
            if reason:
                self._unread_variables = Problem(self.source, span, f"cannot read the variables in .env: {reason}", UNREAD_FILE)
            self._variables = dotenv(content, self.source.variables)
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


def _images(source: Source) -> list[ImageUse]:
    """Return the images of a compose file, without those that depend on other files."""
    roots, _ = read_documents(source)
    facts = [
        fact
        for root in roots
        if isinstance(root, Mapping)
        for fact in _ComposeReader(source, root, follows=False).images_and_users()
    ]
    return [fact for fact in facts if isinstance(fact, ImageUse)]


def _scalars(node: Node | None) -> list[Scalar]:
    """Return the scalars of a list, or a scalar as one."""
    nodes = node.items if isinstance(node, Sequence) else [node]
    return [scalar for each in nodes if (scalar := nonblank(each))]


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


def _names_without_value(node: Node | None) -> Iterator[str]:
    """Yield the names in such a map or list that have no value."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Scalar) and value.is_null:
            yield key
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar) and "=" not in item.value:
            yield item.value


def _context_names(builds: list[Mapping]) -> frozenset[str]:
    return frozenset([name for build in builds for name, _, _ in _pairs(build.get("additional_contexts"))])


def _dockerfile_images(path: str, text: str, arguments: abc.Mapping[str, str], targets: tuple[str, ...]) -> list[ImageUse]:
    from imglint.dockerfile.facts import read_dockerfile

    dockerfile = Source(path, text, "dockerfile", arguments, targets)
    return [fact for fact in read_dockerfile(dockerfile) if isinstance(fact, ImageUse)]


def _span_of_argument(use: ImageUse, arguments: abc.Mapping[str, str], spans: dict[str, Span]) -> Span:
    """Return the span of the argument that an image of a Dockerfile comes from: one that it names, else the longest value in it, else the first."""
    text = use.reference.text if use.reference else ""
    named = [span for name, span in spans.items() if re.search(rf"\$\{{?{re.escape(name)}(?!\w)", use.text)]
    within = [name for name in spans if name in arguments and arguments[name] in text]
    return named[0] if named else spans[max(within, key=lambda name: len(arguments[name]), default=next(iter(spans)))]


def _image_contexts(text: str) -> list[Span]:
    """Return the span of the image in an additional context: `docker-image://IMAGE` in a map, `NAME=docker-image://IMAGE` in a list.

    A context that begins with something unknown may be an image.
    """
    match = _IMAGE_CONTEXT.match(text)
    if match:
        return [(match.end(), len(text))]
    start = text.find("=") + 1
    return [(start, len(text))] if _UNKNOWN_CONTEXT.match(text, start) else []


def _argument_value(text: str) -> list[Span]:
    """Return the span of the value of a build argument: all of it in a map, what follows `NAME=` in a list."""
    return [(text.find("=") + 1, len(text))]


def _with_known_user(fact: Fact) -> Fact:
    """Return a fact, a user without its name if that depends on something unknown."""
    is_unknown = isinstance(fact, RunUser) and fact.user is not None and PLACEHOLDER in fact.user
    return replace(fact, user=None, known=False) if is_unknown else fact


def _content(fact: Fact) -> tuple[str, ...]:
    """Return what a fact of a Dockerfile states about its place."""
    if isinstance(fact, ImageUse):
        return str(fact.reference), fact.problem.message if fact.problem else "", fact.role
    return (str(fact.user),) if isinstance(fact, RunUser) else ()
