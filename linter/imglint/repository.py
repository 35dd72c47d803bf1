"""Find the Git repository that contains a folder."""

from __future__ import annotations

import os


def repository_root(folder: str) -> str | None:
    """Return the absolute path of the nearest folder, at or above `folder`, that contains `.git`. Return None if there is none."""
    folder = os.path.abspath(folder)
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
