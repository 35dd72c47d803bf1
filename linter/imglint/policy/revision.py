"""Policy files at a Git revision, for `--config-from`. Git reads objects and runs nothing itself."""

from __future__ import annotations

import os
import posixpath
import subprocess

from imglint.errors import UsageError
from imglint.policy.find import MISSPELLED
from imglint.policy.lookup import FILE_NAME
from imglint.repository import git_command, repository_root
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
        if ref.startswith("-"):
            raise self._error("invalid revision")
        found = self._git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        if found.returncode:
            reason = _reason(found)
            unknown = "no such revision in this clone; fetch it first"
            raise self._error(unknown if "single revision" in reason else f"git: {reason}")
        self._commit = found.stdout.decode().strip()
        self._files = self._files_named((FILE_NAME, *MISSPELLED))
        if not self._files:
            raise self._error(f"this revision has no {FILE_NAME}; use another revision, or --config")

    def _files_named(self, names: Collection[str]) -> frozenset[str]:
        """Return the paths of all files of these names, relative to the root."""
        found = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", self._commit)
        if found.returncode:
            raise self._error(f"git: {_reason(found)}")
        paths = os.fsdecode(found.stdout).split("\0")
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
        found = self._git("cat-file", "blob", identifier)
        if found.returncode:
            raise UnreadFile(f"git: {_reason(found)}")
        return decode(found.stdout)

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
        found = self._git("ls-tree", "-z", "-l", "--full-tree", self._commit, "--", *paths)
        if found.returncode:
            raise UnreadFile(f"git: {_reason(found)}")
        entries: dict[str, tuple[str, str, str]] = {}
        for entry in os.fsdecode(found.stdout).split("\0")[:-1]:
            fields, _, path = entry.partition("\t")
            mode, _kind, identifier, size = fields.split()
            entries[path] = (mode, identifier, size)
        return entries

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run Git in the root of the repository. Raises UsageError if it cannot be started."""
        command = git_command(self.root, *arguments)
        if command is None:
            raise self._error("Git is not installed; install it, or use --config")
        return subprocess.run(command[0], env=command[1], stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def _error(self, reason: str) -> UsageError:
        return UsageError(f"--config-from {self.ref}: {reason}")


def _reason(found: subprocess.CompletedProcess[bytes]) -> str:
    """Return the error of Git in one line."""
    lines = os.fsdecode(found.stderr).splitlines()
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return [*fatal, *lines, f"exit status {found.returncode}"][0]
