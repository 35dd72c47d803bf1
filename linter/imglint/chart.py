"""Where a file stands in a Helm chart. Imports `os`, and the YAML trees when a chart's own file is read."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source

_APP_VERSION = re.compile(r"""^appVersion[ \t]*:[ \t]*(["']?)([^\s"'#]+)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE)


def in_templates(path: str) -> bool:
    """Whether the file belongs to a chart's `templates` folder, at any depth: Chart.yaml stands beside that folder."""
    folder = os.path.dirname(os.path.abspath(path))
    while True:
        parent, name = os.path.split(folder)
        if parent == folder:
            return False
        if name == "templates" and os.path.isfile(os.path.join(parent, "Chart.yaml")):
            return True
        folder = parent


def app_version(source: Source) -> str | None:
    """Return the appVersion of the chart whose values these are; None where no Chart.yaml stands beside them or it names none."""
    chart = source.beside("Chart.yaml")
    match = _APP_VERSION.search(chart) if chart else None
    return match[2] if match else None
