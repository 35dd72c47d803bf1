"""The Helm chart that a file belongs to. Imports `os` and `re`."""

from __future__ import annotations

import os
import re
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source

_VALUES = r"(?:values(?:[-_.].*)?|.*[-_.]values)\.ya?ml"
_DEPENDENCY = re.compile(r"""^[ \t-]+(?:name|alias)[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE)
_APP_VERSION = re.compile(r"""^appVersion[ \t]*:[ \t]*(["']?)([^\s"'#]+)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE)


def is_values_name(name: str) -> bool:
    """Return whether a file is named as values are: `values.yaml`, `values-prod.yaml`, `prod-values.yaml`."""
    return "values" in name.lower() and re.fullmatch(_VALUES, name, re.IGNORECASE) is not None


def is_chart_template(source: Source) -> bool:
    """Return whether the file is below a chart's `templates` folder and has actions. Without actions it is the YAML that it looks like."""
    return _is_in_templates(os.path.dirname(os.path.abspath(source.path))) and "{{" in source.text


@lru_cache(maxsize=64)
def _is_in_templates(folder: str) -> bool:
    while True:
        parent, name = os.path.split(folder)
        if parent == folder:
            return False
        if name == "templates" and os.path.isfile(os.path.join(parent, "Chart.yaml")):
            return True
        folder = parent


def app_version(source: Source) -> tuple[str, frozenset[str]]:
    """Return the appVersion of the chart that a values file belongs to, and the keys under which values for its dependencies are.

    The version is empty if there is no Chart.yaml in the same folder or it has none.
    """
    text = source.beside("Chart.yaml") or ""
    match = _APP_VERSION.search(text)
    return match[2] if match else "", frozenset(_DEPENDENCY.findall(text))
