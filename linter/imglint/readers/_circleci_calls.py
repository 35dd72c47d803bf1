"""The values that workflows of CircleCI give to the parameters of jobs, and jobs to those of executors. Imports the YAML trees.

The format is that of https://circleci.com/docs/reference/configuration-reference/ ("Using job parameters", "matrix", "Using executor parameters").
"""

from __future__ import annotations

import re
from itertools import product

from imglint.readers._alternatives import Steps
from imglint.readers._pipelines import Entered, named_mappings, scalar_of
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.readers._expressions import Row
    from imglint.yaml.nodes import Node

JOB, EXECUTOR = "job ", "executor "
"""What the names of jobs and executors follow where calls refer to them."""
_PARAMETER = r"<<\s*parameters\.([\w-]+)\s*>>"


class Calls:
    """The calls of the jobs and executors of one document."""

    def __init__(self, root: Mapping) -> None:
        self._steps = Steps()
        self._calls: dict[str, list[Mapping]] = {}
        self._jobs: dict[int, tuple[str, Mapping]] = {}
        """The name of the job that a call of an executor is in, and the job, by the id of the call."""
        self._entered = Entered()
        for _, workflow in named_mappings(root.mapping("workflows")):
            for entry in self._entered.mappings(workflow.get("jobs")):
                for name, call in entry.by_key.items():
                    if isinstance(call, Mapping):
                        self._calls.setdefault(f"{JOB}{name}", []).append(call)
        self._add_executors(root)

    def _add_executors(self, root: Mapping) -> None:
        waiting = [("", root)]
        while waiting:
            prefix, orb = waiting.pop()
            if not self._entered.is_new(orb):
                continue
            for name, job in named_mappings(orb.mapping("jobs")):
                call = job.mapping("executor")
                if call is not None and self._entered.is_new(call):
                    self._jobs[id(call)] = f"{JOB}{prefix}{name}", job
                    executor = call.text("name")
                    owner = "" if "/" in executor else prefix
                    self._calls.setdefault(f"{EXECUTOR}{owner}{executor}", []).append(call)
            waiting += [(f"{name}/", inner) for name, inner in named_mappings(orb.mapping("orbs"))]

    def rows(self, called: str, names: list[str]) -> Iterator[Row]:
        """Yield the values that each call gives to some parameters, once for each combination of its matrix. Raises OverLimit."""
        values_of = self._of_executor if called.startswith(EXECUTOR) else self._of_job
        for call in self._calls.get(called, ()):
            self._steps.take(1 + len(names))
            given = {name: values for name in names if (values := values_of(call, name))}
            for combination in product(*given.values()) if given else ():
                self._steps.take(len(given))
                yield dict(zip(given, combination, strict=True))

    def _of_job(self, call: Mapping, name: str) -> list[Scalar]:
        """Return the values that a call of a job gives to a parameter, by its name or in a matrix."""
        matrix = call.mapping("matrix")
        parameters = matrix.mapping("parameters") if matrix else None
        values = _scalars(call.get(name)) + (_scalars(parameters.get(name)) if parameters else [])
        self._steps.take(len(values))
        return values

    def _of_executor(self, call: Mapping, name: str) -> list[Scalar]:
        """Return the values that a call of an executor gives to a parameter: a value that is one of the job's has all the values of that."""
        job_name, job = self._jobs[id(call)]
        found: list[Scalar] = []
        for value in _scalars(call.get(name)):
            match = re.fullmatch(_PARAMETER, value.value.strip())
            if match is None:
                found.append(value)
            else:
                declared = job.mapping("parameters")
                default = scalar_of(declared.mapping(match[1]) if declared else None, "default")
                found += [default] if default is not None else []
                found += [row[match[1]] for row in self.rows(job_name, [match[1]])]
        self._steps.take(len(found))
        return found


def _scalars(node: Node | None) -> list[Scalar]:
    nodes = node.items if isinstance(node, Sequence) else [node]
    return [each for each in nodes if isinstance(each, Scalar)]
