"""The parameters of Tekton tasks and step actions, which images refer to: `$(params.IMAGE)`. Imports the YAML trees.

Like the default of an ARG, the default of a parameter applies unless whoever runs the task sets another value.
"""

from __future__ import annotations

import re

from imglint.traced import joined
from imglint.yaml.facts import traced_text
from imglint.yaml.nodes import Mapping, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source
    from imglint.traced import Traced

_PARAMETER = r"""\$\((?:inputs\.)?params(?:\.(?P<name>[\w.-]+)|\[(?P<quote>["'])(?P<quoted>[^"'\[\]]+)(?P=quote)\])\)"""


def with_defaults(source: Source, text: Traced, spec: Mapping) -> Traced:
    """Return a text in which each parameter that has a default is replaced by it. `spec` is that of the task or step action."""
    defaults = _defaults(spec)
    string, parts, at = text.text, [], 0
    for match in re.finditer(_PARAMETER, string):
        default = defaults.get(match["name"] or match["quoted"])
        if default is not None:
            start, end = match.span()
            frame = text.cut(start, end).pieces[0].frames[0][0]
            value, _ = traced_text(source, default)
            parts += [text.cut(at, start), value.used_at(frame, *text.span(start, end))]
            at = end
    return joined([*parts, text.cut(at, len(string))])


def _defaults(spec: Mapping) -> dict[str, Scalar]:
    """Return the default of each parameter that has one. Tasks of version v1alpha1 declare parameters under `inputs`."""
    inputs = spec.mapping("inputs")
    declared = [*spec.sequence("params"), *(inputs.sequence("params") if inputs else ())]
    return {
        one.text("name"): default
        for one in declared
        if isinstance(one, Mapping) and (default := one.scalar("default")) is not None
    }
