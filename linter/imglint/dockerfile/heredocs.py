"""Find the heredocs that an instruction opens (`RUN cat <<EOF`), as BuildKit's shell lexer does.

The lexer expands variables although none has a value, and a line that it rejects opens no heredoc at all. What it reads depends on the release of
BuildKit (github.com/moby/buildkit, frontend/dockerfile/shell and parser).
"""

from __future__ import annotations

import re

from imglint.dockerfile.spaces import SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Span = tuple[int, int]

PATTERNS_SINCE = 13
"""`${A#b}`, `${A%b}` and `${A/b/c}`. Earlier releases reject them."""
SHARED_BUFFER_SINCE = 15
"""The text of a word before a `${A:-b}` in it is lost."""
SPACE_SINCE = 22
"""White space between `<<` and the name."""

TEXT_MAX = 1_048_576
"""Characters of an instruction that contains `<<`. With more, the file is not read any further."""

NESTING_MAX = 100
"""Levels of `${A:-${B:-...}}` in an instruction that contains `<<`. With more, the file is not read any further."""

ESCAPE = "\\"
"""The escape character in heredocs, whatever the one of the Dockerfile is."""
SPECIAL_PARAMETERS = "@*#?-$!"

_PLAIN = re.compile(f"[^$<'\"\\\\{SPACE}]+")
_PLAIN_NESTED = re.compile("[^$<'\"\\\\}/]+")
_SPACES = re.compile(f"[{SPACE}]+")
_WORDS = re.compile(f"[^{SPACE}]+|[{SPACE}]+")
_QUOTED = re.compile(r'[^"$\\]+')
_HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]*)")
_HEREDOC_SPACE = "\t\n\f\r "


class InvalidHeredoc(Exception):
    """A heredoc name that BuildKit rejects, from `start` to `end`."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.start, self.end = start, end


class OverLexerLimit(Exception):
    """An instruction over a limit. The text of the exception says which."""


class _Rejected(Exception):
    """A text that the lexer rejects."""


def find_heredocs(text: str, release: int, note: Callable[[int], None]) -> list[tuple[str, bool, Span]]:
    """Return the heredocs that an instruction opens: the name, whether the body loses leading tabs (`<<-`), and the indices of the word.

    `note` is called with each release that changed how this text is read. Raises InvalidHeredoc and OverLexerLimit.
    """
    if len(text) > TEXT_MAX:
        raise OverLexerLimit(f"instruction with `<<` has more than {TEXT_MAX} characters")
    lexer = _Lexer(text, release, note, raw_quotes=True)
    try:
        words = lexer.words(raw=True)
    except _Rejected:
        return []
    found = []
    for word, span in words:
        match = _HEREDOC.fullmatch(word)
        if match is None:
            continue
        name = match[2].lstrip(_HEREDOC_SPACE) if release >= SPACE_SINCE else match[2]
        try:
            # The lexer skips a byte order mark.
            names = _Lexer(name.removeprefix("\ufeff"), release, note, raw_quotes=False).words(raw=False)
        except _Rejected:
            raise InvalidHeredoc(*span) from None
        if len(names) == 1:
            found.append((names[0][0], bool(match[1]), span))
    return found


class _Lexer:
    """The lexer, without variables: an expression keeps its text, but its quotes and escapes are read."""

    def __init__(self, text: str, release: int, note: Callable[[int], None], *, raw_quotes: bool) -> None:
        self.text, self.release, self.note, self.raw_quotes = text, release, note, raw_quotes
        self.raw = False
        self.at = self.depth = self.start = 0
        self.found: list[tuple[str, Span]] = []
        self.word: list[str] = []
        """The pieces of the word being read, none of them empty."""

    def words(self, *, raw: bool) -> list[tuple[str, Span]]:
        """Return the words of the text, with the indices that produced them. `raw` keeps escape characters. Words that open no heredoc are left out."""
        self.raw = raw
        text = self.text
        while self.at < len(text):
            first = self.at
            char = text[first]
            if plain := _PLAIN.match(text, first):
                self.at = plain.end()
                self.add(plain[0], first)
            elif spaces := _SPACES.match(text, first):
                self.at = spaces.end()
                self.end_word(first)
            elif char == "$":
                for piece in _WORDS.findall(self.dollar()):
                    if piece[0] in SPACE:
                        self.end_word(self.at)
                    else:
                        self.add(piece, first)
            else:
                self.add(self.special(char), first)
        self.end_word(len(text))
        return self.found

    def add(self, piece: str, start: int) -> None:
        if piece:
            if not self.word:
                self.start = start
            self.word.append(piece)

    def end_word(self, end: int) -> None:
        if self.word:
            word = "".join(self.word)
            if "<<" in word or not self.raw_quotes:
                self.found.append((word, (self.start, end)))
            self.word.clear()

    def nested(self, stop: str, *, raw: bool) -> str:
        """Return the value of the text up to `stop`."""
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise OverLexerLimit(f"variables are nested more than {NESTING_MAX} levels deep")
        outer = self.raw
        if self.release >= PATTERNS_SINCE:
            self.raw = raw
        if self.word:
            self.note(SHARED_BUFFER_SINCE)
            if self.release >= SHARED_BUFFER_SINCE:
                self.word.clear()
        parts: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == stop:
                self.at += 1
                self.raw = outer
                self.depth -= 1
                return "".join(parts)
            if plain := _PLAIN_NESTED.match(self.text, self.at):
                self.at = plain.end()
                parts.append(plain[0])
            else:
                parts.append(self.dollar() if char == "$" else self.special(char))
        raise _Rejected

    def special(self, char: str) -> str:
        """Return the value of a quoted text, an escape, a heredoc operator, or any other character."""
        if char == "'":
            return self.single_quoted()
        if char == '"':
            return self.double_quoted()
        self.at += 1
        if char == ESCAPE:
            escaped = self.take()
            return char + escaped if self.raw else escaped
        return self.operator() if char == "<" else char

    def operator(self) -> str:
        if self.peek() != "<":
            return "<"
        self.at += 1
        first = end = self.at
        while end < len(self.text) and self.text[end] in "\t\r ":
            end += 1
        if end > first:
            self.note(SPACE_SINCE)
            if self.release >= SPACE_SINCE:
                self.at = end
        return "<<" + self.text[first : self.at]

    def single_quoted(self) -> str:
        close = self.text.find("'", self.at + 1)
        if close < 0:
            raise _Rejected
        first, self.at = self.at, close + 1
        return self.text[first : self.at] if self.raw_quotes else self.text[first + 1 : close]

    def double_quoted(self) -> str:
        mark = '"' if self.raw_quotes else ""
        parts = [mark]
        self.at += 1
        while char := self.peek():
            if char == '"':
                self.at += 1
                return "".join([*parts, mark])
            if char == "$":
                parts.append(self.dollar())
            elif char == ESCAPE:
                self.at += 1
                if self.raw:
                    parts.append(char)
                escaped = self.peek()
                if escaped and escaped in '"$\\':
                    self.at += 1
                    parts.append(escaped)
                elif escaped:
                    parts.append(char)
            elif plain := _QUOTED.match(self.text, self.at):
                self.at = plain.end()
                parts.append(plain[0])
        raise _Rejected

    def dollar(self) -> str:
        """Return the text of a variable, which has no value."""
        self.at += 1
        if self.peek() != "{":
            return "$" + self.name()
        self.at += 1
        if self.peek() in ("", "{", "}", ":"):
            raise _Rejected
        name, operator = self.name(), self.take()
        if operator == "}":
            return f"${{{name}}}"
        colon = operator == ":"
        kind = self.take() if colon else operator
        if kind in ("#", "%", "/"):
            self.note(PATTERNS_SINCE)
        if colon or kind in ("+", "-", "?"):
            if kind in ("#", "%") and self.release >= PATTERNS_SINCE:
                raise _Rejected
            return f"${{{name}{':' if colon else ''}{kind}{self.nested('}', raw=False)}}}"
        if self.release < PATTERNS_SINCE or kind not in ("#", "%", "/"):
            raise _Rejected
        if kind != "/":
            return f"${{{name}{kind}{self.nested('}', raw=True)}}}"
        self.at += self.peek() == "/"
        pattern = self.nested("/", raw=True)
        return f"${{{name}/{pattern}/{self.nested('}', raw=True)}}}"

    def name(self) -> str:
        first = self.at
        char = self.peek()
        if char and char in SPECIAL_PARAMETERS:
            return self.take()
        is_part = str.isdecimal if char.isdecimal() else is_name_part
        while is_part(self.peek()):
            self.at += 1
        return self.text[first : self.at]

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        self.at += len(char)
        return char


def is_name_part(char: str) -> bool:
    """Whether a character can be part of the name of a variable."""
    return char == "_" or char.isalpha() or char.isdecimal()
