"""Where policy files are: the working tree here, a Git revision in `revision`."""

from __future__ import annotations

import os

from imglint.repository import leaves
from imglint.source import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Place(Protocol):
        """Where the files of a policy are: the working tree, or a revision."""

        root: str
        """The absolute path of the folder that limits which files may be read."""

        def find(self, folder: str, names: tuple[str, ...], /) -> str | None:
            """Return the path of the first file of these names that exists in a folder of the working tree."""
            ...

        def read(self, path: str, /) -> str:
            """Return the text of a file. Raises UnreadFile."""
            ...

        def identity(self, path: str, /) -> str:
            """Return the same text for all paths of a file. Raises ValueError for a path that no file can have."""
            ...

        def is_outside(self, path: str, /) -> bool:
            """Return whether a file is outside of the root."""
            ...

        def beside(self, path: str, relative: str, /) -> str:
            """Return the path of a file from its path relative to the folder of another file."""
            ...

        def folder(self, path: str, /) -> str:
            """Return the absolute path that the folder of a file has in the working tree."""
            ...


class WorkingTree:
    """The file system below a root, as the place where the files of a policy are."""

    read = staticmethod(read_text)

    def __init__(self, root: str) -> None:
        self.root = root

    def find(self, folder: str, names: tuple[str, ...]) -> str | None:
        """Return the path, relative to the current folder, of the first file of these names in a folder."""
        paths = [path for name in names if os.path.lexists(path := os.path.join(folder, name))]
        return os.path.relpath(paths[0]) if paths else None

    def identity(self, path: str) -> str:
        """Return the same text for all paths of a file. Raises ValueError for a path that no file can have."""
        return os.path.realpath(path)

    def is_outside(self, path: str) -> bool:
        """Return whether a file is outside of the root."""
        return leaves(path, self.root)

    def beside(self, path: str, relative: str) -> str:
        """Return the path of a file from its path relative to the folder of another file."""
        return os.path.normpath(os.path.join(os.path.dirname(path), relative))

    def folder(self, path: str) -> str:
        """Return the absolute path of the folder of a file."""
        return os.path.dirname(os.path.abspath(path))
