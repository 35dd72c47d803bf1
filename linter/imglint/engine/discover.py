"""Discovery: from paths to files, without those that Git ignores or the policy excludes. Imports gitignore only if there is a .gitignore."""

from __future__ import annotations

import os

from imglint.records import record
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
    """A file to check. `named` is whether the user named the file itself; `under` is the path that the user named: the file, or a folder above it."""

    path: str
    named: bool
    under: str | None = None


@record
class WalkError:
    """A folder that could not be listed, or a .gitignore that could not be applied, and the message for it."""

    path: str
    reason: str


def discover(
    paths: Sequence[str], wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]
) -> Iterator[Found | WalkError]:
    """Yield the files to check, each once, in path order within each of the paths. An empty path is the current folder.

    `wanted` returns whether a walk yields the file at a path; `excluded` returns whether a path, of a file or a folder, is left out.
    """
    seen: set[str] = set()
    for path in paths:
        found = _walk(path, wanted, excluded) if os.path.isdir(path or ".") else [Found(path, True)]
        for entry in found:
            if isinstance(entry, Found):
                if entry.named and excluded(entry.path, False):
                    continue
                if len(paths) > 1:
                    # A single walk finds each file once, so there is nothing to remember.
                    real = os.path.abspath(entry.path)
                    if real in seen:
                        continue
                    seen.add(real)
            yield entry


def _walk(root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]) -> Iterator[Found | WalkError]:
    """Walk a folder iteratively, in path order, without following links."""
    above, unread = _ignored_above(root)
    yield from unread
    waiting: list[tuple[str, bool, tuple[_Ignored, ...]]] = [(root, True, above)] if above is not None else []
    while waiting:
        path, is_folder, ignored = waiting.pop()
        if not is_folder:
            yield Found(path, False, root)
            continue
        try:
            entries = sorted(os.scandir(path or "."), key=_sort_key, reverse=True)
        except OSError as error:
            yield WalkError(path, f"cannot read folder: {error.strerror or error}")
            continue
        if any(entry.name == GITIGNORE and not _is_folder(entry) and not entry.is_symlink() for entry in entries):
            ignored, errors = _with_gitignore(path, ignored)
            yield from errors
        absolute = os.path.join(os.path.abspath(path), "") if ignored else ""
        for entry in entries:
            joined = os.path.join(path, entry.name) if path else entry.name
            if (
                _kept(entry, joined, wanted)
                and not (ignored and _is_ignored(absolute + entry.name, _is_folder(entry), ignored))
                and not excluded(joined, _is_folder(entry))
            ):
                waiting.append((joined, _is_folder(entry), ignored))


def _sort_key(entry: os.DirEntry[str]) -> str:
    """Return the key that sorts the entries of a folder by the full paths of the files below them."""
    return entry.name + os.sep if _is_folder(entry) else entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _kept(entry: os.DirEntry[str], path: str, wanted: Callable[[str], bool]) -> bool:
    if _is_folder(entry):
        return entry.name not in PASSED_OVER
    return not entry.is_symlink() and wanted(path)


@record
class _Ignored:
    """The patterns of one .gitignore, and the absolute folder that they are relative to, with a final slash."""

    folder: str
    patterns: GitIgnore


def _ignored_above(root: str) -> tuple[tuple[_Ignored, ...] | None, list[WalkError]]:
    """Return the .gitignore files above root, up to the root of its Git repository, and errors for those that could not be read.

    The first is None if root itself or a folder above it is ignored. Outside a repository, .gitignore files above root do not apply.
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
        if _has_gitignore(parent):
            ignored, errors = _with_gitignore(parent, ignored)
            unread += errors
        if _is_ignored(folder, True, ignored):
            return None, unread
    return ignored, unread


def _has_gitignore(folder: str) -> bool:
    """Return whether a folder has a .gitignore. Git does not follow one that is a symbolic link, and ignores nothing by it."""
    path = os.path.join(folder, GITIGNORE)
    return os.path.lexists(path) and not os.path.islink(path)


def _with_gitignore(folder: str, above: tuple[_Ignored, ...]) -> tuple[tuple[_Ignored, ...], list[WalkError]]:
    """Return the .gitignore files that apply below a folder with one, and an error if its own could not be applied."""
    from imglint.engine.gitignore import PATTERNS_MAX, GitIgnore, lines_of

    path = os.path.join(folder, GITIGNORE)
    try:
        patterns = GitIgnore(lines_of(read_bytes(path)))
    except UnreadFile as error:
        return above, [WalkError(path, f".gitignore not applied: {error.reason}")]
    if patterns.patterns + sum([one.patterns.patterns for one in above]) > PATTERNS_MAX:
        return above, [WalkError(path, f".gitignore not applied: more than {PATTERNS_MAX} patterns would apply to this folder")]
    return (*above, _Ignored(os.path.join(os.path.abspath(folder), ""), patterns)), []


def _is_ignored(path: str, is_folder: bool, ignored: tuple[_Ignored, ...]) -> bool:
    """Return whether an absolute path is ignored: the nearest .gitignore with a matching pattern decides."""
    for gitignore in reversed(ignored):
        result = gitignore.patterns.ignores(path[len(gitignore.folder) :], is_folder)
        if result is not None:
            return result
    return False
