r""".gitignore files: which paths they ignore. Matching time is bounded for every pattern.

The last matching pattern decides; one with `!` includes the path again. Lines that Git does not accept as patterns are skipped.
"""

from __future__ import annotations

import os

from imglint.patterns.matcher import PATTERN_MAX, InvalidPattern
from imglint.patterns.path import PathPattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATTERNS_MAX = 10_000
"""Limit of patterns with wildcards or folders that apply to one path, because each of them is compared with each path."""

_SPECIAL = frozenset("*?[\\/")
_Match = tuple[int, bool]


class GitIgnore:
    """The patterns of one file.

    `patterns` is the number of them that are compared one by one; plain names are looked up instead. `too_long` is whether a pattern, which Git may
    accept, has more than PATTERN_MAX characters.
    """

    __slots__ = ("_names", "_ordered", "patterns", "too_long")

    def __init__(self, lines: Iterable[str]) -> None:
        self._names: dict[tuple[str, bool], _Match] = {}
        self._ordered: list[tuple[int, bool, PathPattern]] = []
        self.too_long = False
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
                self.too_long = self.too_long or len(text) > PATTERN_MAX
        elif name:
            self._names[name, text.rstrip(" ").endswith("/")] = (number, ignored)

    def ignores(self, path: str, is_folder: bool) -> bool | None:
        """Return whether a path is ignored; None if no pattern matches. It is relative to the file's folder and has slashes as separators.

        Ignored parent folders are not considered.
        """
        if not path.isascii():
            path = os.fsencode(path).decode("latin-1")
        name = path.rpartition("/")[2]
        last, ignored_by_name = self._names.get((name, False), _NO_MATCH)
        if is_folder:
            last, ignored_by_name = max((last, ignored_by_name), self._names.get((name, True), _NO_MATCH))
        for number, ignored, pattern in self._ordered:
            if number < last:
                break
            if pattern.fits_exactly(path, name, is_folder):
                return ignored
        return ignored_by_name if last >= 0 else None


_NO_MATCH: _Match = (-1, False)


def lines_of(data: bytes) -> list[str]:
    """Return the lines of a .gitignore as Git splits them, with one character per byte, because Git matches bytes."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return [line.removesuffix("\r") for line in text.split("\n")]
