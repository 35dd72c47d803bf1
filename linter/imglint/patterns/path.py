r"""Path patterns: which files a policy's `files`, `exclude`, `environments` and `kinds` name. Imports globs.

They are gitignore patterns without `!`, relative to the policy's folder: one without a slash fits at every depth, one with a slash in front or in
the middle from the folder itself; a slash at the end asks for a folder; `*`, `?` and `[...]` never cross a slash, `/**/` does; a pattern that
fits a folder fits all that it holds.
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
    """One pattern. `text` is what the policy says, `at` where, as `path:line`; empty where no policy says it."""

    __slots__ = ("_anywhere", "_folder", "_segments", "at", "text")

    def __init__(self, text: str, at: str = "", *, of_git: bool = False) -> None:
        """Read a pattern of a policy, or, without its `!`, of a .gitignore, which may say what fits nothing. Raises InvalidPattern."""
        if not of_git:
            _check(text)
        check_length(text)
        self.text, self.at = text, at
        pattern = _strip(text)
        self._folder = pattern.endswith("/")
        pattern = pattern.removesuffix("/")
        if not pattern:
            raise InvalidPattern("this names no file; ** alone stands for every file", 0, len(text))
        parts = ["**" if _is_any_depth(part) else part for part in _split(pattern.removeprefix("/"), text)]
        self._anywhere = "/" not in pattern
        if self._anywhere:
            parts.insert(0, "**")
        elif parts[-1] == "**":
            # What is inside of a folder, and not the folder itself.
            parts.append("*")
        self._segments = [None if part == "**" else Glob(_tokens(part, text)) for part in parts]

    def fits(self, path: str, is_folder: bool = False) -> bool:
        """Whether it fits the path, relative to the policy's folder and parted by slashes, or a folder above it."""
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

    def is_for(self, path: str, name: str, is_folder: bool) -> bool:
        """Whether it fits this very path, whose last part is `name`, and not only a folder above it."""
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
        """Return the states after one more name: bit i says that the first i segments are matched."""
        after = 0
        for at, segment in enumerate(self._segments):
            if states >> at & 1:
                if segment is None:
                    after |= 1 << at
                elif segment.fits(name):
                    after |= 2 << at
        return after

    def _closure(self, states: int) -> int:
        """Let each `**` stand for no folder at all."""
        for at, segment in enumerate(self._segments):
            if segment is None and states >> at & 1:
                states |= 2 << at
        return states


class PathPatterns:
    """A list of patterns, of which one has to fit."""

    __slots__ = ("patterns",)

    def __init__(self, patterns: Iterable[PathPattern]) -> None:
        self.patterns = tuple(patterns)

    def fit(self, path: str | None, is_folder: bool = False) -> bool:
        """Whether one of them fits the path. None, a path outside of the policy's folder, never fits."""
        return self.first(path, is_folder) is not None

    def first(self, path: str | None, is_folder: bool = False) -> PathPattern | None:
        """Return the first that fits."""
        if path is not None:
            for pattern in self.patterns:
                if pattern.fits(path, is_folder):
                    return pattern
        return None


def _check(text: str) -> None:
    if text.startswith("!"):
        raise InvalidPattern("a pattern cannot begin with '!': say what fits, not what does not", 0, 1)
    if text.startswith("#"):
        raise InvalidPattern("a pattern that begins with '#' is a comment; write \\#", 0, 1)
    if not text.strip():
        raise InvalidPattern("a pattern for files cannot be empty", 0, len(text))
    if "//" in text:
        raise InvalidPattern("a part between slashes is empty", text.index("//"), text.index("//") + 2)
    for bad, better in (("./", "leave './' out"), ("../", "name files below the policy's folder")):
        if text.startswith(bad):
            raise InvalidPattern(f"patterns are relative to the policy's folder; {better}", 0, len(bad))


def _strip(text: str) -> str:
    """Drop the spaces at the end, but for one behind a backslash."""
    stripped = text.rstrip(" ")
    slashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if slashes % 2 and stripped != text else stripped


def _split(pattern: str, text: str) -> list[str]:
    """Part a pattern at its slashes. Within brackets a slash parts nothing.

    Behind a backslash it is one like any other, but that `**` in front of it stands for one folder at least: so Git has it.
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
                raise InvalidPattern("a backslash needs a character behind it", len(text) - 1, len(text))
            tokens.append(part[at + 1])
            step = 2
        else:
            tokens.append(character)
        at += step
    return tokens


def _class(part: str, start: int, text: str) -> tuple[Characters, int]:
    """Read `[...]` at start: return the characters and how many of the pattern's it takes."""
    at = start + 1
    negated = part[at : at + 1] in ("!", "^")
    at += negated
    first, ranges = at, list[tuple[str, str]]()
    while at < len(part) and (part[at] != "]" or at == first):
        if part.startswith("[:", at) and ":]" in part[at + 2 :]:
            name, _, _ = part[at + 2 :].partition(":]")
            if name not in _POSIX:
                raise InvalidPattern(f"there is no class [:{name}:]; there are {', '.join(_POSIX)}", text.index("["), len(text))
            ranges.extend(_POSIX[name])
            at += len(name) + 4
            continue
        low, at = _member(part, at)
        high = low
        if part.startswith("-", at) and part[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(part, at + 1)
        # A range that runs backwards holds its first character, as Git has it.
        ranges.append((low, max(low, high)))
    if at >= len(part):
        raise InvalidPattern("'[' needs a ']'; write \\[ for the character itself", text.index("["), len(text))
    return Characters(tuple(ranges), negated), at + 1 - start


def _member(part: str, at: int) -> tuple[str, int]:
    at += part[at] == "\\" and at + 1 < len(part)
    return part[at], at + 1
