"""The parameters of Tekton tasks and step actions, which images refer to: `$(params.IMAGE)`. Imports the YAML trees.

Like the default of an ARG, the default of a parameter applies unless whoever runs the task sets another value.
"""

from __future__ import annotations

from imglint.readers._expressions import with_values
from imglint.yaml.facts import traced_text
from imglint.yaml.nodes import Mapping, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

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

    def value_of(match: re.Match[str]) -> Traced | None:
        default = defaults.get(match["name"] or match["quoted"])
        return traced_text(source, default)[0] if default is not None else None

    return with_values(text, _PARAMETER, value_of)
