"""Build arguments in a Dockerfile's words: what `${BASE:-alpine}` stands for, and where that is written. Imports traced texts and lines.

The rules are those of BuildKit (github.com/moby/buildkit, frontend/dockerfile/shell): quotes and escapes are taken off, and `$NAME` and
`${NAME...}` give way to their values. Every piece of the result keeps the place it comes from.
"""

from __future__ import annotations

from imglint.records import record
from imglint.traced import Piece, Traced, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.dockerfile.instructions import Instruction

VALUE_MAX = 1024
"""Characters; a longer word is not resolved. No image reference is as long as that."""

PIECES_MAX = 64
"""Pieces that a value may be put together from, and variables that it may come through: more is not resolved, so that a value costs little."""

NESTING_MAX = 32
"""Levels of `${A:-${B:-...}}`."""

PATTERN_MAX = 128
"""Characters of a pattern, as in `${TAG%-*}`."""

SPECIAL_PARAMETERS = "@*#?-$!"


@record
class UnresolvedVariable:
    """Why a text has no value that can be told from the files."""

    message: str


Value = Traced | UnresolvedVariable


class BadSubstitution(Exception):
    """A `${...}` or a quote that BuildKit refuses. Its text says what is wrong."""


class Scope:
    """The variables that a word can use: each with its value, None where it is declared and has none."""

    __slots__ = ("undeclared", "values")

    def __init__(self, undeclared: Callable[[str], Value | None]) -> None:
        """Take what to say of a variable that nobody has declared: its value, why it has none, or None where it is surely unset."""
        self.values: dict[str, Value | None] = {}
        self.undeclared = undeclared

    def get(self, name: str) -> Value | None:
        """Return a variable's value, None where it is unset."""
        return self.values[name] if name in self.values else self.undeclared(name)

    def missing(self, name: str) -> UnresolvedVariable:
        """Say why a variable without a value has none."""
        if name in self.values:
            return UnresolvedVariable(f"{name} has no value: give its ARG a default, or set {name} under variables in the policy")
        return UnresolvedVariable(f"{name} has no value: no ARG before the first FROM declares it")


def given(value: str) -> Traced:
    """Return a value that comes from outside of the file, such as from the policy: it stands wherever it is used."""
    return Traced((Piece(value, (), False),)) if value else Traced(())


def expand(line: Instruction, start: int, end: int, escape: str, scope: Scope) -> Value:
    """Return what the word from start to end of a line stands for.

    Raises BadSubstitution where BuildKit refuses the word.
    """
    text, frame = line.text[start:end], line.offset(start)
    if end - start > VALUE_MAX:
        return UnresolvedVariable(f"this is longer than {VALUE_MAX} characters")
    if not ("$" in text or '"' in text or "'" in text or escape in text):
        return _bounded(line.cut(start, end, frame))
    return _Word(line, start, end, frame, escape, scope).read("", raw=False)


def _bounded(value: Traced) -> Value:
    """Return the value, or that it is too much to keep."""
    if len(value.pieces) > PIECES_MAX or any(len(piece.frames) > PIECES_MAX for piece in value.pieces):
        return UnresolvedVariable(f"this is put together from more than {PIECES_MAX} pieces")
    if sum(len(piece.text) for piece in value.pieces) > VALUE_MAX:
        return UnresolvedVariable(f"this is longer than {VALUE_MAX} characters")
    return value


class _Word:
    """A word that is being read: where reading stands, and what surrounds it."""

    __slots__ = ("at", "depth", "end", "escape", "frame", "line", "scope", "text")

    def __init__(self, line: Instruction, start: int, end: int, frame: int, escape: str, scope: Scope) -> None:
        self.line, self.at, self.end, self.frame, self.escape, self.scope = line, start, end, frame, escape, scope
        self.text, self.depth = line.text, 0

    def read(self, stop: str, *, raw: bool) -> Value:
        """Return what the text up to stop, or to the end of the word, stands for; raw keeps escape characters, as patterns need them."""
        parts: list[Value] = []
        while self.at < self.end:
            char = self.text[self.at]
            if char == stop:
                self.at += 1
                return _together(parts)
            if char == "$":
                parts.append(self.variable())
            elif char == "'":
                parts.append(self.single_quoted())
            elif char == '"':
                parts.append(self.double_quoted())
            elif char == self.escape:
                first = self.at if raw else self.at + 1
                self.at = min(self.at + 2, self.end)
                parts.append(self.literal(first))
            else:
                parts.append(self.plain("$'\"" + self.escape + stop))
        if stop:
            raise BadSubstitution(f"a '{stop}' is missing here")
        return _together(parts)

    def peek(self) -> str:
        return self.text[self.at] if self.at < self.end else ""

    def take(self) -> str:
        char = self.peek()
        self.at += len(char)
        return char

    def literal(self, first: int) -> Traced:
        return self.line.cut(first, self.at, self.frame)

    def plain(self, special: str) -> Traced:
        first = self.at
        while self.at < self.end and self.text[self.at] not in special:
            self.at += 1
        return self.literal(first)

    def single_quoted(self) -> Traced:
        first = self.at + 1
        close = self.text.find("'", first, self.end)
        if close < 0:
            raise BadSubstitution("a single quote is not closed here")
        self.at = close
        part = self.literal(first)
        self.at += 1
        return part

    def double_quoted(self) -> Value:
        parts: list[Value] = []
        self.at += 1
        while char := self.peek():
            if char == '"':
                self.at += 1
                return _together(parts)
            if char == "$":
                parts.append(self.variable())
            elif char == self.escape:
                escaped = self.text[self.at + 1 : min(self.at + 2, self.end)]
                first = self.at + 1 if escaped and escaped in '"$' + self.escape else self.at
                self.at = first + 1
                parts.append(self.literal(first))
            else:
                parts.append(self.plain('"$' + self.escape))
        raise BadSubstitution("a double quote is not closed here")

    def variable(self) -> Value:
        """Read a variable with what is to become of its value, from the dollar on."""
        begin = self.at
        self.at += 1
        if self.peek() != "{":
            name = self.name()
            return self.used(begin, self.needed(name)) if name else self.literal(begin)
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise BadSubstitution("variables are nested too deeply here")
        self.at += 1
        if self.peek() in ("", "{", "}", ":"):
            raise BadSubstitution("this is no variable: write ${NAME}")
        value = self.braced(begin, self.name())
        self.depth -= 1
        return value

    def name(self) -> str:
        first = self.at
        if self.peek() and self.peek() in SPECIAL_PARAMETERS:
            return self.take()
        is_part = str.isdigit if self.peek().isdigit() else _is_name_part
        while is_part(self.peek()):
            self.at += 1
        return self.text[first : self.at]

    def braced(self, begin: int, name: str) -> Value:
        operator = self.take()
        if operator == "}":
            return self.used(begin, self.needed(name))
        if operator == "/":
            return self.replaced(begin, name)
        colon = operator == ":"
        if colon:
            operator = self.take()
        if not operator or operator not in ("+-?" if colon else "+-?#%"):
            raise BadSubstitution(f"${{{name}{':' if colon else ''}{operator}...}} is no substitution")
        word = self.read("}", raw=operator in "#%")
        value = self.scope.get(name)
        if operator in "#%":
            return self.trimmed(begin, name, operator, word)
        if isinstance(value, UnresolvedVariable):
            return value
        is_set = value is not None and not (colon and not value.text)
        if operator == "+":
            return word if is_set else Traced(())
        if is_set and value is not None:
            return self.used(begin, value)
        return word if operator == "-" else UnresolvedVariable(f"{name} has to be set")

    def needed(self, name: str) -> Value:
        value = self.scope.get(name)
        return self.scope.missing(name) if value is None else value

    def used(self, begin: int, value: Value) -> Value:
        """Return a value as what the expression from begin to here stands for."""
        return value if isinstance(value, UnresolvedVariable) else value.used_at(self.frame, *self.line.span(begin, self.at))

    def trimmed(self, begin: int, name: str, operator: str, word: Value) -> Value:
        value = self.used(begin, self.needed(name))
        if isinstance(value, UnresolvedVariable):
            return value
        if isinstance(word, UnresolvedVariable):
            return word
        text, longest = value.text, word.text.startswith(operator)
        pattern = _Pattern(word.text[longest:], backwards=operator == "%")
        ends = list(pattern.ends(text[::-1] if operator == "%" else text))
        if not ends:
            return value
        cut = ends[-1] if longest else ends[0]
        return value.cut(cut, len(text)) if operator == "#" else value.cut(0, len(text) - cut)

    def replaced(self, begin: int, name: str) -> Value:
        everywhere = self.peek() == "/"
        self.at += everywhere
        pattern, replacement = self.read("/", raw=True), self.read("}", raw=True)
        value = self.used(begin, self.needed(name))
        if isinstance(value, UnresolvedVariable):
            return value
        if isinstance(pattern, UnresolvedVariable):
            return pattern
        if isinstance(replacement, UnresolvedVariable):
            return replacement
        if not pattern.text or (everywhere and "$" in replacement.text):
            return UnresolvedVariable("this replacement is not one that imglint can follow")
        parts: list[Value] = []
        at = 0
        for start, end in _Pattern(pattern.text).matches(value.text):
            parts += [value.cut(at, start), replacement]
            at = end
            if not everywhere or len(parts) > 2 * PIECES_MAX:
                break
        return _together([*parts, value.cut(at, len(value.text))])


def _is_name_part(char: str) -> bool:
    return char == "_" or char.isalnum()


def _together(parts: list[Value]) -> Value:
    """Return the parts one after the other, or the first reason why one has no value."""
    known: list[Traced] = []
    for part in parts:
        if isinstance(part, UnresolvedVariable):
            return part
        known.append(part)
    return _bounded(joined(known))


class _Pattern:
    """A shell pattern, in which `*` stands for any run of characters and `?` for any one.

    Matching keeps the set of all places in the pattern that the text read so far can lead to, as the bits of a number: no pattern makes it slow.
    """

    __slots__ = ("any", "final", "loops", "steps")

    def __init__(self, pattern: str, *, backwards: bool = False) -> None:
        """Take a pattern, to be matched from its end where it is `backwards`. Raises BadSubstitution where BuildKit refuses it."""
        if len(pattern) > PATTERN_MAX:
            raise BadSubstitution(f"a pattern here has at most {PATTERN_MAX} characters")
        tokens = list(_tokens(pattern))
        if backwards:
            tokens.reverse()
        self.steps: dict[str, int] = {}
        self.any = self.loops = 0
        bit = 1
        for char, wild in tokens:
            if wild and char == "*":
                self.loops |= bit
                continue
            if wild:
                self.any |= bit
            else:
                self.steps[char] = self.steps.get(char, 0) | bit
            bit <<= 1
        self.final = bit

    def ends(self, text: str, start: int = 0) -> Iterator[int]:
        """Yield each index at which a match that begins at start can end, in order."""
        state = 1
        for index in range(start, len(text) + 1):
            if state & self.final:
                yield index
            if not state or index == len(text):
                return
            state = ((state & (self.any | self.steps.get(text[index], 0))) << 1) | (state & self.loops)

    def matches(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the leftmost longest matches that do not overlap."""
        start = 0
        while start <= len(text):
            end = max(self.ends(text, start), default=-1)
            if end > start or (end == start and not text):
                yield start, end
            if end < 0 and self.loops and self._reaches_a_loop(text, start):
                return  # What follows the star is nowhere after here, so no later start can do better.
            start = max(end, start + 1)

    def _reaches_a_loop(self, text: str, start: int) -> bool:
        state = 1
        for char in text[start:]:
            if not state or state & self.loops:
                break
            state = (state & (self.any | self.steps.get(char, 0))) << 1
        return bool(state & self.loops)


def _tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the characters of a pattern, each with whether it is a wildcard."""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char != "\\":
            yield char, char in "*?"
            continue
        escaped = pattern[at : at + 1]
        at += 1
        if not escaped or escaped not in "}/*?\\":
            raise BadSubstitution(f"'\\{escaped}' cannot stand in a pattern")
        yield escaped, False
