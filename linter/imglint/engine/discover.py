"""Paths to files: walks named folders, and leaves out what Git and the policy leave out. Imports gitignore where a .gitignore stands."""

from __future__ import annotations

import os

from imglint.record import record
from imglint.repository import repository_root
from imglint.source import UnreadFile, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imglint.engine.gitignore import GitIgnore

GITIGNORE = ".gitignore"
PASSED_OVER = frozenset((".git", "node_modules", ".venv", "venv", ".tox"))


@record
class Found:
    """A file to check. `named` tells whether the user named it, rather than a folder above it."""

    path: str
    named: bool


@record
class WalkError:
    """A folder whose entries could not be read, or a .gitignore that is not obeyed, and why, as a sentence."""

    path: str
    reason: str


def discover(
    paths: Sequence[str], wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]
) -> Iterator[Found | WalkError]:
    """Yield the files to check, each once, in the order of their paths within each path given; an empty path is the current folder.

    `wanted` says by a file's path whether a walk has to look into it; `excluded` whether a path, which may be a folder's, is left out.
    """
    seen: set[str] = set()
    for path in paths:
        found = _walk(path, wanted, excluded) if os.path.isdir(path or ".") else [Found(path, True)]
        for entry in found:
            if isinstance(entry, Found):
                if entry.named and excluded(entry.path, False):
                    continue
                if len(paths) > 1:
                    # One walk meets no file twice, and need not remember any.
                    real = os.path.abspath(entry.path)
                    if real in seen:
                        continue
                    seen.add(real)
            yield entry


def _walk(root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]) -> Iterator[Found | WalkError]:
    """Walk a folder without recursion and without following links, in the order of the paths of all that it holds."""
    above, unread = _ignored_above(root)
    yield from unread
    waiting: list[tuple[str, bool, tuple[_Ignored, ...]]] = [(root, True, above)] if above is not None else []
    while waiting:
        path, is_folder, ignored = waiting.pop()
        if not is_folder:
            yield Found(path, False)
            continue
        try:
            entries = sorted(os.scandir(path or "."), key=_place, reverse=True)
        except OSError as error:
            yield WalkError(path, f"this folder cannot be read: {error.strerror or error}")
            continue
        if any(entry.name == GITIGNORE and not _is_folder(entry) for entry in entries):
            ignored, fault = _with_gitignore(path, ignored)
            yield from fault
        absolute = os.path.join(os.path.abspath(path), "") if ignored else ""
        for entry in entries:
            joined = os.path.join(path, entry.name) if path else entry.name
            if (
                _kept(entry, joined, wanted)
                and not (ignored and _is_ignored(absolute + entry.name, _is_folder(entry), ignored))
                and not excluded(joined, _is_folder(entry))
            ):
                waiting.append((joined, _is_folder(entry), ignored))


def _place(entry: os.DirEntry[str]) -> str:
    """Return what puts the entries of a folder in the order of all the paths below them."""
    return entry.name + os.sep if _is_folder(entry) else entry.name


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
    patterns: GitIgnore


def _ignored_above(root: str) -> tuple[tuple[_Ignored, ...] | None, list[WalkError]]:
    """Return the .gitignore files of the folders above root, up to the root of its Git repository, and those that could not be read.

    None where they leave out root itself or a folder above it. Outside of a repository there are none.
    """
    top, folder = repository_root(root), os.path.abspath(root)
    below: list[str] = []
    while top and folder != top:
        below.append(folder)
        folder = os.path.dirname(folder)
    ignored: tuple[_Ignored, ...] = ()
    unread: list[WalkError] = []
    for folder in reversed(below):
        parent = os.path.dirname(folder)
        if os.path.lexists(os.path.join(parent, GITIGNORE)):
            ignored, fault = _with_gitignore(parent, ignored)
            unread += fault
        if _is_ignored(folder, True, ignored):
            return None, unread
    return ignored, unread


def _with_gitignore(folder: str, above: tuple[_Ignored, ...]) -> tuple[tuple[_Ignored, ...], list[WalkError]]:
    """Return the .gitignore files in force below a folder that has one, and what keeps its own from being obeyed."""
    from imglint.engine.gitignore import PATTERNS_MAX, GitIgnore, lines_of

    path = os.path.join(folder, GITIGNORE)
    try:
        patterns = GitIgnore(lines_of(read_bytes(path)))
    except UnreadFile as error:
        return above, [WalkError(path, f"this file is not obeyed: {error.reason}")]
    if patterns.patterns + sum([one.patterns.patterns for one in above]) > PATTERNS_MAX:
        reason = f"with it, more than {PATTERNS_MAX} patterns would be in force; that is the limit"
        return above, [WalkError(path, f"this file is not obeyed: {reason}")]
    return (*above, _Ignored(os.path.join(os.path.abspath(folder), ""), patterns)), []


def _is_ignored(path: str, is_folder: bool, ignored: tuple[_Ignored, ...]) -> bool:
    """Ask the nearest .gitignore about an absolute path first: the first that speaks of it decides."""
    for one in reversed(ignored):
        verdict = one.patterns.verdict(path[len(one.folder) :], is_folder)
        if verdict is not None:
            return verdict
    return False
