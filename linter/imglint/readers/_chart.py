"""Where a file stands in a Helm chart. Imports `os`, and the YAML trees when a chart's own file is read."""

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
    """Whether a file is named as values are: `values.yaml`, `values-prod.yaml`, `prod-values.yaml`."""
    return "values" in name.lower() and re.fullmatch(_VALUES, name, re.IGNORECASE) is not None


def in_templates(path: str) -> bool:
    """Whether the file belongs to a chart's `templates` folder, at any depth: Chart.yaml stands beside that folder."""
    return _is_in_templates(os.path.dirname(os.path.abspath(path)))


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
    """Return the appVersion of the chart whose values these are, and the keys whose values are for other charts, on which it depends.

    The version is empty where no Chart.yaml stands beside the values or it names none.
    """
    text = source.beside("Chart.yaml") or ""
    match = _APP_VERSION.search(text)
    return match[2] if match else "", frozenset(_DEPENDENCY.findall(text))
