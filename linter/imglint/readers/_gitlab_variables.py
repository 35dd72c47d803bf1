"""Variables of GitLab CI: `$NAME`, `${NAME}` and `$[[ inputs.name ]]`, with the values that a file or the policy gives. Imports the YAML trees.

The order of precedence is that of the documentation ("CI/CD variable precedence"): rules of the job, its matrix, the job, what it extends, rules of the
workflow, the file. The policy stands for the settings of the project, which replace all of them.
"""

from __future__ import annotations

import re
from itertools import product
from math import prod

from imglint.printable import clipped
from imglint.readers._alternatives import OverLimit
from imglint.traced import Traced, joined, opaque, unknown
from imglint.yaml.facts import traced_text
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Span
    from imglint.readers._alternatives import Steps
    from imglint.source import Source
    from imglint.yaml.nodes import Node

    Layer = list[Mapping | None]
    """Alternative maps of variables, of which one applies; None for a map without variables."""

DEPTH_MAX = 50
"""Variables in the values of variables."""

_EXPRESSION = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<other>\{[^{}]*\})"
    r"|\[\[[ \t]*inputs\.(?P<input>[A-Za-z0-9_-]+)[ \t]*\]\]|(?P<function>\[\[[^\]]*\]\]))"
)
_FLOAT = r"[-+]?[0-9]+\.[0-9]*"


class Variables:
    """Resolves the variables of one file. `inputs` are the defaults of its inputs."""

    def __init__(self, source: Source, inputs: dict[str, Node], steps: Steps) -> None:
        self.source, self.inputs, self.steps = source, inputs, steps

    def resolved(self, text: Traced, layers: list[Layer]) -> Iterator[tuple[Traced, str]]:
        """Yield a text with its variables resolved, once for each combination of their values, and why a part of it is unknown.

        `layers` have the variables, those with the highest precedence first. Raises OverLimit.
        """
        names = self._names(text.text, layers)
        chosen = [self._projected(layer, names) for layer in reversed(layers)]
        self.steps.take(prod(len(layer) for layer in chosen) * (1 + len(names)))
        for combination in product(*chosen):
            values: dict[str, Node] = {}
            for layer in combination:
                values |= layer
            resolution = _Resolution(self, values)
            yield resolution.expanded(text, 0), resolution.reason

    def _names(self, text: str, layers: list[Layer]) -> list[str]:
        """Return the names of the variables in a text, and in their values."""
        names = dict.fromkeys(_names_in(text))
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            for layer in layers:
                self.steps.take(len(layer))
                for variables in layer:
                    for value in _scalars(variables.get(name) if variables else None):
                        self.steps.take(len(value.value))
                        new = [other for other in _names_in(value.value) if other not in names]
                        names.update(dict.fromkeys(new))
                        waiting += new
        return list(names)

    def _projected(self, layer: Layer, names: list[str]) -> list[dict[str, Node]]:
        """Return the alternatives of a layer that differ in the variables with these names."""
        found: dict[tuple[tuple[str, int], ...], dict[str, Node]] = {}
        for variables in layer:
            given = {name: value for name in names if (value := variables.get(name)) is not None} if variables else {}
            self.steps.take(prod(len(value.items) for value in given.values() if isinstance(value, Sequence)))
            for values in product(*[value.items if isinstance(value, Sequence) else [value] for value in given.values()]):
                chosen = dict(zip(given, values, strict=True))
                found.setdefault(tuple([(name, id(value)) for name, value in chosen.items()]), chosen)
        return list(found.values())


class _Resolution:
    """Resolves texts with one value for each variable."""

    def __init__(self, variables: Variables, values: dict[str, Node]) -> None:
        self.variables, self.values = variables, values
        self.reason = ""
        self._known: dict[str, Traced | None] = {}

    def expanded(self, text: Traced, depth: int) -> Traced:
        """Return a text with the values of its variables. Those that have none are unknown. Raises OverLimit."""
        string, parts, at = text.text, [], 0
        self.variables.steps.take(len(string))
        if depth > DEPTH_MAX:
            raise OverLimit(f"more than {DEPTH_MAX} variables are nested in each other")
        for match in _EXPRESSION.finditer(string):
            start, end = match.span()
            frame, here = text.cut(start, end).pieces[0].frames[0][0], text.span(start, end)
            value = self._value(match, depth)
            value = self._outside(match, frame, here) if value is None else value.used_at(frame, *here)
            self.variables.steps.take(1 + len(value.pieces) + len(value.text))
            parts += [text.cut(at, start), value]
            at = end
        return joined([*parts, text.cut(at, len(string))])

    def _outside(self, match: re.Match[str], frame: int, here: Span) -> Traced:
        """Return the value of an expression that is not in the file: of the policy, or unknown."""
        name = match["plain"] or match["braced"]
        if match["dollar"] or name in self.variables.source.variables:
            return opaque("$" if match["dollar"] else self.variables.source.variables[name], frame, *here)
        if name:
            reason = f"{clipped(name)} has no value in this file; set it in `variables`, here or in the policy"
        else:
            reason = f"{clipped(match[0])} has no value in this file"
        self.reason = self.reason or reason
        return unknown(frame, *here)

    def _value(self, match: re.Match[str], depth: int) -> Traced | None:
        """Return the value that the file gives to an expression, if any."""
        name = match["plain"] or match["braced"]
        if match["input"]:
            name, node = match[0], self.variables.inputs.get(match["input"])
        elif not name or name in self.variables.source.variables:
            return None
        else:
            node = self.values.get(name)
        if name not in self._known:
            # A variable that refers to itself has no value.
            self._known[name] = None
            self._known[name] = self._value_of(node, depth)
        return self._known[name]

    def _value_of(self, node: Node | None, depth: int) -> Traced | None:
        is_raw = isinstance(node, Mapping) and node.text("expand").lower() == "false"
        scalar = node.get("value") if isinstance(node, Mapping) else node
        if not isinstance(scalar, Scalar):
            return None
        if scalar.is_null:
            return Traced(())
        text, _ = traced_text(self.variables.source, scalar)
        if re.fullmatch(_FLOAT, text.text) and not (scalar.style or scalar.tag):
            # GitLab reads it as a number, which has no trailing zeros.
            start, end = text.span(0, len(text.text))
            text = opaque(str(float(text.text)), start, start, end) if str(float(text.text)) != text.text else text
        return text if is_raw else self.expanded(text, depth + 1)


def _names_in(text: str) -> list[str]:
    return [match["plain"] or match["braced"] for match in _EXPRESSION.finditer(text) if match["plain"] or match["braced"]]


def _scalars(node: Node | None) -> Iterator[Scalar]:
    """Yield the texts that are the value of a variable, or its alternatives in a matrix."""
    if isinstance(node, Mapping):
        node = node.get("value")
    for value in node.items if isinstance(node, Sequence) else [node]:
        if isinstance(value, Scalar):
            yield value
