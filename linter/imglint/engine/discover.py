"""Discovery: from paths to files, without those that Git ignores or the policy excludes. Imports gitignore only if there is a .gitignore."""

from __future__ import annotations

import os

from imglint.records import record
from imglint.repository import repository_root, root_of
from imglint.source import UnreadFile, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imglint.engine.gitignore import GitIgnore

GITIGNORE = ".gitignore"
PASSED_OVER = frozenset((".git", "node_modules", ".venv", "venv", ".tox"))
IGNORED, LINK = "ignored by Git", "symbolic links"
"""Reasons for which a walk skips a file or folder. A folder of PASSED_OVER is skipped because of its name."""


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
    """A folder that could not be listed, or a .gitignore that could not be applied, and the message for it."""

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
    entries = (entry for path in paths for entry in _entries(path, wanted, excluded))
    # A single walk finds each file once, so there is nothing to remember.
    for entry in _unique(entries, paths) if len(paths) > 1 else entries:
        if not isinstance(entry, Skipped):
            yield entry
        elif skip is not None:
            skip(entry)


def _entries(
    path: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]
) -> Iterable[Found | WalkError | Skipped]:
    """Return what is found on one path."""
    if os.path.isdir(path or "."):
        return _walk(path, wanted, excluded)
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
        # A folder is walked if it is named, unless Git ignores it.
        if real not in seen and (real not in named or entry.reason == IGNORED):
            yield entry


def _walk(
    root: str, wanted: Callable[[str], bool], excluded: Callable[[str, bool], bool]
) -> Iterator[Found | WalkError | Skipped]:
    """Walk a folder iteratively, in path order. A link to a file inside the repository is a file of its own; other links are not followed."""
    above, unread = _ignored_above(root)
    yield from unread
    if above is None:
        yield Skipped(root or os.curdir, True, IGNORED)
        return
    links = _Links(root)
    waiting: list[tuple[str, bool, tuple[_Ignored, ...], str]] = [(root, True, above, "")]
    while waiting:
        path, is_folder, ignored, reason = waiting.pop()
        if reason:
            yield Skipped(path, is_folder, reason)
            continue
        if not is_folder:
            yield Found(path, False, under=root)
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
            is_folder = _is_folder(entry)
            if entry.name == ".git" or not (is_folder or wanted(joined) or (entry.is_symlink() and links.leads_out(joined))):
                continue
            reason = entry.name if is_folder and entry.name in PASSED_OVER else ""
            if ignored and not reason and _is_ignored(absolute + entry.name, is_folder, ignored):
                reason = IGNORED
            if not reason and entry.is_symlink() and not links.leads_to_file(joined):
                reason = LINK
            if not excluded(joined, is_folder):
                waiting.append((joined, is_folder, ignored, reason))


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

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._root = ""
        self._ignored: dict[str, tuple[_Ignored, ...] | None] = {}

    def leads_to_file(self, path: str) -> bool:
        """Return whether a link leads to a regular file in the repository that is neither ignored nor in a folder of PASSED_OVER.

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
        return ignored is not None and not _is_ignored(real, False, ignored)

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
