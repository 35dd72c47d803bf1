"""Helpers for the machine-readable formats: paths relative to the repository root, and ends of one-line regions."""

from __future__ import annotations

import os
from functools import cache

from imglint.repository import repository_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.model import Finding


def from_root(path: str) -> str | None:
    """Return the path of a file relative to the root of its repository, as services expect it; None if it is outside of that.

    The root is the nearest folder with a `.git` at or above the current folder; for a file outside of it, at or above the file's own folder; without
    a repository, the current folder.
    """
    return _relative(path, os.getcwd())


_root_of = cache(repository_root)


@cache
def _relative(path: str, current: str) -> str | None:
    absolute = os.path.normpath(os.path.join(current, path))
    for root in (_root_of(current), _root_of(os.path.dirname(absolute)), current):
        if root is not None:
            relative = os.path.relpath(absolute, root)
            if relative != os.pardir and not relative.startswith(os.pardir + os.sep):
                return relative
    return None


def one_line_end(finding: Finding) -> int | None:
    """Return the end column of a finding on its first line; None if the finding is empty there, since viewers reject empty regions."""
    location = finding.location
    end = location.end_column if location.end_line == location.line else finding.line_column + len(finding.line_text)
    return end if end > location.column else None
