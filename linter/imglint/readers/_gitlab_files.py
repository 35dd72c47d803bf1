"""Files that a pipeline of GitLab CI includes from its own repository. Imports `os`; for wildcards, the matcher of patterns."""

from __future__ import annotations

import os
import re

from imglint.repository import GIT, is_below, leaves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source

WALK_MAX = 20_000
"""Files and folders that are searched for the files of one `include` with wildcards."""
MAIN = ".gitlab-ci.yml"


class OverLimit(Exception):
    """Raised if an `include` with wildcards searches more than WALK_MAX files and folders."""


def project_root(source: Source) -> str:
    """Return the absolute path of the nearest folder around a file that has a `.git` or `.gitlab-ci.yml`, or of its root."""
    folder, root = os.path.dirname(os.path.abspath(source.path)), source.root
    while is_below(folder, root) and folder != root:
        if any(os.path.lexists(os.path.join(folder, name)) for name in (GIT, MAIN)):
            return folder
        folder = os.path.dirname(folder)
    return root


def matching(root: str, pattern: str) -> Iterator[str]:
    """Yield the files below a folder that fit a pattern, sorted: `*` stands for any text without a slash, `**` for any text.

    That is how GitLab reads them (`search_files_by_wildcard_path` in app/models/repository.rb). Raises OverLimit.
    """
    from imglint.patterns.matcher import ANY, NO_SLASH, Glob, Wildcard

    wildcards = {"**": Wildcard(ANY), "*": Wildcard(NO_SLASH)}
    glob = Glob([wildcards.get(token, token) for token in re.findall(r"\*\*|.", pattern, re.DOTALL)])
    start = os.path.join(root, pattern.partition("*")[0].rpartition("/")[0])
    if leaves(start, root):
        return
    found, visited = [], 0
    for folder, folders, files in os.walk(start):
        visited += len(folders) + len(files)
        if visited > WALK_MAX:
            raise OverLimit
        below = os.path.relpath(folder, root)
        front = "" if below == os.curdir else f"{below}/"
        is_deep = "**" not in pattern and front.count("/") >= pattern.count("/")
        folders[:] = [] if is_deep else [name for name in folders if name != GIT]
        found += [path for name in files if glob.fits(path := front + name)]
    yield from sorted(found)
