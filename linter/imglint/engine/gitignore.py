r""".gitignore files: what they leave out, matched in time that no pattern can stretch. Imports the path patterns.

The last pattern that fits a path decides about it, one with `!` in the negative. What Git does not take for a pattern is passed over.
"""

from __future__ import annotations

import os

from imglint.patterns.matcher import InvalidPattern
from imglint.patterns.path import PathPattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATTERNS_MAX = 10_000
"""Patterns with wildcards or folders that may be in force for one path. Each path is held against each of them."""

_SPECIAL = frozenset("*?[\\/")
_Verdict = tuple[int, bool]


class GitIgnore:
    """The patterns of one file. `patterns` is how many of them are looked at one by one; plain names, however many, are looked up."""

    __slots__ = ("_names", "_ordered", "patterns")

    def __init__(self, lines: Iterable[str]) -> None:
        self._names: dict[tuple[str, bool], _Verdict] = {}
        self._ordered: list[tuple[int, bool, PathPattern]] = []
        for number, line in enumerate(lines):
            if line and line[0] != "#":
                self._take(number, line[1:] if line[0] == "!" else line, line[0] != "!")
        self.patterns = len(self._ordered)
        self._ordered.reverse()

    def _take(self, number: int, text: str, ignored: bool) -> None:
        name = text.rstrip(" ").removesuffix("/")
        if not _SPECIAL.isdisjoint(name):
            try:
                self._ordered.append((number, ignored, PathPattern(text, from_gitignore=True)))
            except InvalidPattern:
                return
        elif name:
            self._names[name, text.rstrip(" ").endswith("/")] = (number, ignored)

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        """Whether a path, relative to the file's folder and parted by slashes, is left out; None where no pattern speaks of it.

        That a folder above is left out is not asked here.
        """
        if not path.isascii():
            path = os.fsencode(path).decode("latin-1")
        name = path.rpartition("/")[2]
        last, verdict = self._names.get((name, False), _SILENT)
        if is_folder:
            last, verdict = max((last, verdict), self._names.get((name, True), _SILENT))
        for number, ignored, pattern in self._ordered:
            if number < last:
                break
            if pattern.fits_exactly(path, name, is_folder):
                return ignored
        return verdict if last >= 0 else None


_SILENT: _Verdict = (-1, False)


def lines_of(data: bytes) -> list[str]:
    """Return the lines of a .gitignore as Git parts them, a character for each byte: so Git matches, whatever the encoding."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return [line.removesuffix("\r") for line in text.split("\n")]
