"""Policy files at a Git revision, for `--config-from`. Git reads objects of the repository and runs nothing."""

from __future__ import annotations

import os
import posixpath

from imglint.errors import UsageError
from imglint.git import GitError, GitMissing, commit_of, output
from imglint.policy.find import MISSPELLED
from imglint.policy.lookup import FILE_NAME
from imglint.repository import repository_root
from imglint.source import FILE_SIZE_MAX, UnreadFile, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_LINK, _REGULAR = "120000", ("100644", "100755")


class Revision:
    """A Git revision of a repository, as the place to read policy files from.

    The files have names of the form `REF:PATH`, as in Git, with a path from the root of the repository.
    """

    def __init__(self, ref: str, root: str) -> None:
        """Find the commit of a revision in the repository with this root.

        Raises UsageError if there is no repository, no Git, no such commit, or no policy in it.
        """
        self.ref, self.root = ref, root
        if repository_root(root) != root:
            raise self._error("there is no Git repository here or above; use --config")
        try:
            self._commit = commit_of(root, ref)
        except GitMissing as error:
            raise self._error(f"{error}, or use --config") from None
        except GitError as error:
            raise self._error(str(error)) from None
        self._files = self._files_named((FILE_NAME, *MISSPELLED))
        if not self._files:
            raise self._error(f"this revision has no {FILE_NAME}; use another revision, or --config")

    def _files_named(self, names: Collection[str]) -> frozenset[str]:
        """Return the paths of all files of these names, relative to the root."""
        try:
            listed = output(self.root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", self._commit)
        except GitError as error:
            raise self._error(str(error)) from None
        paths = os.fsdecode(listed).split("\0")
        return frozenset([path for path in paths if posixpath.basename(path) in names])

    def find(self, folder: str, names: tuple[str, ...]) -> str | None:
        """Return the name of the first file of these names that the revision has in a folder of the working tree, given by its absolute path."""
        paths = [os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/") for name in names]
        return next((f"{self.ref}:{path}" for path in paths if path in self._files), None)

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

    read_pem = read

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
