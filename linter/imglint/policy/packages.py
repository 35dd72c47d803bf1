"""Policy files in installed Python packages, named `package:PACKAGE/PATH.yaml`. Imported only for policies with such a name.

No code of a package runs: it is found, not imported. A package in the checked repository counts only if it is installed there, as in a virtual
environment, so that no pull request can provide one.
"""

from __future__ import annotations

import os
import posixpath
import re
import site
import sys

from imglint.errors import UsageError
from imglint.policy.lookup import PACKAGE
from imglint.repository import leaves, root_of
from imglint.source import UnreadFile, read_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUFFIX = ".yaml"


class Package:
    """An installed package, as the place to read policy files from. The files have names of the form `package:PACKAGE/PATH`."""

    def __init__(self, name: str, root: str = "") -> None:
        """Find the package that a file with this name is in. `root` is the folder of the policy that names it, if any.

        Raises UsageError if the name is invalid, or if there is no such package.
        """
        self.package, _, path = name.removeprefix(PACKAGE).partition("/")
        if _NAME.fullmatch(self.package) is None or not path:
            raise UsageError(f"invalid name of a file in a package; write `{PACKAGE}NAME/FILE{_SUFFIX}`")
        found = _folders(self.package)
        if not found:
            raise UsageError(f"package `{self.package}` is not installed; install it, or add it to `additional_dependencies`")
        checked = [root_of(""), *([root] if root else [])]
        self._folders = [folder for folder in found if _is_installed(folder) or all(leaves(folder, one) for one in checked)]
        if not self._folders:
            raise UsageError(f"package `{self.package}` is in the checked folder and not installed; extend its file instead")
        self.root = self._folders[0]

    def find(self, _folder: str, _names: tuple[str, ...]) -> None:
        """Return None: no policy is looked up in a package."""

    def read(self, name: str) -> str:
        """Return the text of a policy file. Raises UnreadFile if it is not a file of the package, has another suffix, or cannot be read."""
        if not self._path(name).endswith(_SUFFIX) and not self._leaves(name):
            raise UnreadFile(f"only files with names in `{_SUFFIX}` are read from a package")
        return self.read_pem(name)

    def read_pem(self, name: str) -> str:
        """Return the text of a file. Raises UnreadFile if it is not a file of the package, or cannot be read."""
        path = self._path(name)
        if self._leaves(name):
            raise UnreadFile("outside of the package")
        for folder in self._folders:
            full = os.path.join(folder, path)
            if os.path.lexists(full):
                if leaves(full, folder):
                    raise UnreadFile("symbolic link out of the package")
                return read_text(full)
        raise UnreadFile("no such file in the package")

    def identity(self, name: str) -> str:
        """Return the same text for all names of a file. Raises ValueError for a name that no file can have."""
        if "\0" in name:
            raise ValueError(name)
        return f"{PACKAGE}{self.package}/{self._path(name)}"

    def is_outside(self, _name: str) -> bool:
        """Return False: `read` refuses the names of other files."""
        return False

    def beside(self, name: str, relative: str) -> str:
        """Return the name of a file from its path relative to the folder of another file."""
        return f"{PACKAGE}{self.package}/{posixpath.normpath(posixpath.join(posixpath.dirname(self._path(name)), relative))}"

    def folder(self, _name: str) -> str:
        """Return the folder that the patterns of the policy are relative to: the root of the current folder."""
        return root_of("")

    def _leaves(self, name: str) -> bool:
        path = self._path(name)
        return posixpath.isabs(path) or path.split("/")[0] == os.pardir

    def _path(self, name: str) -> str:
        return posixpath.normpath(name.removeprefix(PACKAGE).partition("/")[2])


def _folders(package: str) -> list[str]:
    """Return the folders of a package in the order of the search path, without relative entries, which would be in the current folder."""
    entries = [entry for entry in sys.path if os.path.isabs(entry)]
    # An editable installation by setuptools can be a finder, which maps the name of the package to its folder.
    mappings = [getattr(module, "MAPPING", {}) for name, module in [*sys.modules.items()] if name.startswith("__editable__")]
    known = [
        *[os.path.join(entry, package) for entry in entries],
        *[mapping[package] for mapping in mappings if package in mapping],
    ]
    return [folder for folder in known if os.path.isdir(folder)]


def _is_installed(folder: str) -> bool:
    """Return whether a package is in a folder where this Python has its packages."""
    return any(not leaves(folder, place) for place in (*site.getsitepackages(), site.getusersitepackages()))
