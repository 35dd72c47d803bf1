r"""Path patterns: `files`, `exclude`, `environments` and `kinds` of a policy, and the lines of a .gitignore. Imports the matcher.

The syntax and its meaning are those of gitignore(5). A pattern without a slash matches at every depth, one with a slash at the start or in the
middle only from the policy's folder. A slash at the end restricts it to folders. `*`, `?` and `[...]` never match a slash, `/**/` does. A
pattern that matches a folder matches everything in it.
"""

from __future__ import annotations

from imglint.patterns.matcher import ANY, NO_SLASH, Characters, Glob, InvalidPattern, Wildcard, check_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from imglint.patterns.matcher import Token

_WILDCARD = Wildcard(NO_SLASH)
_POSIX = {
    "alpha": (("a", "z"), ("A", "Z")),
    "digit": (("0", "9"),),
    "alnum": (("a", "z"), ("A", "Z"), ("0", "9")),
    "upper": (("A", "Z"),),
    "lower": (("a", "z"),),
    "space": ((" ", " "), ("\t", "\r")),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "xdigit": (("0", "9"), ("a", "f"), ("A", "F")),
    "blank": ((" ", " "), ("\t", "\t")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "graph": (("!", "~"),),
    "print": ((" ", "~"),),
}


class PathPattern:
    """One pattern. `text` is the pattern as the policy has it, `at` its location as `path:line`, empty outside a policy."""

    __slots__ = ("_anywhere", "_folder", "_segments", "at", "text")

    def __init__(self, text: str, at: str = "", *, from_gitignore: bool = False) -> None:
        """Read a pattern. Raises InvalidPattern if it cannot be read, or can match no file and is not from a .gitignore."""
        if not from_gitignore:
            _check(text)
        check_length(text)
        self.text, self.at = text, at
        pattern = _strip(text)
        self._folder = pattern.endswith("/")
        pattern = pattern.removesuffix("/")
        if not pattern:
            raise InvalidPattern("pattern names no file; `**` matches every file", 0, len(text))
        parts = ["**" if _is_any_depth(part) else part for part in _split(pattern.removeprefix("/"), text)]
        self._anywhere = "/" not in pattern
        if self._anywhere:
            parts.insert(0, "**")
        elif parts[-1] == "**":
            # A trailing `/**` matches the contents of the folder, not the folder itself.
            parts.append("*")
        self._segments = [None if part == "**" else Glob(_tokens(part, text)) for part in parts]

    def fits(self, path: str, is_folder: bool = False) -> bool:
        """Return whether the pattern matches a path or a folder above it. The path is relative to the policy's folder, with slashes."""
        names = path.split("/")
        states = self._closure(1)
        last = len(self._segments)
        for at, name in enumerate(names, 1):
            states = self._closure(self._step(states, name))
            if states >> last & 1 and (at < len(names) or is_folder or not self._folder):
                return True
            if not states:
                return False
        return False

    def fits_exactly(self, path: str, name: str, is_folder: bool) -> bool:
        """Return whether the pattern matches the path itself, not only a folder above it. `name` is the last component of the path."""
        if self._folder and not is_folder:
            return False
        if self._anywhere:
            last = self._segments[-1]
            return last is None or last.fits(name)
        if None not in self._segments and path.count("/") + 1 != len(self._segments):
            return False
        states = self._closure(1)
        for part in path.split("/"):
            states = self._closure(self._step(states, part))
            if not states:
                return False
        return bool(states >> len(self._segments) & 1)

    def _step(self, states: int, name: str) -> int:
        """Return the states after one more name. Bit i is set if the first i segments match; `**` is None."""
        after = 0
        for at, segment in enumerate(self._segments):
            if states >> at & 1:
                if segment is None:
                    after |= 1 << at
                elif segment.fits(name):
                    after |= 2 << at
        return after

    def _closure(self, states: int) -> int:
        """Add the states in which a `**` matches no folder."""
        for at, segment in enumerate(self._segments):
            if segment is None and states >> at & 1:
                states |= 2 << at
        return states


class PathPatterns:
    """A list of patterns. It matches a path if one of them does."""

    __slots__ = ("patterns",)

    def __init__(self, patterns: Iterable[PathPattern]) -> None:
        self.patterns = tuple(patterns)

    def fit(self, path: str | None, is_folder: bool = False) -> bool:
        """Return whether a pattern matches the path. None, which is a path outside the policy's folder, never matches."""
        return self.first(path, is_folder) is not None

    def first(self, path: str | None, is_folder: bool = False) -> PathPattern | None:
        """Return the first pattern that matches the path, None if none does."""
        if path is not None:
            for pattern in self.patterns:
                if pattern.fits(path, is_folder):
                    return pattern
        return None


def _check(text: str) -> None:
    if text.startswith("!"):
        raise InvalidPattern("patterns that start with `!` are not supported; list the files to match instead", 0, 1)
    if text.startswith("#"):
        raise InvalidPattern("pattern starts with `#`, a comment in .gitignore; write `\\#`", 0, 1)
    if not text.strip():
        raise InvalidPattern("empty pattern; `**` matches every file", 0, len(text))
    if "//" in text:
        raise InvalidPattern("empty path component", text.index("//"), text.index("//") + 2)
    if text.startswith("./"):
        raise InvalidPattern("patterns are relative to the policy's folder; remove `./`", 0, 2)
    if text.startswith("../"):
        raise InvalidPattern("patterns cannot match files outside the policy's folder", 0, 3)


def _strip(text: str) -> str:
    """Remove trailing spaces, except one after a backslash."""
    stripped = text.rstrip(" ")
    slashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if slashes % 2 and stripped != text else stripped


def _split(pattern: str, text: str) -> list[str]:
    """Split a pattern at its slashes, except those in brackets.

    An escaped slash is a separator too, but then a preceding `**` must match at least one folder, as in Git.
    """
    parts, start, at = list[str](), 0, 0
    while at < len(pattern):
        if pattern[at] == "[":
            _, step = _class(pattern, at, text)
            at += step
        elif pattern[at] == "/" or pattern.startswith("\\/", at):
            escaped = pattern[at] == "\\"
            parts.append(pattern[start:at])
            if escaped and _is_any_depth(parts[-1]):
                parts.append("*")
            start = at = at + 1 + escaped
        else:
            at += 1 + (pattern[at] == "\\")
    return [*parts, pattern[start:]]


def _is_any_depth(part: str) -> bool:
    return len(part) > 1 and not part.strip("*")


def _tokens(part: str, text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(part):
        character, step = part[at], 1
        if character == "*":
            tokens.append(_WILDCARD)
        elif character == "?":
            tokens.append(ANY)
        elif character == "[":
            characters, step = _class(part, at, text)
            tokens.append(characters)
        elif character == "\\":
            if at + 1 == len(part):
                raise InvalidPattern("trailing backslash; write `\\\\` to match a backslash", len(text) - 1, len(text))
            tokens.append(part[at + 1])
            step = 2
        else:
            tokens.append(character)
        at += step
    return tokens


def _class(part: str, start: int, text: str) -> tuple[Characters, int]:
    """Read the `[...]` at start. Return the characters that it matches, and its length."""
    at = start + 1
    negated = part[at : at + 1] in ("!", "^")
    at += negated
    first, ranges = at, list[tuple[str, str]]()
    while at < len(part) and (part[at] != "]" or at == first):
        if part.startswith("[:", at) and ":]" in part[at + 2 :]:
            name, _, _ = part[at + 2 :].partition(":]")
            if name not in _POSIX:
                raise InvalidPattern(f"unknown character class `[:{name}:]`", text.index("["), len(text))
            ranges.extend(_POSIX[name])
            at += len(name) + 4
            continue
        low, at = _member(part, at)
        high = low
        if part.startswith("-", at) and part[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(part, at + 1)
        # A reversed range matches its first character, as in Git.
        ranges.append((low, max(low, high)))
    if at >= len(part):
        raise InvalidPattern("unclosed `[`; write `\\[` to match a bracket", text.index("["), len(text))
    return Characters(tuple(ranges), negated), at + 1 - start


def _member(part: str, at: int) -> tuple[str, int]:
    at += part[at] == "\\" and at + 1 < len(part)
    return part[at], at + 1
