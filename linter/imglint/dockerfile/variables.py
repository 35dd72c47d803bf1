"""Variables in a Dockerfile's words, such as `${BASE:-alpine}`, expanded with every character traced to its origin. Imports traced texts.

Quotes, escapes, `$NAME` and `${NAME...}` are expanded as BuildKit does (github.com/moby/buildkit, frontend/dockerfile/shell).
"""

from __future__ import annotations

from imglint.records import record
from imglint.traced import PLACEHOLDER, Piece, Traced, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.dockerfile.instructions import Instruction
    from imglint.patterns.matcher import Token

VALUE_MAX = 1024
"""Characters of a word or a value; a longer one is not resolved. No image reference is that long."""

PIECES_MAX = 64
"""Pieces of a value, and variables that it passes through; with more it is not resolved, which bounds the cost of a value."""

NESTING_MAX = 32
"""Levels of `${A:-${B:-...}}`."""

PATTERN_MAX = 128
"""Characters of a pattern, as in `${TAG%-*}`."""

SPECIAL_PARAMETERS = "@*#?-$!"


@record
class UnresolvedVariable:
    """Why the files do not give a text a value."""

    message: str


Value = Traced | UnresolvedVariable


class BadSubstitution(Exception):
    """A `${...}` or a quote that BuildKit rejects. The text of the exception is the reason."""


class Scope:
    """The variables that a word can use: the value of each, None if it is declared without one."""

    __slots__ = ("undeclared", "values")

    def __init__(self, undeclared: Callable[[str], Value | None]) -> None:
        """Take a function for undeclared variables: it returns the value, why it is unknown, or None if the variable is unset."""
        self.values: dict[str, Value | None] = {}
        self.undeclared = undeclared

    def get(self, name: str) -> Value | None:
        """Return the value of a variable, None if it is unset."""
        return self.values[name] if name in self.values else self.undeclared(name)

    def missing(self, name: str) -> UnresolvedVariable:
        """Return why a variable has no value."""
        if name in self.values:
            return UnresolvedVariable(f"{name} has no value; give its ARG a default or set it under `variables` in the policy")
        return UnresolvedVariable(f"{name} has no value; declare it with ARG before the first FROM")


def given(value: str) -> Traced:
    """Return a value from outside the file, such as from the policy: its location is where it is used. PLACEHOLDER stands for what is unknown."""
    if PLACEHOLDER not in value:
        return Traced((Piece(value, (), False),)) if value else Traced(())
    known, _, rest = value.partition(PLACEHOLDER)
    return joined([given(known), Traced((Piece(PLACEHOLDER, (), False, False),)), given(rest)])


def expand(line: Instruction, start: int, end: int, escape: str, scope: Scope) -> Value:
    """Return the value of the word from start to end of a line.

    Raises BadSubstitution if BuildKit refuses the word.
    """
    text, frame = line.text[start:end], line.offset(start)
    if end - start > VALUE_MAX:
        return UnresolvedVariable(f"value has more than {VALUE_MAX} characters")
    if not ("$" in text or '"' in text or "'" in text or escape in text):
        return _bounded(line.cut(start, end, frame))
    return _Word(line, start, end, frame, escape, scope).read("", raw=False)


def _bounded(value: Traced) -> Value:
    """Return the value, or UnresolvedVariable if it is over a limit."""
    if len(value.pieces) > PIECES_MAX or any(len(piece.frames) > PIECES_MAX for piece in value.pieces):
        return UnresolvedVariable(f"value is made of more than {PIECES_MAX} pieces")
    if sum(len(piece.text) for piece in value.pieces) > VALUE_MAX:
        return UnresolvedVariable(f"value has more than {VALUE_MAX} characters")
    return value


class _Word:
    """A word being expanded: the offset reached, and its context."""

    __slots__ = ("at", "depth", "end", "escape", "frame", "line", "scope", "text")

    def __init__(self, line: Instruction, start: int, end: int, frame: int, escape: str, scope: Scope) -> None:
        self.line, self.at, self.end, self.frame, self.escape, self.scope = line, start, end, frame, escape, scope
        self.text, self.depth = line.text, 0

    def read(self, stop: str, *, raw: bool) -> Value:
        """Return the value of the text up to `stop`, or to the end of the word if that is empty; `raw` keeps escape characters, for patterns."""
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
            raise BadSubstitution(f"missing '{stop}'")
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
            raise BadSubstitution("unterminated single quote")
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
        raise BadSubstitution("unterminated double quote")

    def variable(self) -> Value:
        """Return the value of the expression that begins with the dollar sign here."""
        begin = self.at
        self.at += 1
        if self.peek() != "{":
            name = self.name()
            return self.used(begin, self.needed(name)) if name else self.literal(begin)
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise BadSubstitution(f"variables are nested more than {NESTING_MAX} levels deep")
        self.at += 1
        if self.peek() in ("", "{", "}", ":"):
            raise BadSubstitution("missing variable name; write `${NAME}`")
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
        if not operator:
            raise BadSubstitution("missing '}'")
        if operator not in ("+-?" if colon else "+-?#%"):
            raise BadSubstitution(f"unsupported substitution `${{{name}{':' if colon else ''}{operator}...}}`")
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
        return word if operator == "-" else UnresolvedVariable(f"{name} has no value but is required here")

    def needed(self, name: str) -> Value:
        value = self.scope.get(name)
        return self.scope.missing(name) if value is None else value

    def used(self, begin: int, value: Value) -> Value:
        """Return a value traced to the expression from begin to here."""
        return value if isinstance(value, UnresolvedVariable) else value.used_at(self.frame, *self.line.span(begin, self.at))

    def trimmed(self, begin: int, name: str, operator: str, word: Value) -> Value:
        """Return the value without the prefix (`#`) or suffix (`%`) that a pattern matches: the shortest, or the longest (`##`, `%%`)."""
        from imglint.patterns.matcher import Glob

        value = self.used(begin, self.needed(name))
        if isinstance(value, UnresolvedVariable):
            return value
        if isinstance(word, UnresolvedVariable):
            return word
        text, longest = value.text, word.text.startswith(operator)
        pattern = _tokens(word.text[longest:])
        # A suffix is the prefix of the reversed text.
        ends = list(Glob(pattern).ends(text) if operator == "#" else Glob(pattern[::-1]).ends(text[::-1]))
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
            return UnresolvedVariable("imglint cannot resolve this replacement")
        parts: list[Value] = []
        at = 0
        for start, end in _matches(_tokens(pattern.text), value.text):
            parts += [value.cut(at, start), replacement]
            at = end
            if not everywhere or len(parts) > 2 * PIECES_MAX:
                break
        return _together([*parts, value.cut(at, len(value.text))])


def _is_name_part(char: str) -> bool:
    return char == "_" or char.isalnum()


def _together(parts: list[Value]) -> Value:
    """Return the concatenated parts, or the first UnresolvedVariable among them."""
    known: list[Traced] = []
    for part in parts:
        if isinstance(part, UnresolvedVariable):
            return part
        known.append(part)
    return _bounded(joined(known))


def _matches(pattern: list[Token], text: str) -> Iterator[tuple[int, int]]:
    """Yield the leftmost longest matches of a pattern that do not overlap."""
    from imglint.patterns.matcher import Glob, Wildcard

    glob = Glob(pattern)
    star = next((at for at, token in enumerate(pattern) if isinstance(token, Wildcard)), None)
    head = None if star is None else Glob(pattern[:star])
    start = 0
    while start <= len(text):
        end = max(glob.ends(text, start), default=-1)
        if end > start or (end == start and not text):
            yield start, end
        if end < 0 and head is not None and list(head.ends(text, start)):
            return  # The part before the first star matches here, the rest nowhere after it: no later start can match.
        start = max(end, start + 1)


def _tokens(pattern: str) -> list[Token]:
    """Return the tokens of a shell pattern, in which `*` matches any number of characters and `?` any one.

    Raises BadSubstitution if BuildKit refuses the pattern or it has more than PATTERN_MAX characters.
    """
    from imglint.patterns.matcher import ANY, Wildcard

    if len(pattern) > PATTERN_MAX:
        raise BadSubstitution(f"pattern has {len(pattern)} characters; the limit is {PATTERN_MAX}")
    tokens: list[Token] = []
    characters = iter(pattern)
    for char in characters:
        if char == "*":
            tokens.append(Wildcard(ANY))
        elif char == "?":
            tokens.append(ANY)
        elif char == "\\":
            escaped = next(characters, "")
            if not escaped or escaped not in "}/*?\\":
                raise BadSubstitution(f"invalid escape `\\{escaped}` in a pattern")
            tokens.append(escaped)
        else:
            tokens.append(char)
    return tokens
