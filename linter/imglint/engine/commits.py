"""The commit that is checked out in a repository. Imported only for formats that show it."""

from __future__ import annotations

import os
import re

from imglint.git import commit_of
from imglint.repository import git_folder

_SIZE = 4096
"""Bytes of a file with one reference: more than a name in a file system can have."""
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(rb"ref: +(refs/heads/[^\0\n]+)\n?")


def head_commit(root: str) -> str | None:
    """Return the full name of the commit at HEAD of the repository in a folder; None if the folder is no repository, or has no commit yet.

    HEAD, the branch and packed-refs are read as gitrepository-layout(5) describes them. Git is started only for other storage: a reftable, a symbolic
    link, a reference to a reference. Raises GitError if Git cannot read it.
    """
    folder = git_folder(root)
    path = os.path.join(folder, "HEAD")
    if os.path.islink(path):
        return commit_of(root, "HEAD")
    head = _content(path)
    if _COMMIT.fullmatch(head.strip()):
        return head.strip().decode()
    branch = _BRANCH.fullmatch(head)
    if branch is None or b".." in branch[1] or b"/." in branch[1]:
        return commit_of(root, "HEAD") if head else None
    shared = os.path.join(folder, os.fsdecode(_content(os.path.join(folder, "commondir")).strip()))
    found = _content(os.path.join(shared, os.fsdecode(branch[1]))).strip() or _packed(shared, branch[1])
    return found.decode() if _COMMIT.fullmatch(found) else commit_of(root, "HEAD") if found else None


def _packed(folder: str, name: bytes) -> bytes:
    """Return the commit of a reference in packed-refs; empty if it is not there."""
    path = os.path.join(folder, "packed-refs")
    if os.path.isfile(path):
        with open(path, "rb") as file:
            for line in file:
                commit, _, packed = line.rstrip(b"\n").partition(b" ")
                if packed == name:
                    return commit
    return b""


def _content(path: str) -> bytes:
    """Return the start of a file; empty if there is none. A named pipe counts as none, because reading it would block."""
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as file:
        return file.read(_SIZE)
