"""Discovery: from paths to files, without those that Git ignores or the policy excludes.

Imports gitignore only if there is a .gitignore, and reads the index of a repository only before it skips something that Git may track.
"""

from __future__ import annotations

import os
from bisect import bisect_left

from imglint.records import record
from imglint.repository import GIT, repository_root, root_of
from imglint.source import UnreadFile, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from imglint.engine.gitignore import GitIgnore

GITIGNORE = ".gitignore"
PASSED_OVER = frozenset((GIT, "node_modules", ".venv", "venv", ".tox"))
IGNORED, LINK = "ignored by Git", "symbolic links"
"""Reasons for which a walk skips a file or folder. A folder of PASSED_OVER is skipped because of its name, but not the files in it that Git tracks."""


@record
class Found:
    """A file to check.

    `named` is whether the user named the file itself, not a folder above it. `kind` is set if another file names its kind. `under` is the path that
    the user named: the file, or a folder above it.
    """

    path: str
    named: bool
    kind: str = ""
    under: str | None = None


@record
class WalkError:
    """A folder that could not be listed, or a .gitignore or repository by which nothing could be skipped, and the message for it."""

    path: str
    reason: str


@record
class Skipped:
    """A file that a walk would yield, or a folder, that it skips: the reason is IGNORED, LINK, or the name of a folder in PASSED_OVER."""

    path: str
    is_folder: bool
    reason: str


def discover(
    paths: Sequence[str],
    wanted: Callable[[str], bool],
    excluded: Callable[[str, bool], bool],
    skip: Callable[[Skipped], object] | None = None,
) -> Iterator[Found | WalkError]:
    """Yield the files to check, each once, in path order within each of the paths. An empty path is the current folder.

    `wanted` returns whether a walk yields the file at a path; `excluded` returns whether a path, of a file or a folder, is left out. `skip` gets
    each file and folder that a walk skips, except those that are excluded, named or found on another path, and `.git`, where Git tracks no files.
    """
    tracked = _Tracked()
    entries = (entry for path in paths for entry in _entries(path, wanted, excluded, tracked))
    # A single walk finds each file once, so there is nothing to remember.
    for entry in _unique(entries, paths) if len(paths) > 1 else entries:
        if not isinstance(entry, Skipped):
            yield entry
        elif skip is not None:
            skip(entry)


def _entries(
    path: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool], tracked: _Tracked
) -> Iterable[Found | WalkError | Skipped]:
    """Return what is found on one path."""
    if os.path.isdir(path or "."):
        return _walk(path, wanted, excluded, tracked)
    return () if excluded(path, False) else (Found(path, True),)


def _unique(entries: Iterable[Found | WalkError | Skipped], paths: Sequence[str]) -> Iterator[Found | WalkError | Skipped]:
    """Yield each file once, then what every walk has skipped that is not found on another path."""
    seen: set[str] = set()
    skipped: dict[str, Skipped] = {}
    for entry in entries:
        real = os.path.abspath(entry.path)
        if isinstance(entry, Skipped):
            skipped.setdefault(real, entry)
        elif isinstance(entry, WalkError):
            yield entry
        elif real not in seen:
            seen.add(real)
            yield entry
    named = {os.path.abspath(path) for path in paths} if skipped else ()
    for real, entry in skipped.items():
        if real not in seen and not (entry.reason in PASSED_OVER and _is_named(real, entry.reason, named)):
            yield entry


def _is_named(path: str, passed_over: str, named: Collection[str]) -> bool:
    """Return whether the user named a path that is skipped, or a folder around it that is, or is in, the folder of PASSED_OVER."""
    while path not in named and os.path.basename(path) != passed_over:
        path = os.path.dirname(path)
    return path in named


@record
class _Folder:
    """A folder to walk, and the .gitignore files that apply in it. If there is a `reason`, everything is skipped in it that Git does not track."""

    path: str
    ignored: tuple[_Ignored, ...]
    reason: str


def _walk(
    root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool], tracked: _Tracked
) -> Iterator[Found | WalkError | Skipped]:
    """Walk a folder iteratively, in path order. A link to a file inside the repository is a file of its own; other links are not followed."""
    above, unread = _ignored_above(root)
    yield from unread
    if above is None and not tracked.has(os.path.realpath(root), True, IGNORED):
        yield Skipped(root or os.curdir, True, IGNORED)
        return
    walk = _Walk(root, wanted, excluded, tracked)
    waiting: list[_Folder | Found | WalkError | Skipped] = [_Folder(root, above or (), IGNORED if above is None else "")]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, _Folder):
            waiting += walk.entries(entry)
        else:
            yield entry


class _Walk:
    """What a walk over a folder asks for each entry."""

    def __init__(
        self, root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool], tracked: _Tracked
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._excluded = excluded
        self._tracked = tracked
        self._links = _Links(root, tracked)

    def entries(self, folder: _Folder) -> Iterator[_Folder | Found | WalkError | Skipped]:
        """Yield what is directly in a folder, in reverse order, and then the errors."""
        path, wanted, tracked = folder.path, self._wanted, self._tracked
        try:
            entries = sorted(os.scandir(path or "."), key=_sort_key, reverse=True)
        except OSError as error:
            yield WalkError(path, f"cannot read folder: {error.strerror or error}")
            return
        ignored, rest, errors = self._skipping(folder, entries)
        absolute = os.path.join(os.path.abspath(path), "") if ignored else ""
        front = os.path.join(path, "") if path else ""
        for entry in entries:
            joined = front + entry.name
            is_folder = _is_folder(entry)
            if entry.name == GIT or not (is_folder or wanted(joined) or (entry.is_symlink() and self._links.leads_out(joined))):
                continue
            if self._excluded(joined, is_folder):
                continue
            reason = entry.name if is_folder and entry.name in PASSED_OVER else rest
            if ignored and not reason and _is_ignored(absolute + entry.name, is_folder, ignored):
                reason = IGNORED
            is_skipped = bool(reason) and not tracked.has(joined, is_folder, reason)
            if not is_skipped and entry.is_symlink() and not self._links.leads_to_file(joined):
                is_skipped, reason = True, LINK
            if is_skipped:
                yield Skipped(joined, is_folder, reason)
            else:
                yield _Folder(joined, ignored, reason) if is_folder else Found(joined, False, under=self._root)
        yield from tracked.new_errors()
        yield from errors

    def _skipping(self, folder: _Folder, entries: list[os.DirEntry[str]]) -> tuple[tuple[_Ignored, ...], str, list[WalkError]]:
        """Return the .gitignore files that apply to the entries of a folder, the reason to skip all that Git does not track, and errors."""
        ignored, rest = folder.ignored, folder.reason
        if (ignored or rest) and folder.path != self._root and self._tracked.has_submodule(folder.path):
            ignored, rest = (), ""
        if any(entry.name == GITIGNORE and not _is_folder(entry) and not entry.is_symlink() for entry in entries):
            ignored, errors = _with_gitignore(folder.path, ignored)
            return ignored, rest, errors
        return ignored, rest, []


def _sort_key(entry: os.DirEntry[str]) -> str:
    """Return the key that sorts the entries of a folder by the full paths of the files below them."""
    return entry.name + os.sep if _is_folder(entry) else entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


@record
class _Ignored:
    """The patterns of one .gitignore, and the absolute folder that they are relative to, with a final slash."""

    folder: str
    patterns: GitIgnore


class _Links:
    """Where the links in a folder lead: to files that a walk over the whole repository could read, or elsewhere.

    Without a repository, the current folder counts as one if the folder is in it, else the folder itself.
    """

    def __init__(self, folder: str, tracked: _Tracked) -> None:
        self._folder = folder
        self._tracked = tracked
        self._root = ""
        self._ignored: dict[str, tuple[_Ignored, ...] | None] = {}

    def leads_to_file(self, path: str) -> bool:
        """Return whether a link leads to a regular file in the repository that Git tracks, or that is neither ignored nor in a folder of PASSED_OVER.

        Otherwise a link could show a file that is only on this machine, such as `.git/config` with credentials.
        """
        # The file system limits chains of links, and realpath does not.
        if not os.path.isfile(path):
            return False
        real = os.path.realpath(path)
        folder, name = os.path.split(real)
        if name in PASSED_OVER or not self._is_inside(real):
            return False
        ignored = self._ignored_in(folder)
        return (ignored is not None and not _is_ignored(real, False, ignored)) or self._tracked.has(real, False)

    def leads_out(self, path: str) -> bool:
        """Return whether a link leads to a folder outside of the repository."""
        return os.path.isdir(path) and not self._is_inside(os.path.join(os.path.realpath(path), ""))

    def _is_inside(self, real: str) -> bool:
        if not self._root:
            self._root = os.path.realpath(root_of(self._folder))
        return real.startswith(os.path.join(self._root, ""))

    def _ignored_in(self, folder: str) -> tuple[_Ignored, ...] | None:
        """Return the .gitignore files that apply in a folder of the repository, None if no walk enters it."""
        below: list[str] = []
        while folder != self._root and folder not in self._ignored:
            below.append(folder)
            folder = os.path.dirname(folder)
        if folder not in self._ignored:
            self._ignored[folder] = _with_gitignore_in(folder, ())
        ignored = self._ignored[folder]
        for inner in reversed(below):
            if ignored is not None:
                is_skipped = os.path.basename(inner) in PASSED_OVER or _is_ignored(inner, True, ignored)
                ignored = None if is_skipped else _with_gitignore_in(inner, ignored)
            self._ignored[inner] = ignored
        return ignored


class _Tracked:
    """The files that Git tracks in the repositories of a run. An index is read when something in its repository would be skipped."""

    def __init__(self) -> None:
        self._files: dict[str, Sequence[str] | None] = {}
        self._places: dict[str, tuple[Sequence[str] | None, str]] = {}
        self._errors: list[WalkError] = []

    def has(self, path: str, is_folder: bool, reason: str = "") -> bool:
        """Return whether Git tracks a file, or anything in a folder. If it cannot be known, nothing is skipped for the reason IGNORED."""
        files, relative = self._place(path)
        if files is None:
            return reason == IGNORED
        if not is_folder:
            return _first(files, relative) == relative
        below = os.path.join(relative, "")
        return _first(files, below).startswith(below) or self.has_submodule(path)

    def has_submodule(self, path: str) -> bool:
        """Return whether a folder is a submodule that is checked out. Git applies none of the .gitignore files above to it."""
        if not os.path.lexists(os.path.join(path, GIT)):
            return False
        files, relative = self._place(path)
        return files is not None and _first(files, relative) == relative

    def new_errors(self) -> Iterator[WalkError]:
        """Yield the error of each repository with an index that could not be read, once."""
        while self._errors:
            yield self._errors.pop()

    def _place(self, path: str) -> tuple[Sequence[str] | None, str]:
        """Return the tracked files of the repository around a path, None if they are not known, and the path relative to the repository."""
        folder, name = os.path.split(path)
        if folder not in self._places:
            real = os.path.realpath(folder)
            root = repository_root(real)
            files = () if root is None else self._files_in(root)
            self._places[folder] = (files, os.path.join(real, "")[len(os.path.join(root or "", "")) :])
        files, relative = self._places[folder]
        return files, relative + name

    def _files_in(self, root: str) -> Sequence[str] | None:
        if root not in self._files:
            from imglint.git_index import read_index

            try:
                self._files[root] = read_index(root) or ()
            except UnreadFile as error:
                self._files[root] = None
                path = os.path.join(root, GIT)
                current = os.path.join(os.path.realpath(os.curdir), "")
                reason = (
                    f".gitignore not applied: cannot read the Git index: {error.reason}; run `git status` for the error of Git"
                )
                self._errors.append(WalkError(path.removeprefix(current), reason))
        return self._files[root]


def _first(files: Sequence[str], path: str) -> str:
    """Return the first of sorted paths that is not before a path; empty if there is none."""
    at = bisect_left(files, path)
    return files[at] if at < len(files) else ""


def is_tracked(path: str) -> bool:
    """Return whether Git tracks a file."""
    return _Tracked().has(path, False)


def _with_gitignore_in(folder: str, above: tuple[_Ignored, ...]) -> tuple[_Ignored, ...]:
    path = os.path.join(folder, GITIGNORE)
    return _with_gitignore(folder, above)[0] if os.path.isfile(path) and not os.path.islink(path) else above


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
    from imglint.patterns.matcher import PATTERN_MAX

    path = os.path.join(folder, GITIGNORE)
    try:
        patterns = GitIgnore(lines_of(read_bytes(path)))
    except UnreadFile as error:
        return above, [WalkError(path, f".gitignore not applied: {error.reason}")]
    if patterns.too_long:
        return above, [WalkError(path, f".gitignore not applied: a pattern has more than {PATTERN_MAX} characters")]
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
