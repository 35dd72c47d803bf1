"""The files of a repository that build or rewrite images, with their texts, and the words that each of them mentions."""

from __future__ import annotations

import os
import re
from bisect import bisect_left

from imglint.engine.discover import Found, discover
from imglint.git_index import tracked_files
from imglint.repository import leaves
from imglint.source import BESIDE_SIZE_MAX, UnreadFile, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WALK_MAX = 50_000
"""Files and folders that are visited to list the files of a folder without an index."""
FILES_MAX = 10_000
"""Files of one kind that are read."""
TEXT_MAX = 8 * 1024 * 1024
"""Characters of all files of one kind."""
KUSTOMIZATION, SKAFFOLD, COMPOSE = "kustomization", "skaffold", "compose"
"""The kinds of files."""
KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The names under which Kustomize finds a kustomization in a folder."""

# Compiled when they are first used (the re module keeps them): a small run often reads no file here.
_WORD = r"[\w.-]+"
_UP = r"\.\./?(?=[\s\"',\]}]|\Z)"
"""The end of a path that names a folder above."""
_SPACED = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.-")}
"""Turns all that is in no word of an image name into spaces. Many small runs look at one file, and compiling a pattern takes longer."""
UP = ".."


class Texts:
    """The texts of some files of a repository, by path, and the words that each of them mentions.

    A file that cannot be read, lies outside of the repository or is beyond a limit is left out, and so is one without words.
    """

    def __init__(self, root: str, paths: Sequence[str], words: Callable[[str], Iterable[str]]) -> None:
        """Read files. `paths` are sorted, `words` returns the words of a text that matter."""
        self.root = root
        self._texts: dict[str, str] = {}
        self._paths = [*paths[:FILES_MAX]]
        self._mentioning: dict[str, list[str]] = {}
        folders = _Folders(root)
        left = TEXT_MAX
        for path in self._paths:
            text = folders.text(path)
            left -= len(text)
            if left < 0:
                break
            for word in words(text):
                self._texts[path] = text
                self._mentioning.setdefault(word, []).append(path)

    def __contains__(self, path: str) -> bool:
        return path in self._texts

    def __getitem__(self, path: str) -> str:
        return self._texts[path]

    def mentioning(self, name: str) -> list[str]:
        """Return the sorted paths of the files that mention the last word of a name or path. UP matches a path that ends with `..`."""
        words = [UP] if name == UP else name.translate(_SPACED).split()
        return self._mentioning.get(words[-1], []) if words else []

    def below(self, folder: str) -> list[str]:
        """Return the sorted paths of the files in and below a folder."""
        if folder == os.curdir:
            return self._paths
        return self._paths[bisect_left(self._paths, f"{folder}/") : bisect_left(self._paths, f"{folder}0")]

    def at(self, path: str, offset: int) -> str:
        """Return the line of an offset in a file as `path:line`, with the path relative to the current folder."""
        line = self._texts[path].count("\n", 0, offset) + 1
        return f"{os.path.relpath(os.path.join(self.root, path))}:{line}"


def _words(text: str) -> set[str]:
    """Return all words of a text."""
    return {*re.findall(_WORD, text), *([UP] if re.search(_UP, text) else [])}


def _image_words(text: str) -> set[str]:
    """Return the words in the values of `image` keys of a compose file; none if it builds nothing. Few files name an image that they build."""
    lines = text.split("\n") if "build" in text else []
    # A value may be on the line after its key.
    return {
        word
        for at, line in enumerate(lines)
        if "image" in line
        for word in " ".join(lines[at : at + 2]).translate(_SPACED).split()
    }


class _Folders:
    """The folders of a repository, and whether each one is a real folder, not a link that may lead out of the repository."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._are_plain = {"": True}

    def text(self, path: str) -> str:
        """Return the text of a file; empty if it cannot be read, is long or lies outside of the root."""
        full = os.path.join(self._root, path)
        try:
            is_inside = self._is_plain(path.rpartition("/")[0]) and not os.path.islink(full)
            text = read_text(full) if is_inside or not leaves(full, self._root) else ""
        except (UnreadFile, ValueError):
            return ""
        return text if len(text) <= BESIDE_SIZE_MAX else ""

    def _is_plain(self, folder: str) -> bool:
        below = []
        while folder not in self._are_plain:
            below.append(folder)
            folder = folder.rpartition("/")[0]
        for inner in reversed(below):
            self._are_plain[inner] = self._are_plain[folder] and not os.path.islink(os.path.join(self._root, inner))
            folder = inner
        return self._are_plain[folder]


class TreeFiles:
    """The files of a repository that build or rewrite images: those that Git tracks, or those that a walk finds."""

    def __init__(self, root: str, tracked: bool, excluded: Callable[[str], bool]) -> None:
        self.root = root
        self._paths: dict[str, list[str]] = {KUSTOMIZATION: [], SKAFFOLD: [], COMPOSE: []}
        self._texts: dict[str, Texts] = {}
        shown = os.path.relpath(root)
        for path in (tracked_files(root) or ()) if tracked else _walked(root):
            kind = _kind(path)
            if kind and not excluded(path if shown == os.curdir else f"{shown}/{path}"):
                self._paths[kind].append(path)

    def may_build(self, name: str) -> bool:
        """Return whether a file that builds images mentions a name."""
        return any(self._paths[kind] and self.texts(kind).mentioning(name) for kind in (SKAFFOLD, COMPOSE))

    def texts(self, kind: str) -> Texts:
        """Return the texts of the files of a kind."""
        if kind not in self._texts:
            self._texts[kind] = Texts(self.root, self._paths[kind], _image_words if kind == COMPOSE else _words)
        return self._texts[kind]


def _kind(path: str) -> str:
    """Return the kind of a file by its name; empty for most files."""
    name = path[path.rfind("/") + 1 :]
    if name in KUSTOMIZATION_NAMES:
        return KUSTOMIZATION
    if not name.endswith((".yaml", ".yml")):
        return ""
    return SKAFFOLD if name.startswith(SKAFFOLD) else COMPOSE if COMPOSE in name else ""


def _walked(root: str) -> list[str]:
    """Return the paths of the files that a walk over a folder finds, relative to it, sorted. The walk ends at WALK_MAX."""
    visited = 0

    def is_beyond() -> bool:
        nonlocal visited
        visited += 1
        return visited > WALK_MAX

    def wanted(path: str) -> bool:
        return not is_beyond() and _kind(path) != ""

    def excluded(_path: str, is_folder: bool) -> bool:
        return is_folder and is_beyond()

    found = discover([root], wanted, excluded)
    return sorted([os.path.relpath(file.path, root).replace(os.sep, "/") for file in found if isinstance(file, Found)])
