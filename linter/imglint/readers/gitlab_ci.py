"""Pipelines of GitLab CI: the images that jobs and their services run in. Imports the YAML trees; for variables, `_gitlab_variables.py`.

The format is that of the documentation ("CI/CD YAML syntax reference") and of its implementation (lib/gitlab/ci/config in gitlab-org/gitlab).
"""

from __future__ import annotations

import os
import re

from imglint.model import CI, UNREAD_FILE, UNRESOLVED, ImageUse, NamedFile, Problem
from imglint.printable import clipped
from imglint.readers._alternatives import OverLimit, Places, Steps, in_pipeline
from imglint.yaml.facts import read_documents, traced_text
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import has_template_actions, with_unknown_actions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, Span
    from imglint.readers._gitlab_variables import Layer
    from imglint.source import Source
    from imglint.traced import Traced

NAMES = (".gitlab-ci.yml", ".gitlab-ci.yaml")
FILES = tuple([f"*{name}" for name in NAMES])
ENVIRONMENT = CI

NOT_JOBS = frozenset(
    (
        "after_script",
        "before_script",
        "cache",
        "default",
        "image",
        "include",
        "services",
        "spec",
        "stages",
        "types",
        "variables",
        "workflow",
    )
)
"""The keys at the top level that are not names of jobs; `pages` is one."""
VARIABLE = "$"
"""How a variable begins."""
EXTENDED_MAX = 64
"""Jobs in a chain of `extends`, the extending one included; GitLab allows eleven."""

_REFERENCE = r"(?:&\S+\s+)?(!reference\b(?:[ \t]*\[[^\]\n]*\])?)"


def claims(source: Source) -> bool:
    """Return whether the file is named as pipelines are, and is not a compose file, values, a manifest or a template."""
    if not source.path.lower().endswith(NAMES):
        return False
    # Imported here because few files get this far.
    from imglint.readers._pipelines import is_other_yaml
    from imglint.readers._workflows import is_workflow

    return not (is_workflow(source) or is_other_yaml(source))


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images that the jobs of a pipeline run in, and the files that it includes."""
    roots, file_facts = read_documents(source)
    yield from in_pipeline(file_facts)
    inputs: dict[str, Node] = {}
    places, steps = Places(source), Steps()
    for root in roots:
        if isinstance(root, Mapping):
            spec = root.mapping("spec")
            if spec is not None:
                inputs |= _defaults(spec)
            else:
                yield from _Reader(source, root, inputs, places, steps).images_and_files()


def _defaults(spec: Mapping) -> dict[str, Node]:
    """Return the defaults of the inputs that the header of a file declares."""
    inputs = spec.mapping("inputs")
    return {
        name: default
        for name, declared in (inputs.items() if inputs else ())
        if isinstance(declared, Mapping) and (default := declared.get("default")) is not None
    }


class _Job:
    """A job: its own keys and those of the jobs that it extends, the ones that take precedence first.

    `is_complete` is whether all of these jobs are in this file, `is_too_long` whether there are more than EXTENDED_MAX.
    """

    def __init__(self, name: str, jobs: dict[str, Mapping], extended: Callable[[Mapping], list[str]]) -> None:
        """Take the name of a job, all jobs, and a function that returns the names of those that a job extends itself."""
        self.is_complete, self.is_too_long = True, False
        found: dict[str, Mapping] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop()
            job = jobs.get(current)
            if job is None:
                self.is_complete = False
            elif current not in found:
                names = extended(job)
                self.is_too_long = len(found) == EXTENDED_MAX or len(names) > EXTENDED_MAX
                if len(found) < EXTENDED_MAX:
                    found[current] = job
                if self.is_too_long:
                    self.is_complete = False
                    break
                waiting += names
        self.chain = list(found.values())

    def first(self, key: str) -> Node | None:
        """Return the value of a key that is not merged with those of extended jobs."""
        return next((value for job in self.chain if (value := job.get(key)) is not None), None)

    @property
    def image(self) -> Node | None:
        """The image. Maps are merged, so that a job can add an entrypoint to the image that it inherits."""
        images = [image for job in self.chain if (image := job.get("image")) is not None]
        return next((image for image in images if not isinstance(image, Mapping) or "name" in image), None)

    def inherits(self, key: str) -> bool:
        """Return whether the job inherits a default."""
        inherit = self.first("inherit")
        default = inherit.get("default") if isinstance(inherit, Mapping) else None
        if isinstance(default, Sequence):
            return any(each.value == key for each in _scalars(default))
        return self.is_complete and not (isinstance(default, Scalar) and default.value == "false")


class _Reader:
    """Reads one document."""

    def __init__(self, source: Source, root: Mapping, inputs: dict[str, Node], places: Places, steps: Steps) -> None:
        # Imported here because a walk imports this module, and few repositories have pipelines of GitLab.
        from imglint.readers._gitlab_variables import Variables

        self.source, self.root, self.places, self.steps = source, root, places, steps
        self.jobs = {key: value for key, value in root.items() if key not in NOT_JOBS and isinstance(value, Mapping)}
        self.variables = Variables(source, inputs, steps)
        workflow = root.mapping("workflow")
        self._rules: dict[int, Layer] = {}
        self._global: list[Layer] = [self._alternatives(workflow.get("rules") if workflow else None), [root.mapping("variables")]]
        self._extends: dict[int, list[str]] = {}
        self._owners: dict[int, str] = {}
        self._read: set[int] = set()
        self._services_with_variables: dict[int, list[Node]] = {}

    def images_and_files(self) -> Iterator[Fact | NamedFile]:
        """Yield the images of all jobs, then those that no job of this file has, then the included files.

        An image has the variables of the jobs that run in it. It is named after the job, or the `default`, that it is written in.
        """
        default = self.root.mapping("default")
        owners = [
            ("global", self.root),
            ("default", default),
            *[(f"job {clipped(name)}", job) for name, job in self.jobs.items()],
        ]
        for owner, mapping in owners:
            for key in ("image", "services"):
                node = mapping.get(key) if mapping else None
                self._owners.setdefault(id(node), f"{owner} {'image' if key == 'image' else 'service'}")
        jobs = {name: _Job(name, self.jobs, self._extended) for name in self.jobs}
        defaults = {
            key: next((value for mapping in (default, self.root) if mapping and (value := mapping.get(key)) is not None), None)
            for key in ("image", "services")
        }
        for name, job in jobs.items():
            if job.is_too_long:
                yield self._too_long(self.jobs[name])
            if not name.startswith("."):
                layers = self._layers(job)
                image, services = job.image, job.first("services")
                if image is None and job.inherits("image"):
                    image = defaults["image"]
                if services is None and job.inherits("services"):
                    services = defaults["services"]
                yield from self._image(image, layers)
                yield from self._services(services, layers)
        for mapping in (default, self.root):
            yield from self._rest(mapping, self._global)
        for name, mapping in self.jobs.items():
            yield from self._rest(mapping, self._layers(jobs[name]))
        yield from self._files()

    def _extended(self, job: Mapping) -> list[str]:
        """Return the names of the jobs that a job extends itself. Jobs can share them by an alias."""
        node = job.get("extends")
        if id(node) not in self._extends:
            self._extends[id(node)] = [name.value for name in _scalars(node)]
        return self._extends[id(node)]

    def _too_long(self, job: Mapping) -> Problem:
        start = (job.get("extends") or job).start
        message = f"more than {EXTENDED_MAX} jobs are extended here; the variables of the others were not read"
        return Problem(self.source, (start, start + 1), message, UNREAD_FILE)

    def _rest(self, mapping: Mapping | None, layers: list[Layer]) -> Iterator[ImageUse]:
        """Yield the images in a map that no job of this file runs in."""
        image, services = (mapping.get("image"), mapping.get("services")) if mapping else (None, None)
        if id(image) not in self._read:
            yield from self._image(image, layers)
        if id(services) not in self._read:
            yield from self._services(services, layers)

    def _layers(self, job: _Job) -> list[Layer]:
        """Return the variables of a job, those with the highest precedence first."""
        parallel = job.first("parallel")
        matrix = parallel.sequence("matrix") if isinstance(parallel, Mapping) else []
        own: list[Layer] = [[variables] for each in job.chain if (variables := each.mapping("variables")) is not None]
        entries: Layer = [entry for entry in matrix if isinstance(entry, Mapping)]
        inherit = job.first("inherit")
        no_globals = isinstance(inherit, Mapping) and inherit.text("variables") == "false"
        return [self._alternatives(job.first("rules")), entries or [None], *own, *([] if no_globals else self._global)]

    def _alternatives(self, rules: Node | None) -> Layer:
        """Return the variables that rules may set; None for a rule that sets none. Jobs can share rules by an alias."""
        if id(rules) not in self._rules:
            found: dict[int, Mapping | None] = {}
            for rule in rules.items if isinstance(rules, Sequence) else ():
                variables = rule.mapping("variables") if isinstance(rule, Mapping) else None
                if not (isinstance(rule, Mapping) and rule.text("when") == "never"):
                    found[id(variables)] = variables
            self._rules[id(rules)] = list(found.values()) or [None]
        return self._rules[id(rules)]

    def _image(self, node: Node | None, layers: list[Layer]) -> Iterator[ImageUse]:
        """Yield an image: a text, or a map with a name."""
        yield from self._named(node, "job-container", self._owners.get(id(node), ""), layers)
        self._read.add(id(node))

    def _services(self, node: Node | None, layers: list[Layer]) -> Iterator[ImageUse]:
        """Yield the images of services. Jobs can share them by an alias, with different variables."""
        where = self._owners.get(id(node), "")
        if id(node) not in self._services_with_variables:
            self._read.add(id(node))
            shared = self._services_with_variables[id(node)] = []
            for service in self._flat(node):
                name = service.get("name") if isinstance(service, Mapping) else service
                if isinstance(name, Scalar) and VARIABLE in name.value:
                    shared.append(service)
                else:
                    yield from self._service(service, where, layers)
        for service in self._services_with_variables[id(node)]:
            yield from self._service(service, where, layers)
        if self.steps.left < 0:
            # Each of them is reported now.
            self._services_with_variables[id(node)] = []

    def _flat(self, node: Node | None) -> Iterator[Node]:
        """Yield the services in a list, in which aliases can be other lists."""
        if isinstance(node, Sequence):
            for item in [node] if self._reference(node) else node.items:
                yield from item.items if isinstance(item, Sequence) and not self._reference(item) else [item]

    def _service(self, node: Node, where: str, layers: list[Layer]) -> Iterator[ImageUse]:
        alias = node.text("alias") if isinstance(node, Mapping) else ""
        yield from self._named(node, "job-service", f"{where} {clipped(alias)}" if alias else where, layers)

    def _named(self, node: Node | None, place: str, where: str, layers: list[Layer]) -> Iterator[ImageUse]:
        """Yield the image that a text or the `name` of a map names: one for each of the values of its variables."""
        name = node.get("name") if isinstance(node, Mapping) else node
        tag = self._reference(name)
        if tag:
            reason = f"{clipped(self.source.text[slice(*tag)])} is not resolved; check the image where it is written"
            yield from self.places.use(None, tag, place, where, reason=reason)
        image = nonblank(name)
        if image is None:
            return
        text, span = traced_text(self.source, image)
        if has_template_actions(text.text):
            # The file is a template for pipelines.
            reason = f"{clipped(text.text)} is filled in outside this file"
            yield from self.places.use(with_unknown_actions(text), span, place, where, reason=reason)
        elif VARIABLE not in text.text:
            yield from self.places.use(text, span, place, where)
        else:
            yield from self._with_variables(text, span, place, where, layers)

    def _with_variables(self, text: Traced, span: Span, place: str, where: str, layers: list[Layer]) -> Iterator[ImageUse]:
        try:
            found = list(self.variables.resolved(text, layers))
        except OverLimit as error:
            yield from self.places.use(None, span, place, where, reason=str(error), over_limit=True)
            return
        for each, reason in found:
            # Of several values, each is an image at a place of its own.
            at = each.span(0, len(each.text)) if len(found) > 1 and each.unknown_at < 0 else span
            yield from self.places.use(each, at, place, where, reason=reason)

    def _reference(self, node: Node | None) -> Span | None:
        """Return the span of a list that refers to another part of the pipeline: `!reference [.job, image]`; None if it is another node."""
        match = re.compile(_REFERENCE).match(self.source.text, node.start) if isinstance(node, Sequence) else None
        return match.span(1) if match else None

    def _files(self) -> Iterator[Fact | NamedFile]:
        """Yield the local files that the pipeline includes, and those of the pipelines that its jobs start."""
        triggers = [trigger.get("include") for job in self.jobs.values() if (trigger := job.mapping("trigger"))]
        seen: set[int] = set()
        for node in (self.root.get("include"), *triggers):
            if id(node) not in seen:
                seen.add(id(node))
                for entry in node.items if isinstance(node, Sequence) else [node]:
                    for name in _scalars(entry.get("local") if isinstance(entry, Mapping) else entry):
                        yield from self._file(name)

    def _file(self, name: Scalar) -> Iterator[Fact | NamedFile]:
        """Yield an included file. Its path is relative to the root of the repository; one with a scheme is not in this repository."""
        text, span = traced_text(self.source, name)
        try:
            path, reason = next(self.variables.resolved(text, self._global)) if VARIABLE in text.text else (text, "")
        except OverLimit as error:
            yield Problem(self.source, span, f"cannot read this file: {error}", UNREAD_FILE)
            return
        if path.unknown_at >= 0:
            yield Problem(self.source, span, f"cannot read this file: {reason}", UNRESOLVED)
        elif "://" not in path.text:
            yield from self._local(path.text.lstrip("/"), span)

    def _local(self, path: str, span: Span) -> Iterator[Fact | NamedFile]:
        # Imported here because few pipelines include files.
        from imglint.readers import _gitlab_files as files

        root, folder = files.project_root(self.source), os.path.dirname(os.path.abspath(self.source.path))
        try:
            paths = list(files.matching(root, path)) if "*" in path else [path]
        except files.OverLimit:
            message = f"cannot read these files: more than {files.WALK_MAX} files and folders to search"
            yield Problem(self.source, span, message, UNREAD_FILE)
            return
        for each in paths:
            yield NamedFile(self.source, span, os.path.relpath(os.path.join(root, each), folder), "gitlab-ci")


def _scalars(node: Node | None) -> list[Scalar]:
    """Return the texts in a list, or a text as one."""
    nodes = node.items if isinstance(node, Sequence) else [node]
    return [scalar for each in nodes if (scalar := nonblank(each))]
