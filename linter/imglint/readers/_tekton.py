"""The parameters of Tekton tasks and step actions, which images refer to: `$(params.IMAGE)`. Imports the YAML trees.

Like the default of an ARG, the default of a parameter applies unless whoever runs the task sets another value.
"""

from __future__ import annotations

import re

from imglint.traced import joined
from imglint.yaml.facts import TEXT_MAX, traced_text
from imglint.yaml.nodes import Mapping, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source
    from imglint.traced import Traced

_PARAMETER = r"""\$\((?:inputs\.)?params(?:\.(?P<name>[\w.-]+)|\[(?P<quote>["'])(?P<quoted>[^"'\[\]]+)(?P=quote)\])\)"""


def defaults_of(spec: Mapping) -> dict[str, Scalar]:
    """Return the default of each parameter of a task or step action that has one. Tasks of version v1alpha1 declare them under `inputs`."""
    inputs = spec.mapping("inputs")
    declared = [*spec.sequence("params"), *(inputs.sequence("params") if inputs else ())]
    return {
        one.text("name"): default
        for one in declared
        if isinstance(one, Mapping) and (default := one.scalar("default")) is not None
    }


def with_defaults(source: Source, text: Traced, defaults: dict[str, Scalar]) -> Traced:
    """Return a text in which each parameter that has a default is replaced by it. The text ends where it gets longer than TEXT_MAX."""
    string, parts, at, length = text.text, [], 0, 0
    for match in re.finditer(_PARAMETER, string):
        default = defaults.get(match["name"] or match["quoted"])
        if default is not None:
            start, end = match.span()
            frame = text.cut(start, end).pieces[0].frames[0][0]
            value, _ = traced_text(source, default)
            parts += [text.cut(at, start), value.used_at(frame, *text.span(start, end))]
            at, length = end, length + start - at + len(value.text)
            if length > TEXT_MAX:
                return joined(parts)
    return joined([*parts, text.cut(at, len(string))])
