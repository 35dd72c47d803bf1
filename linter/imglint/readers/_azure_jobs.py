"""The jobs and containers of Azure Pipelines. Imports the YAML trees and traced texts.

A container is a mapping with an image, the alias of a resource, or an image. Templates take jobs and containers as parameters, and any key may be
`${{ if }}`, so both are found wherever they are. The agent puts the registry of the service connection `endpoint` before an image
(`PullContainerAsync` in microsoft/azure-pipelines-agent, ContainerOperationProvider.cs). `pool.vmImage` names a virtual machine.
"""

from __future__ import annotations

import re

from imglint.model import UNRESOLVED, ReferenceProblem
from imglint.printable import clipped
from imglint.readers._expressions import pipeline_image, rows_by_name, rows_with
from imglint.readers._pipelines import Entered, mappings, named_mappings, words
from imglint.records import replace
from imglint.yaml.nodes import Mapping, Scalar, nonblank, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import ImageUse
    from imglint.readers._expressions import Row
    from imglint.source import Source
    from imglint.yaml.nodes import Node

    Scope = tuple[Row, "Scope"] | None
    """The variables of a job, then those of what is around it."""

EXPRESSIONS = r"\$\{\{(?P<compiled>[^{}]*)\}\}|\$\[(?P<run>(?:[^\[\]]|\[[^\[\]]*\])*)\]|\$\((?P<macro>[^()]*)\)"
TEMPLATE = "${{"
JOBS = ("job", "deployment")
WHOLE = ("trigger", "pr", "schedules")
"""Keys of a pipeline that templates do not have. The aliases in a template are those of the pipelines that include it."""
WITHOUT_JOBS = ("steps", "inputs", "env", "variables", "services")

_ALIAS = "[-_A-Za-z0-9]*"
_VALUE = r"\s*(parameters|variables)(?:\.([\w.-]+)|\[\s*'([^']*)'\s*\])\s*"


class Pipeline:
    """Reads one document."""

    def __init__(self, source: Source, root: Mapping) -> None:
        self.source, self.root = source, root
        self._entered = Entered()
        self._known_variables: dict[int, Row] = {}
        self.parameters = _values(root.get("parameters"), "default")
        self.aliases = {node.text("container").lower() for node in walk(root) if isinstance(node, Mapping) and "image" in node}
        is_whole = any(key in root for key in WHOLE) and "extends" not in root
        self.knows_aliases = is_whole and not any(TEMPLATE in alias for alias in self.aliases)

    def images(self) -> Iterator[ImageUse]:
        """Yield the images of all jobs and containers. `key` is that of a node, without the conditions between."""
        waiting: list[tuple[Node, str, bool, str, Scope]] = [(self.root, "", True, "pipeline", None)]
        while waiting:
            node, key, is_job, where, scope = waiting.pop()
            if isinstance(node, Scalar) or not self._entered.is_new(node):
                continue
            if not isinstance(node, Mapping):
                waiting.extend([(item, key, False, where, scope) for item in reversed(node.items)])
                continue
            if key != "parameters" and any(name in node.by_key for name in JOBS):
                is_job, where = True, words("job", clipped(node.text("job") or node.text("deployment")))
            if "variables" in node:
                scope = self._variables(node.get("variables")), scope
            yield from self._own_images(node, key, is_job, where, scope)
            below = [(name.value, value) for name, value in node.entries if isinstance(name, Scalar)]
            for name, value in reversed(below):
                if name.startswith(TEMPLATE):
                    waiting.append((value, key, is_job, where, scope))
                elif name not in WITHOUT_JOBS:
                    resource = f"container resource {clipped(name)}" if key == "containers" else where
                    waiting.append((value, f"{key}.*" if key == "containers" else name, False, resource, scope))

    def _own_images(self, node: Mapping, key: str, is_job: bool, where: str, scope: Scope) -> Iterator[ImageUse]:
        """Yield the images of a mapping if it is a job or a container."""
        alias = node.text("container")
        if key == "containers" and alias:
            yield from self._container(node, f"container resource {clipped(alias)}", "job-container", scope)
        elif key in ("container", "containers.*"):
            yield from self._container(node, where, "job-container", scope)
        if is_job:
            legs = self._legs(node)
            yield from self._image_or_alias(node.get("container"), where, "job-container", scope, legs)
            services = node.mapping("services")
            for name, service in services.items() if services is not None and self._entered.is_new(services) else ():
                label = words(where, "service", clipped(name))
                if isinstance(service, Mapping):
                    yield from self._container(service, label, "job-service", scope)
                yield from self._image_or_alias(service, label, "job-service", scope, legs)

    def _container(self, container: Mapping, where: str, place: str, scope: Scope) -> Iterator[ImageUse]:
        """Yield the image of a container. That of one with a service connection may have no registry."""
        image, endpoint = container.scalar("image"), container.text("endpoint")
        if image is None:
            return
        use = self._use(image, where, place, scope, {}, built=container.text("localImage").lower() == "true")
        if endpoint and use.reference and not use.reference.registry_explicit:
            reason = f"the service connection {clipped(endpoint)} sets the registry of {clipped(image.value)}"
            use = replace(use, reference=None, problem=ReferenceProblem(UNRESOLVED, reason, use.span), parts={})
        yield use

    def _image_or_alias(
        self, node: Node | None, where: str, place: str, scope: Scope, legs: dict[str, list[Row]]
    ) -> Iterator[ImageUse]:
        """Yield the image that a text names, for each leg of the matrix that sets its variables, unless it is the alias of a resource.

        A text that is a single expression without a value may be either, and is ignored.
        """
        image = nonblank(node)
        if image is None:
            return
        names = {_variable(match) for match in re.finditer(EXPRESSIONS, image.value)}
        match = re.fullmatch(EXPRESSIONS, image.value.strip())
        for leg in rows_with(legs, names):
            named = self._value(match, scope, leg) if match else image
            if named is not None and not self._is_alias(named.value):
                yield self._use(image, where, place, scope, leg)

    def _is_alias(self, text: str) -> bool:
        return re.fullmatch(_ALIAS, text) is not None and (text.lower() in self.aliases or not self.knows_aliases)

    def _use(self, image: Scalar, where: str, place: str, scope: Scope, leg: Row, *, built: bool = False) -> ImageUse:
        def lookup(match: re.Match[str]) -> Scalar | None:
            return self._value(match, scope, leg)

        return pipeline_image(self.source, image, place=place, where=where, expressions=EXPRESSIONS, lookup=lookup, built=built)

    def _variables(self, node: Node | None) -> Row:
        if id(node) not in self._known_variables:
            self._known_variables[id(node)] = _values(node, "value")
        return self._known_variables[id(node)]

    def _legs(self, job: Mapping) -> dict[str, list[Row]]:
        """Return the legs of a job's matrix by the names of their variables."""
        strategy = job.mapping("strategy")
        matrix = strategy.mapping("matrix") if strategy is not None else None
        if matrix is None or not self._entered.is_new(matrix):
            return {}
        return rows_by_name([_values(leg, "") for _, leg in named_mappings(matrix)])

    def _value(self, match: re.Match[str], scope: Scope, leg: Row) -> Scalar | None:
        """Return the value of a parameter or variable, those of a matrix only while a job runs."""
        name = _variable(match)
        if not name:
            parameter = re.fullmatch(_VALUE, match["compiled"] or "")
            return self.parameters.get((parameter[2] or parameter[3]).lower()) if parameter else None
        if name in leg and match["compiled"] is None:
            return leg[name]
        while scope is not None:
            values, scope = scope
            if name in values:
                return values[name]
        return None


def _variable(match: re.Match[str]) -> str:
    """Return the name of the variable in an expression, in lower case; empty if it is none."""
    if match["macro"] is not None:
        return match["macro"].strip().lower()
    value = re.fullmatch(_VALUE, match["compiled"] or match["run"] or "")
    return (value[2] or value[3]).lower() if value and value[1] == "variables" else ""


def _values(node: Node | None, key: str) -> Row:
    """Return the scalars in a mapping, or in a list of mappings with a name and a value under `key`, by their names in lower case."""
    if isinstance(node, Mapping):
        return {name.lower(): scalar for name, value in node.items() if (scalar := nonblank(value))}
    return {item.text("name").lower(): value for item in mappings(node) if (value := item.scalar(key))}
