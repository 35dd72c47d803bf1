"""Which lines of a working tree changed since a commit. Imported only for `--since`.

Git would run the filters of its configuration to compare files of a working tree. So imglint reads both versions of a file, and Git compares copies of
them in a folder outside of the repository, where no configuration and no attributes apply.
"""

from __future__ import annotations

import os
import re
import tempfile
from bisect import bisect_right
from hashlib import new as new_hash

from imglint.git import GitError, git, output, reason
from imglint.records import record
from imglint.source import UnreadFile, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COMPARED_MAX = 1024 * 1024
"""Bytes of a version of a file. A larger file that changed counts as new."""
RENAMED_MAX = 200
"""Deleted files that new ones are compared with. Beyond it, only a file that was renamed without a change is recognized."""

_LINK, _SUBMODULE = b"120000", b"160000"
_REGULAR = (b"100644", b"100755")
_PARTIAL = "files of the merge base are missing in this partial clone; clone without `--filter`"
_END = 1 << 60
_FILE = re.compile(rb"diff --git \S+ b/(\d+)")
_HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_DIFF = (
    "diff", "--no-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-prefix", "--unified=0", "--inter-hunk-context=0",
    "--ignore-cr-at-eol", "--find-renames", f"-l{RENAMED_MAX}", "--diff-filter=d",
)  # fmt: skip


@record
class Changes:
    """The changed lines of a file: the first line of each range, and the line after its last. Both are empty if lines were only removed."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def include(self, first: int, last: int) -> bool:
        """Return whether one of the lines from `first` to `last` changed."""
        at = bisect_right(self.starts, last)
        return at > 0 and self.ends[at - 1] > first


WHOLE = Changes((0,), (_END,))
"""The changes of a new file."""


class Base:
    """The files of a commit, to compare those of the working tree with. Raises GitError if they cannot be listed."""

    def __init__(self, root: str, commit: str) -> None:
        self.root, self._real = root, os.path.realpath(root)
        self._entries: dict[bytes, tuple[bytes, bytes]] = {}
        for entry in output(root, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
            fields, _, path = entry.partition(b"\t")
            mode, _kind, identifier = fields.split()
            self._entries[path] = (mode, identifier)

    def has(self, path: str) -> bool:
        """Return whether the commit has a file of this absolute path."""
        return self._relative(path) in self._entries

    def blob(self, path: str) -> bytes:
        """Return the name of the blob that a path from the root has in the commit, empty if there is none."""
        return self._entries.get(os.fsencode(path), (b"", b""))[1]

    def changes(self, paths: Iterable[str], texts: Mapping[str, bytes] | None = None) -> dict[str, Changes]:
        """Return the changes of those absolute paths that are not files as the commit has them.

        `texts` has the contents to use instead of those of the working tree. A file that cannot be read counts as new. Raises GitError if Git fails.
        """
        found: dict[str, Changes] = {}
        edited: dict[str, tuple[bytes, bytes]] = {}
        submodules: dict[bytes, list[str]] = {}
        for path in paths:
            relative = self._relative(path)
            submodule = self._submodule_of(relative)
            if submodule:
                submodules.setdefault(submodule, []).append(path)
                continue
            try:
                content = (texts or {}).get(path)
                if content is None:
                    relative, content = self._read(path, relative)
            except (UnreadFile, OSError):
                found[path] = WHOLE
                continue
            mode, identifier = self._entries.get(relative, (b"", b""))
            if mode not in _REGULAR:
                identifier = b""
            elif self._identifier(content) == identifier:
                continue
            edited[path] = (identifier, content)
        found |= self._compared(edited)
        for submodule, below in submodules.items():
            found |= self._below(submodule, below, texts)
        return found

    def _relative(self, path: str) -> bytes:
        """Return an absolute path from the root, in which only the last component may be a link."""
        folder, name = os.path.split(path)
        return os.fsencode(os.path.relpath(os.path.join(os.path.realpath(folder), name), self._real))

    def _read(self, path: str, relative: bytes) -> tuple[bytes, bytes]:
        """Return the path from the root and the content of a file. A link that is in the commit, too, is replaced by the file that it leads to.

        Raises OSError for another link, and for one out of the root, and UnreadFile.
        """
        if os.path.islink(path):
            if self._entries.get(relative) != (_LINK, self._identifier(os.fsencode(os.readlink(path)))):
                raise OSError
            relative = os.fsencode(os.path.relpath(os.path.realpath(path), self._real))
            if relative not in self._entries:
                raise OSError
        return relative, read_bytes(path)

    def _identifier(self, content: bytes) -> bytes:
        """Return the name that Git gives to a blob."""
        is_short = len(next(iter(self._entries.values()), (b"", b""))[1]) <= 40
        found = new_hash("sha1" if is_short else "sha256", b"blob %d\0" % len(content), usedforsecurity=False)
        found.update(content)
        return found.hexdigest().encode()

    def _submodule_of(self, relative: bytes) -> bytes:
        """Return the path of the submodule that a file is in, or nothing."""
        at = relative.find(b"/")
        while at >= 0:
            if self._entries.get(relative[:at], (b"",))[0] == _SUBMODULE:
                return relative[:at]
            at = relative.find(b"/", at + 1)
        return b""

    def _below(self, submodule: bytes, paths: list[str], texts: Mapping[str, bytes] | None) -> dict[str, Changes]:
        """Return the changes of files in a submodule, since the commit that it was at. All are new if that is not in this clone."""
        root = os.path.join(self._real, os.fsdecode(submodule))
        try:
            return Base(root, self._entries[submodule][1].decode()).changes(paths, texts)
        except GitError:
            return dict.fromkeys(paths, WHOLE)

    def _compared(self, edited: Mapping[str, tuple[bytes, bytes]]) -> dict[str, Changes]:
        """Return the changes of files by the blob of the commit, empty for a new file, and the content. A new file may be a renamed one."""
        deleted = self._deleted() if any(not old for old, _ in edited.values()) else set()
        edited = {path: (old, new) for path, (old, new) in edited.items() if old or self._identifier(new) not in deleted}
        sources = deleted if len(deleted) <= RENAMED_MAX else set()
        blobs = self._blobs({*sources, *[old for old, _ in edited.values() if old]})
        renamed = [blobs[source] for source in sources if source in blobs]
        comparable = {
            path: (blobs.get(old), new)
            for path, (old, new) in edited.items()
            if len(new) <= COMPARED_MAX and (old in blobs or (renamed and not old))
        }
        compared = dict(zip(comparable, _diff([*comparable.values()], renamed), strict=True))
        return {path: changes for path in edited if (changes := compared.get(path, WHOLE)) is not None}

    def _deleted(self) -> set[bytes]:
        """Return the blobs of the files that the working tree no longer has."""
        root = os.fsencode(self._real)
        files = [(path, identifier) for path, (mode, identifier) in self._entries.items() if mode in _REGULAR]
        return {identifier for path, identifier in files if not os.path.lexists(os.path.join(root, path))}

    def _blobs(self, identifiers: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the content of those blobs that are not larger than COMPARED_MAX. Raises GitError if this clone does not have one."""
        sizes = [line.split() for line in self._batch("--batch-check", sorted(identifiers)).splitlines()]
        if any(len(found) != 3 for found in sizes):
            raise GitError(_PARTIAL)
        small = [name for name, _kind, size in sizes if int(size) <= COMPARED_MAX]
        text = self._batch("--batch", small)
        found, at = {}, 0
        for name in small:
            start = text.index(b"\n", at) + 1
            end = start + int(text[at : start - 1].split()[2])
            found[name], at = text[start:end], end + 1
        return found

    def _batch(self, option: str, identifiers: list[bytes]) -> bytes:
        if not identifiers:
            return b""
        try:
            return output(self.root, "cat-file", option, stdin=b"".join([name + b"\n" for name in identifiers]))
        except GitError as error:
            # Releases before 2.44 have no option to tell a missing object from a failure.
            raise GitError(_PARTIAL if "promisor" in str(error) else str(error)) from None


def _diff(files: list[tuple[bytes | None, bytes]], renamed: list[bytes]) -> list[Changes | None]:
    """Return the changes of each file by its old content, None for a new file, and its new one. Return None for a file without changes.

    `renamed` are contents of deleted files, which new ones are compared with. Raises GitError if Git fails.
    """
    if not files:
        return []
    with tempfile.TemporaryDirectory(prefix="imglint-") as temporary:
        folder = os.path.realpath(temporary)
        for number, (old, new) in enumerate([*files, *[(source, None) for source in renamed]]):
            for side, content in (("a", old), ("b", new)):
                os.makedirs(os.path.join(folder, side), exist_ok=True)
                if content is not None:
                    with open(os.path.join(folder, side, str(number)), "wb") as file:
                        file.write(content)
        variables = {"HOME": folder, "XDG_CONFIG_HOME": folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
        outcome = git(folder, *_DIFF, "a", "b", variables=variables)
    if outcome.returncode not in (0, 1):
        raise GitError(f"git: {reason(outcome)}")
    found = _parsed(outcome.stdout)
    return [found.get(number) for number in range(len(files))]


def _parsed(diff: bytes) -> dict[int, Changes]:
    """Return the changes by the name of the new file, which is a number. There, no line of a file begins with a letter or `@`."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    number = 0
    for line in diff.split(b"\n"):
        if header := _FILE.match(line):
            number = int(header[1])
            ranges[number] = []
        elif hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            if count:
                ranges[number].append((first, first + count))
        elif line.startswith(b"Binary files "):
            ranges[number].append((0, _END))
    return {
        number: Changes(tuple([first for first, _ in found]), tuple([end for _, end in found]))
        for number, found in ranges.items()
    }
