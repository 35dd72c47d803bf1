"""The kind of pipeline that a path shows. Imports `os`.

A path shows one kind at most: the most certain one, and of equally certain ones that of the name before those of the folders around it.
"""

from __future__ import annotations

import os
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source

CERTAIN, LIKELY, POSSIBLE = 2, 1, 0
"""What a path shows: a pipeline whatever the file contains; one if the file looks like it or is broken; one only if it looks like it."""
NOWHERE = "", POSSIBLE
ANYWHERE = "azure-pipelines", POSSIBLE
"""Azure Pipelines has no names of its own for templates."""
IN_JSON = ("buildkite", "cloudbuild")

_NAMES = {".drone": "drone", ".woodpecker": "woodpecker", "buildkite": "buildkite", "cloudbuild": "cloudbuild"}
"""Names without extensions that are those of pipelines."""
_BEGINNINGS = {
    "azure-pipelines": ("azure-pipelines", CERTAIN),
    "azure-pipeline": ("azure-pipelines", CERTAIN),
    "cloudbuild": ("cloudbuild", CERTAIN),
    "drone": ("drone", POSSIBLE),
    ".drone": ("drone", POSSIBLE),
}
"""What such names begin with; `-`, `_` or `.` follows."""
_FIRST_FILES = {".circleci/config": "circleci", ".buildkite/pipeline": "buildkite"}
"""Where two vendors look for the pipeline of a repository."""
_FOLDERS = {
    ".circleci": ("circleci", LIKELY),
    ".woodpecker": ("woodpecker", CERTAIN),
    ".buildkite": ("buildkite", LIKELY),
    "buildkite": ("buildkite", POSSIBLE),
    ".drone": ("drone", POSSIBLE),
    "cloudbuild": ("cloudbuild", POSSIBLE),
    ".cloudbuild": ("cloudbuild", POSSIBLE),
}
_OTHERS = ("/.github/workflows/", "/.github/actions/", "/.gitlab/", "/.gitlab-ci", "/action.y")
"""Parts of the paths of other kinds of pipelines."""


@lru_cache(maxsize=1)
def kind_by_path(source: Source) -> tuple[str, int]:
    """Return the kind of pipeline that the path of a file shows, and how certain that is.

    It is kept until the next file, because a walk asks the reader of each kind. Compiling patterns would take longer.
    """
    path = os.path.abspath(source.path).lower()
    if any(part in path for part in _OTHERS):
        return NOWHERE
    stem, _, extension = path.rpartition(".")
    *folders, name = stem.split("/")
    first = _NAMES.get(name) or _FIRST_FILES.get("/".join([*folders[-1:], name]))
    kinds = [(first, CERTAIN)] if first else []
    kinds += filter(None, [_kind_of_name(name), *map(_FOLDERS.get, reversed(folders))])
    kind = max(kinds, key=lambda kind: kind[1], default=ANYWHERE)
    return kind if extension != "json" or kind[0] in IN_JSON else NOWHERE


def _kind_of_name(name: str) -> tuple[str, int] | None:
    for beginning, kind in _BEGINNINGS.items():
        if name.startswith(beginning) and name[len(beginning) :][:1] in ("", "-", "_", "."):
            return kind
    if name.endswith(".cloudbuild"):
        return "cloudbuild", CERTAIN
    is_similar = any(word in name for word in ("cloudbuild", "cloud-build", "cloud_build"))
    return ("cloudbuild", POSSIBLE) if is_similar else None
