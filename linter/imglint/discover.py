"""Paths to files: walks named folders, and leaves out what Git and the policy leave out. Imports pathspec where a .gitignore stands."""

from __future__ import annotations

import os

from imglint.record import record
from imglint.source import UnreadFile, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pathspec import GitIgnoreSpec

PASSED_OVER = frozenset((".git", "node_modules", ".venv", "venv", ".tox"))


@record
class Found:
    """A file to check. `named` tells whether the user named it, rather than a folder above it."""

    path: str
    named: bool


@record
class Unlisted:
    """A folder whose entries could not be read, and why."""

    path: str
    reason: str


def discover(
    paths: Iterable[str], wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]
) -> Iterator[Found | Unlisted]:
    """Yield the files to check, each once, in the order of their paths within each path given; an empty path is the current folder.

    `wanted` says by a file's path whether a walk has to look into it; `excluded` whether a path, which may be a folder's, is left out.
    """
    seen: set[str] = set()
    for path in paths:
        found = _walk(path, wanted, excluded) if os.path.isdir(path or ".") else [Found(path, True)]
        for entry in found:
            if isinstance(entry, Found):
                real = os.path.abspath(entry.path)
                if real in seen or (entry.named and excluded(entry.path, False)):
                    continue
                seen.add(real)
            yield entry


def _walk(root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]) -> Iterator[Found | Unlisted]:
    """Walk a folder without recursion and without following links, files and folders of a folder in order of name."""
    waiting: list[tuple[str, bool, tuple[_Ignored, ...]]] = [(root, True, _ignored_above(root))]
    while waiting:
        path, is_folder, ignored = waiting.pop()
        if not is_folder:
            yield Found(path, False)
            continue
        try:
            entries = sorted(os.scandir(path or "."), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            yield Unlisted(path, error.strerror or str(error))
            continue
        if any(entry.name == ".gitignore" for entry in entries):
            ignored = (*ignored, *_read_ignored(path))
        for entry in entries:
            joined = os.path.join(path, entry.name) if path else entry.name
            if (
                _kept(entry, joined, wanted)
                and not _is_ignored(joined, entry, ignored)
                and not excluded(joined, _is_folder(entry))
            ):
                waiting.append((joined, _is_folder(entry), ignored))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _kept(entry: os.DirEntry[str], path: str, wanted: Callable[[str], bool]) -> bool:
    if _is_folder(entry):
        return entry.name not in PASSED_OVER
    return not entry.is_symlink() and wanted(path)


@record
class _Ignored:
    """The patterns of one .gitignore, and the folder that they are relative to, absolute and ending in a slash."""

    folder: str
    spec: GitIgnoreSpec


def _ignored_above(root: str) -> tuple[_Ignored, ...]:
    """Return the .gitignore files of the folders above root, up to the root of its Git repository; outside of one, none."""
    top, folder = repository_root(root), os.path.abspath(root)
    above = []
    while top and folder != top:
        folder = os.path.dirname(folder)
        above.append(folder)
    return tuple([ignored for folder in reversed(above) for ignored in _read_ignored(folder)])


def _read_ignored(folder: str) -> list[_Ignored]:
    try:
        lines = read_text(os.path.join(folder, ".gitignore")).splitlines()
    except UnreadFile:
        return []
    from pathspec import GitIgnoreSpec

    while True:
        try:
            return [_Ignored(os.path.join(os.path.abspath(folder), ""), GitIgnoreSpec.from_lines(lines))]
        except ValueError:
            # Git passes over a pattern that is none; so each is tried by itself.
            lines = [line for line in lines if _is_pattern(line)]


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_ignored(path: str, entry: os.DirEntry[str], ignored: tuple[_Ignored, ...]) -> bool:
    """Ask the nearest .gitignore first: the first that speaks of the path decides, a pattern with `!` in the negative."""
    if not ignored:
        return False
    absolute = os.path.abspath(path) + ("/" if _is_folder(entry) else "")
    for one in reversed(ignored):
        verdict = one.spec.check_file(absolute.removeprefix(one.folder)).include
        if verdict is not None:
            return verdict
    return False


def repository_root(folder: str) -> str | None:
    """Return the nearest folder at or above folder that holds a `.git`, absolute; None where there is none."""
    folder = os.path.abspath(folder)
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
