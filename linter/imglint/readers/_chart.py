"""The Helm chart that a file belongs to. Imports `os`, `re` and the paths of workflows."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from imglint.readers._workflows import is_workflow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source

CHART = "Chart.yaml"
_OPEN = "{{"
_VALUES = r"(?:values(?:[-_.].*)?|.*[-_.]values)\.ya?ml"
_DEPENDENCY = re.compile(r"""^[ \t-]+(?:name|alias)[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE)
_APP_VERSION = re.compile(r"""^appVersion[ \t]*:[ \t]*(["']?)([^\s"'#]+)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE)


def is_values_file(source: Source) -> bool:
    """Return whether a file is named as values are: `values.yaml`, `values-prod.yaml`, `prod-values.yaml`, in a chart also `myvalues2.yaml`."""
    name = source.name.lower()
    if "values" not in name or not name.endswith((".yaml", ".yml")):
        return False
    return (re.fullmatch(_VALUES, name) is not None or chart_folder(source) is not None) and not is_workflow(source)


def chart_folder(source: Source) -> str | None:
    """Return the path of the chart that a file belongs to, relative to the folder of the file: empty, `../`, `../../` and so on.

    Returns None if the file is not below a chart, or in its `templates`.
    """
    folder = os.path.dirname(os.path.abspath(source.path))
    return None if _is_in_templates(folder) else _chart_above(folder, source.root)


@lru_cache(maxsize=64)
def _chart_above(folder: str, root: str) -> str | None:
    path = ""
    while not os.path.isfile(os.path.join(folder, CHART)):
        parent = os.path.dirname(folder)
        if folder in (root, parent):
            return None
        folder, path = parent, f"../{path}"
    return path


def is_chart_template(source: Source) -> bool:
    """Return whether the file is below a chart's `templates` folder and has actions, or is elsewhere in a chart and has lines that begin with them.

    The latter are CRDs and other files that templates include. Without actions, a file is the YAML that it looks like.
    """
    if _OPEN not in source.text:
        return False
    if _is_in_templates(os.path.dirname(os.path.abspath(source.path))):
        return True
    # In a scalar of several lines, such a line would be indented.
    begins = source.text.startswith(_OPEN) or f"\n{_OPEN}" in source.text
    if not begins or is_values_file(source) or chart_folder(source) is None:
        return False
    # Imported here because few files have such lines.
    from imglint.readers._fixed_paths import is_of_its_path

    return not is_of_its_path(source)


@lru_cache(maxsize=64)
def _is_in_templates(folder: str) -> bool:
    while True:
        parent, name = os.path.split(folder)
        if parent == folder:
            return False
        if name == "templates" and os.path.isfile(os.path.join(parent, CHART)):
            return True
        folder = parent


def app_version(source: Source) -> tuple[str, frozenset[str]]:
    """Return the appVersion of the chart that a values file belongs to, and the keys under which values for its dependencies are.

    The version is empty if there is no Chart.yaml in the same folder or it has none.
    """
    text = source.beside(CHART) or ""
    match = _APP_VERSION.search(text)
    return match[2] if match else "", frozenset(_DEPENDENCY.findall(text))
