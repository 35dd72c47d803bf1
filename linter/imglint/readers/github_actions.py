"""Workflows and actions of GitHub Actions, Gitea and Forgejo: containers and services of jobs, and images that steps and actions run.

The format is that of the documentation ("Workflow syntax for GitHub Actions", "Metadata syntax") and of the schema in actions/languageservices
(workflow-v1.0.json). Where the two say nothing, actions/runner decides. Imports the YAML trees; for expressions, `_actions_expressions.py`.
"""

from __future__ import annotations

import re

from imglint.model import CI, ImageUse, NamedFile
from imglint.printable import clipped
from imglint.readers._alternatives import OverLimit, Places, Steps, in_pipeline
from imglint.readers._workflows import is_workflow
from imglint.yaml.documents import InvalidYaml
from imglint.yaml.facts import read_documents, traced_text
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank
from imglint.yaml.templates import has_template_actions, may_hide_words, with_unknown_actions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.readers._actions_expressions import Lookup
    from imglint.readers._actions_matrix import Combination
    from imglint.source import Source
    from imglint.traced import Traced

FILES = ("*.yaml", "*.yml")
ENVIRONMENT = CI

ACTIONS = ("action.yaml", "action.yml")
SCHEME = "docker://"
EXPRESSION = "${{"
"""How an expression begins."""
TRIGGERS = ("workflow_call", "workflow_dispatch")
"""The events that give a workflow inputs."""
_RUNS = r"(?m)^runs[ \t]*:"


def claims(source: Source) -> bool:
    """Return whether the file is a workflow by its folder, or an action by its name and content, and not of another kind."""
    path = source.path.lower()
    if not path.endswith((".yaml", ".yml")):
        return False
    if not is_workflow(source) and not (path.endswith(ACTIONS) and source.name.lower() in ACTIONS and _is_action(source.text)):
        return False
    # Imported here because few files get this far.
    from imglint.readers import compose, kubernetes
    from imglint.readers._chart import is_chart_template

    return not (kubernetes.claims(source) or compose.claims(source) or is_chart_template(source))


def _is_action(text: str) -> bool:
    if "runs" not in text and not may_hide_words(text):
        return False
    # Imported here because few files are called `action.yml`.
    from imglint.yaml.top_level import roots_with

    return any(
        (isinstance(root, InvalidYaml) and re.search(_RUNS, document) is not None)
        or (isinstance(root, Mapping) and root.mapping("runs") is not None)
        for root, document in roots_with(text, "runs")
    )


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images that the jobs and steps of a workflow, or an action, run."""
    roots, file_facts = read_documents(source)
    yield from in_pipeline(file_facts)
    places, steps = Places(source), Steps()
    for root in roots:
        if isinstance(root, Mapping):
            yield from _Reader(source, root, places, steps).images()


class _Reader:
    """Reads one document."""

    def __init__(self, source: Source, root: Mapping, places: Places, steps: Steps) -> None:
        self.source, self.root, self.places, self.steps = source, root, places, steps
        self._entered: set[int] = set()
        self._inputs: dict[str, list[Node | None]] | None = None
        self._services_with_expressions: dict[int, list[tuple[str, Scalar]]] = {}

    def images(self) -> Iterator[Fact | NamedFile]:
        """Yield the images of all jobs, or of the action."""
        jobs = self.root.mapping("jobs")
        for name, job in jobs.items() if jobs else ():
            if isinstance(job, Mapping):
                yield from self._job(job, f"job {clipped(name)}")
        runs = self.root.mapping("runs")
        if runs:
            yield from self._action(runs)

    def _job(self, job: Mapping, where: str) -> Iterator[ImageUse]:
        strategy = job.mapping("strategy")
        matrix = strategy.get("matrix") if strategy else None
        yield from self._container(job.get("container"), "job-container", f"{where} container", matrix)
        services = job.get("services")
        if isinstance(services, Mapping):
            yield from self._services(services, where, matrix)
        else:
            yield from self._container(services, "job-service", f"{where} services", matrix)
        yield from self._steps(job.get("steps"), f"{where} ")

    def _services(self, services: Mapping, where: str, matrix: Node | None) -> Iterator[ImageUse]:
        """Yield the images of services. Jobs can share them by an alias, with different matrices."""
        if id(services) not in self._services_with_expressions:
            self._services_with_expressions[id(services)] = []
            for name, service in services.items():
                image = _image_of(service)
                if image is not None and EXPRESSION in image.value:
                    self._services_with_expressions[id(services)].append((name, image))
                else:
                    yield from self._container(image, "job-service", _service(where, name), matrix)
        for name, image in self._services_with_expressions[id(services)]:
            yield from self._container(image, "job-service", _service(where, name), matrix)
        if self.steps.left < 0:
            # Each of them is reported now.
            self._services_with_expressions[id(services)] = []

    def _steps(self, steps: Node | None, where: str) -> Iterator[ImageUse]:
        """Yield the images that steps run. In `uses`, expressions are not evaluated."""
        if not isinstance(steps, Sequence) or id(steps) in self._entered:
            return
        self._entered.add(id(steps))
        for number, step in enumerate(steps.items, 1):
            uses = step.scalar("uses") if isinstance(step, Mapping) else None
            if uses is not None and isinstance(step, Mapping) and uses.value.startswith(SCHEME):
                name = step.text("name") or step.text("id") or str(number)
                yield from self._literal(traced_text(self.source, uses)[0], "step", f"{where}step {clipped(name)}")

    def _action(self, runs: Mapping) -> Iterator[Fact | NamedFile]:
        """Yield the image of an action, or the images of its steps, or the Dockerfile that it is built from."""
        yield from self._steps(runs.get("steps"), "")
        image = runs.scalar("image")
        if image is None:
            return
        text, span = traced_text(self.source, image)
        if text.text.lower().startswith(SCHEME):
            yield from self._literal(text, "action", "action")
        else:
            yield NamedFile(self.source, span, text.text, "dockerfile")

    def _container(self, node: Node | None, place: str, where: str, matrix: Node | None) -> Iterator[ImageUse]:
        """Yield the images that a container may run: one for each combination of the matrix that gives another one."""
        image = _image_of(node)
        if image is None:
            return
        text, _ = traced_text(self.source, image)
        if EXPRESSION not in text.text:
            yield from self._literal(text, place, where)
            return
        # Imported here because few images have expressions.
        from imglint.readers._actions_expressions import is_expression, resolved

        text = _without_scheme(text)
        span = text.span(0, len(text.text))
        try:
            for lookup in self._lookups(text.text, matrix):
                for each in resolved(self.source, text, lookup, self.steps):
                    image_text = _without_scheme(each)
                    # An image that is the value of a single expression is where that value is written.
                    at = image_text.span(0, len(image_text.text)) if is_expression(text.text) else span
                    reason = f"{clipped(self.source.text[slice(*at)])} is known only when the workflow runs"
                    yield from self.places.use(image_text, at, place, where, reason=reason)
        except OverLimit as error:
            yield from self.places.use(None, span, place, where, reason=str(error), over_limit=True)

    def _literal(self, text: Traced, place: str, where: str) -> Iterator[ImageUse]:
        """Yield the image that a text without expressions names, which begins after the scheme."""
        text = _without_scheme(text)
        if has_template_actions(text.text):
            # The file is a template for workflows, or has an expression where none is possible.
            text = with_unknown_actions(text)
        span = text.span(0, len(text.text))
        reason = f"{clipped(self.source.text[slice(*span)])} is filled in outside this file"
        yield from self.places.use(text, span, place, where, reason=reason)

    def _lookups(self, text: str, matrix: Node | None) -> Iterator[Lookup]:
        """Yield what looks up the contexts, for each combination of the matrix if a text refers to that. Raises OverLimit."""
        if "matrix" not in text.lower() or not isinstance(matrix, Mapping):
            yield self._lookup({}, may_have_others=matrix is not None)
            return
        # Imported here because few images come from a matrix.
        from imglint.readers._actions_matrix import combinations, is_open

        may_have_others = is_open(matrix)
        for combination in combinations(matrix, self.steps):
            self.steps.take(len(text))
            yield self._lookup(combination, may_have_others=may_have_others)

    def _lookup(self, combination: Combination, *, may_have_others: bool) -> Lookup:
        def look_up(context: str, key: str) -> list[Node | None]:
            if context == "matrix":
                return [combination[key]] if key in combination else [None] if may_have_others else []
            return self._defaults().get(key, [None]) if context == "inputs" else [None]

        return look_up

    def _defaults(self) -> dict[str, list[Node | None]]:
        """Return the defaults of the inputs of the workflow. As for an ARG, a default applies unless another value is given."""
        if self._inputs is None:
            self._inputs = {}
            triggers = self.root.mapping("on")
            for trigger in TRIGGERS if triggers else ():
                called = triggers.mapping(trigger) if triggers else None
                inputs = called.mapping("inputs") if called else None
                for name, declared in inputs.items() if inputs else ():
                    default = declared.get("default") if isinstance(declared, Mapping) else None
                    self._inputs.setdefault(name.lower(), []).append(default)
        return self._inputs


def _image_of(node: Node | None) -> Scalar | None:
    """Return the image of a container, which is a text, or a map with an image. An empty text is no container."""
    return nonblank(node.get("image") if isinstance(node, Mapping) else node)


def _without_scheme(text: Traced) -> Traced:
    """Return a text without the scheme at its beginning, for which the runner accepts capitals in actions."""
    is_cut = text.text[: len(SCHEME)].lower() == SCHEME
    return text.cut(len(SCHEME), len(text.text)) if is_cut else text


def _service(where: str, name: str) -> str:
    return f"{where} service {clipped(name)}"
