"""Which files are workflows of GitHub Actions, by their paths. Imports `os` and `re`.

GitHub runs the files directly in `.github/workflows`; Gitea and Forgejo also those in folders of their own name. A template of a workflow is a file in
`workflow-templates` with a `.properties.json` of the same name beside it (GitHub documentation, "Creating workflow templates for your organization").
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source

_FOLDERS = ("/.github/workflows", "/.gitea/workflows", "/.forgejo/workflows")
_TEMPLATES = "/workflow-templates"
_OTHER_KINDS = ("compose", "values")
"""Words in names of files that may be of another kind: a workflow that is called so shows by its content."""
_JOBS = r"""(?m)^["']?jobs["']?[ \t]*:"""


def is_workflow(source: Source) -> bool:
    """Return whether a YAML file is a workflow by its path, and also by its content if its name is one of compose files or values."""
    if not is_in_folder_of_workflows(source.path):
        return False
    name = source.name.lower()
    if not any(word in name for word in _OTHER_KINDS) or re.search(_JOBS, source.text):
        return True
    # Imported here because few workflows have such a name.
    from imglint.yaml.nodes import Mapping
    from imglint.yaml.top_level import roots_with

    return any(isinstance(root, Mapping) and "jobs" in root for root, _ in roots_with(source.text, "jobs"))


def is_in_folder_of_workflows(path: str) -> bool:
    """Return whether GitHub, Gitea or Forgejo reads the YAML files in the folder of a path as workflows, or this one as a template of a workflow."""
    if "workflow" not in path and path.count("/") > 1 and "../" not in path:
        # Nearly all files: a walk asks for every one that no other reader claims.
        return False
    folder = f"/{path.rpartition('/')[0]}"
    if folder in ("/", "/.", "/workflows", "/./workflows") or folder.endswith("/.."):
        folder = os.path.dirname(os.path.abspath(path))
    if folder.endswith(_TEMPLATES):
        return os.path.isfile(f"{path.rpartition('.')[0]}.properties.json")
    return folder.endswith(_FOLDERS)
