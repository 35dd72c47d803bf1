"""Find the Git repository that contains a folder, and the root that limits what may be read for a checked path."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

GIT = ".git"
_GITDIR = "gitdir:"
_PATH_SIZE = 4096


def repository_root(folder: str) -> str | None:
    """Return the absolute path of the nearest folder, at or above `folder`, that contains `.git`. Return None if there is none."""
    folder = os.path.abspath(folder)
    while not os.path.lexists(os.path.join(folder, GIT)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def root_of(path: str) -> str:
    """Return the absolute path of the root of a path that the user named: no file outside of the root is read for it.

    The root is that of its repository; a submodule belongs to the repository around it. Outside of a repository, it is the current folder if the path
    lies in it, else the named folder, or the folder of the named file.
    """
    absolute = os.path.abspath(path)
    folder = absolute if os.path.isdir(absolute) else os.path.dirname(absolute)
    root = repository_root(folder)
    if root is None:
        current = os.getcwd()
        return current if is_below(absolute, current) else folder
    return outermost_repository(root)


def outermost_repository(root: str) -> str:
    """Return the root of the repository that contains a repository as a submodule, directly or through others; itself if there is none."""
    while (around := repository_root(os.path.dirname(root))) not in (None, root) and _is_submodule(root, around or ""):
        root = around or ""
    return root


def leaves(path: str, root: str) -> bool:
    """Return whether a path, with all symbolic links resolved, is outside of a folder."""
    return not is_below(os.path.realpath(path), os.path.realpath(root))


def is_outside(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path is outside of all these folders, both by its name and with all symbolic links resolved."""
    absolute = os.path.abspath(path)
    return not any(is_below(absolute, os.path.abspath(folder)) or not leaves(path, folder) for folder in folders)


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is a folder or below it, going by the names alone."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def git_folder(root: str) -> str:
    """Return the folder with the data of a repository. In a worktree or submodule, `.git` is a file that names it."""
    path = os.path.join(root, GIT)
    if not os.path.isfile(path):
        return os.path.realpath(path)
    try:
        with open(path, "rb") as file:
            # The longest path that a system accepts. The file may be anything.
            text = os.fsdecode(file.read(_PATH_SIZE))
    except OSError:
        return path
    return os.path.realpath(os.path.join(root, text.partition("\0")[0].removeprefix(_GITDIR).strip()))


def _is_submodule(root: str, around: str) -> bool:
    """Return whether Git keeps the data of a repository below that of another one, among its submodules."""
    return is_below(git_folder(root), os.path.join(git_folder(around), "modules"))
