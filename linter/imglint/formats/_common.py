"""What the formats for programs share: paths from the repository's root, stretches of one line. Imports the walk's repository root."""

from __future__ import annotations

import os
from functools import cache

from imglint.repository import repository_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.model import Finding


def from_root(path: str) -> str | None:
    """Return the path of a file from the root of its repository, which is where services expect it to start; None where it has no such path.

    The root is the nearest folder at or above the current one that holds `.git`; of a file outside of that, the one at or above the file's own
    folder. Outside of any repository it is the current folder.
    """
    return _relative(path, os.getcwd())


_root_of = cache(repository_root)


@cache
def _relative(path: str, current: str) -> str | None:
    whole = os.path.normpath(os.path.join(current, path))
    for root in (_root_of(current), _root_of(os.path.dirname(whole)), current):
        if root is not None:
            relative = os.path.relpath(whole, root)
            if relative != os.pardir and not relative.startswith(os.pardir + os.sep):
                return relative
    return None


def one_line_end(finding: Finding) -> int | None:
    """Return the column after a finding's stretch of its first line; None where it has no length, and so no end that a viewer could show."""
    place = finding.location
    end = place.end_column if place.end_line == place.line else finding.line_column + len(finding.line_text)
    return end if end > place.column else None
