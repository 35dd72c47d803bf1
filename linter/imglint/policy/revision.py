"""Policy files at a Git revision, for `--config-from`. Git reads objects of the repository and runs nothing."""

from __future__ import annotations

import os
import posixpath

from imglint.errors import UsageError
from imglint.git import GitError, GitMissing, commit_of, output
from imglint.policy.lookup import FILE_NAME
from imglint.repository import repository_root
from imglint.source import FILE_SIZE_MAX, UnreadFile, decode

_LINK, _REGULAR = "120000", ("100644", "100755")


class Revision:
    """A Git revision of the repository around the current folder, as the place to read policy files from.

    The files have names of the form `REF:PATH`, as in Git, with a path from the root of the repository.
    """

    def __init__(self, ref: str) -> None:
        """Find the commit of a revision. Raises UsageError if there is no repository, no Git or no such commit."""
        self.ref = ref
        root = repository_root("")
        if root is None:
            raise self._error("there is no Git repository here or above; use --config")
        self.root = root
        try:
            self._commit = commit_of(root, ref)
        except GitMissing as error:
            raise self._error(f"{error}, or use --config") from None
        except GitError as error:
            raise self._error(str(error)) from None

    def find(self) -> str:
        """Return the name of the nearest policy file in the current folder or above it, up to the root of the repository.

        Raises UsageError if the revision has none.
        """
        folder = os.path.relpath(os.getcwd(), self.root)
        folders = [] if folder == os.curdir else folder.split(os.sep)
        paths = ["/".join([*folders[:depth], FILE_NAME]) for depth in range(len(folders), -1, -1)]
        try:
            found = self._entries(*paths)
        except UnreadFile as error:
            raise self._error(error.reason) from None
        nearest = next((path for path in paths if path in found), None)
        if nearest is None:
            where = f"{folder} or above" if folders else "the root of the repository"
            raise self._error(f"this revision has no {FILE_NAME} in {where}; use another revision, or --config")
        return f"{self.ref}:{nearest}"

    def read(self, name: str) -> str:
        """Return the text of a file. Raises UnreadFile if it is not a regular file of the revision, is too large or cannot be decoded."""
        path = self._path(name)
        if posixpath.isabs(path) or path.split("/")[0] == os.pardir:
            raise UnreadFile("outside of the repository")
        mode, identifier, size = self._entries(path).get(path, ("", "", ""))
        if not mode:
            raise UnreadFile("no such file in this revision")
        if mode not in _REGULAR:
            raise UnreadFile("is a symbolic link, which --config-from does not follow" if mode == _LINK else "not a regular file")
        if not size.isdigit():
            raise UnreadFile("its object is missing in this clone; fetch it first")
        if int(size) > FILE_SIZE_MAX:
            raise UnreadFile(f"larger than {FILE_SIZE_MAX} bytes")
        return decode(self._output("cat-file", "blob", identifier))

    def identity(self, name: str) -> str:
        """Return the same text for all names of a file. Raises ValueError for a name that no file can have."""
        if b"\0" in os.fsencode(name):
            raise ValueError(name)
        return name

    def is_outside(self, _name: str) -> bool:
        """Return False: Git has no other files, and `read` refuses their names."""
        return False

    def beside(self, name: str, relative: str) -> str:
        """Return the name of a file from its path relative to the folder of another file."""
        return f"{self.ref}:{posixpath.normpath(posixpath.join(posixpath.dirname(self._path(name)), relative))}"

    def folder(self, name: str) -> str:
        """Return the absolute path that the folder of a file has in the working tree."""
        return os.path.normpath(os.path.join(self.root, posixpath.dirname(self._path(name))))

    def _path(self, name: str) -> str:
        return name[len(self.ref) + 1 :]

    def _entries(self, *paths: str) -> dict[str, tuple[str, str, str]]:
        """Return mode, object and size of each path that exists. The size of what is no file is `-`. Raises UnreadFile if Git fails."""
        listed = self._output("ls-tree", "-z", "-l", "--full-tree", self._commit, "--", *paths)
        entries: dict[str, tuple[str, str, str]] = {}
        for entry in os.fsdecode(listed).split("\0")[:-1]:
            fields, _, path = entry.partition("\t")
            mode, _kind, identifier, size = fields.split()
            entries[path] = (mode, identifier, size)
        return entries

    def _output(self, *arguments: str) -> bytes:
        try:
            return output(self.root, *arguments)
        except GitError as error:
            raise UnreadFile(str(error)) from None

    def _error(self, reason: str) -> UsageError:
        return UsageError(f"--config-from {self.ref}: {reason}")
