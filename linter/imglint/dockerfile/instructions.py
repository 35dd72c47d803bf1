"""Split a Dockerfile into instructions, and instructions into flags and words.

The rules for directives, comments, continuation lines and heredocs follow BuildKit's parser (github.com/moby/buildkit, frontend/dockerfile/parser).
`stages` interprets the instructions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache

from imglint.printable import clipped
from imglint.records import record
from imglint.traced import Piece, Traced, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[int, int]

DEFAULT_ESCAPE = "\\"
DIRECTIVES = ("syntax", "escape", "check")
HEREDOC_KEYWORDS = ("RUN", "COPY", "ADD")
WORD = re.compile("[^\t\v\f\r ]+")

INSTRUCTIONS_MAX = 1_000_000
"""Instructions of one Dockerfile. Reading stops there and the file is reported."""

FLAG_MAX = 4096
"""Characters of a flag whose quotes and escapes are removed. No image name is that long."""


class Instruction:
    """An instruction, with all continuation lines joined.

    `start` and `end` are its indices in `text`; its arguments, including flags, start at `arguments_start`. `keyword` is in upper case.
    """

    __slots__ = ("_indices", "_offsets", "arguments_start", "end", "keyword", "start", "text")

    def __init__(self, text: str, indices: list[int], offsets: list[int], start: int = 0) -> None:
        """Take the joined text and, for each line of it, its index in the text and its offset in the file."""
        self.text, self._indices, self._offsets = text, indices, offsets
        word = WORD.search(text, start)
        if word is None:
            self.keyword, self.start, self.arguments_start, self.end = "", start, start, start
            return
        self.start, keyword_end = word.span()
        self.keyword = word[0].upper()
        self.end = max(len(text.rstrip()), keyword_end)
        following = WORD.search(text, keyword_end, self.end)
        self.arguments_start = following.start() if following else self.end

    @property
    def arguments(self) -> str:
        """The text after the keyword."""
        return self.text[self.arguments_start : self.end]

    def trigger(self) -> Instruction:
        """Return the instruction that follows the keyword of this one, as in ONBUILD."""
        return Instruction(self.text, self._indices, self._offsets, self.arguments_start)

    def offset(self, index: int) -> int:
        """Return the offset in the file of the character at an index of the text."""
        line = bisect_right(self._indices, index) - 1 if len(self._indices) > 1 else 0
        return self._offsets[line] + index - self._indices[line]

    def span(self, start: int, end: int) -> Span:
        """Return the span in the file of the characters from start to end."""
        return self.offset(start), (self.offset(end - 1) + 1 if end > start else self.offset(start))

    def cut(self, start: int, end: int, frame: int) -> Traced:
        """Return the characters from start to end as part of the text that starts at the offset `frame` of the file."""
        pieces = []
        line = bisect_right(self._indices, start) - 1
        while start < end:
            next_line = self._indices[line + 1] if line + 1 < len(self._indices) else end
            stop = min(next_line, end)
            offset = self._offsets[line] + start - self._indices[line]
            pieces.append(Piece(self.text[start:stop], ((frame, offset, offset + stop - start),), True))
            start, line = stop, line + 1
        return Traced(tuple(pieces))


class ParsedDockerfile:
    """The instructions of a Dockerfile, its imglint comments, its syntax errors and its escape character.

    `unread` is the span of the first instruction over INSTRUCTIONS_MAX, or None.
    """

    __slots__ = ("comments", "errors", "escape", "instructions", "unread")

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.comments: list[Span] = []
        self.errors: list[tuple[Span, str]] = []
        self.escape = DEFAULT_ESCAPE
        self.unread: Span | None = None


def parse_dockerfile(text: str) -> ParsedDockerfile:
    """Split the text of a Dockerfile into instructions."""
    parsed = ParsedDockerfile()
    _read_directives(parsed, text)
    has_comments = "imglint:" in text
    index = 0
    while index < len(text):
        instruction, index = _next_instruction(parsed, text, index, has_comments)
        if instruction is not None and instruction.keyword:
            if len(parsed.instructions) == INSTRUCTIONS_MAX:
                parsed.unread = instruction.span(instruction.start, instruction.arguments_start)
                return parsed
            parsed.instructions.append(instruction)
            if "<<" in instruction.text:
                index = _skip_heredocs(parsed, instruction, text, index)
    return parsed


def _next_instruction(parsed: ParsedDockerfile, text: str, index: int, has_comments: bool) -> tuple[Instruction | None, int]:
    """Return the first instruction at or after index, or None, and the index of the line after it."""
    parts: list[str] = []
    indices: list[int] = []
    offsets: list[int] = []
    length, continued = 0, True
    while continued and index < len(text):
        start, end = index, text.find("\n", index)
        end = len(text) if end < 0 else end
        index = end + 1
        line = text[start:end].rstrip("\r")
        stripped = line.lstrip()
        if not stripped:
            continue
        if stripped[0] == "#":
            if has_comments and stripped[1:].lstrip().startswith("imglint:"):
                comment = start + len(line) - len(stripped)
                parsed.comments.append((comment, comment + len(stripped)))
            continue
        if not parts:  # Indentation counts only on continuation lines.
            start += len(line) - len(stripped)
            line = stripped
        trimmed = line.rstrip(" \t")
        continued = trimmed.endswith(parsed.escape) and not trimmed.endswith(parsed.escape * 2)
        parts.append(trimmed[:-1] if continued else line)
        indices.append(length)
        offsets.append(start)
        length += len(parts[-1])
    return (Instruction("".join(parts), indices, offsets) if parts else None), index


def _read_directives(parsed: ParsedDockerfile, text: str) -> None:
    """Read the parser directives. Any other line ends them, including comments and blank lines."""
    seen: list[str] = []
    index = 0
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        line = text[index:end].lstrip()
        found = _directive(line, "#")
        if found is None:
            return
        name, value_index = found
        value = line[value_index:].rstrip()
        start = end - len(line) + value_index
        span = start, start + len(value)
        if name in seen:
            parsed.errors.append((span, f"duplicate parser directive `{name}`; remove one of them"))
            return
        if name == "escape" and value not in ("\\", "`"):
            parsed.errors.append((span, f"invalid escape character {clipped(value)}; use \\ or `"))
        elif name == "escape":
            parsed.escape = value
        seen.append(name)
        index = end + 1


def _directive(line: str, prefix: str) -> tuple[str, int] | None:
    """Return the name of the parser directive on a line, and the index of its value."""
    left, equals, right = line.partition("=")
    name = left[len(prefix) :].strip().lower()
    if not line.startswith(prefix) or not equals or name not in DIRECTIVES or not right.strip():
        return None
    return name, len(line) - len(right.lstrip())


@record
class Frontend:
    """The image that `# syntax=` names. `is_dockerfile` is False if the rest of the file cannot be a Dockerfile."""

    span: Span
    is_dockerfile: bool


def find_frontend(text: str) -> Frontend | None:
    """Return the frontend that the file names, if any.

    Like BuildKit, also look for the directive in `//` comments and in the key `syntax` of a JSON object, and skip a `#!` line before it.
    """
    start = 0
    if text.startswith("#!"):
        start = text.find("\n") + 1 or len(text)
    for prefix in ("#", "//"):
        if text.startswith(prefix, start):
            span = _syntax_directive(text, start, prefix)
            return Frontend(span, prefix == "#") if span else None
    if text.startswith("{", start) and '"syntax"' in text:
        span = _syntax_key(text, start)
        return Frontend(span, False) if span else None
    return None


def _syntax_directive(text: str, start: int, prefix: str) -> Span | None:
    while text.startswith(prefix, start):
        end = text.find("\n", start)
        line = text[start:] if end < 0 else text[start:end]
        found = _directive(line, prefix)
        if found is None:
            return None
        name, value_index = found
        if name == "syntax":
            return start + value_index, start + value_index + len(line[value_index:].rstrip().split(" ")[0])
        start += len(line) + 1
    return None


def _syntax_key(text: str, start: int) -> Span | None:
    import json

    try:
        value = json.loads(text[start:])["syntax"]
    except (ValueError, RecursionError, KeyError):
        return None
    if not isinstance(value, str):
        return None
    written = re.search(rf'"syntax"\s*:\s*"({re.escape(value)})"', text)
    return written.span(1) if written else None


def _skip_heredocs(parsed: ParsedDockerfile, instruction: Instruction, text: str, index: int) -> int:
    """Return the index of the line after the heredocs that an instruction opens."""
    command = instruction.trigger() if instruction.keyword == "ONBUILD" else instruction
    if command.keyword not in HEREDOC_KEYWORDS or _is_exec_form(command):
        return index
    for name, strips_tabs, (start, end) in _heredocs(instruction.text):
        body_end = _heredoc_end(text, index, name, strips_tabs)
        if body_end < 0:
            message = f"unterminated heredoc; end it with a line that contains only {clipped(name)}"
            parsed.errors.append((instruction.span(start, end), message))
            return len(text)
        index = body_end
    return index


def _heredoc_end(text: str, index: int, name: str, strips_tabs: bool) -> int:
    """Return the index of the line after the one that ends a heredoc, or -1."""
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        line = text[index:end].rstrip("\r")
        index = end + 1
        if (line.lstrip("\t") if strips_tabs else line) == name:
            return index
    return -1


def _is_exec_form(instruction: Instruction) -> bool:
    arguments = instruction.arguments
    if not arguments.startswith("["):
        return False
    import json

    try:
        return all(isinstance(word, str) for word in json.loads(arguments))
    except (ValueError, RecursionError):
        return False


def _heredocs(text: str) -> Iterator[tuple[str, bool, Span]]:
    """Yield each heredoc that an instruction opens: its name, whether its body loses leading tabs (`<<-`), and the indices of the word."""
    for start, end in _shell_words(text):
        word = text[start:end].lstrip("0123456789")
        if not word.startswith("<<"):
            continue
        strips_tabs = word.startswith("<<-")
        quoted = word[3 if strips_tabs else 2 :].lstrip("\t\r ")
        name = _without_shell_quotes(quoted)
        if name and "<" not in quoted:
            yield name, strips_tabs, (start, end)


def _shell_words(text: str) -> list[Span]:
    """Return the shell words of a text; none if a quote is not closed, because BuildKit then reads no heredocs."""
    words: list[Span] = []
    start = -1
    for token in _shell_token().finditer(text):
        if token[0] in ("'", '"'):
            return []
        if token.lastgroup == "space":
            if start >= 0:
                words.append((start, token.start()))
            start = -1
        elif start < 0:
            start = token.start()
    if start >= 0:
        words.append((start, len(text)))
    return words


def _without_shell_quotes(word: str) -> str:
    parts = []
    for token in _shell_token().finditer(word):
        part = token[0]
        if part[0] in "'\"":
            inner = part[1:-1]
            parts.append(inner if part[0] == "'" else re.sub(r'\\(["$\\])', r"\1", inner))
        else:
            parts.append(part[1:] if part[0] == "\\" else part)
    return "".join(parts)


@cache
def _shell_token() -> re.Pattern[str]:
    """Match a part of a shell word, or white space (group `space`). A single quote character is one that is not closed."""
    return re.compile(r"""'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.?|<<-?[\t\r ]*+|<|(?P<space>\s++)|[^\s'"\\<]++|['"]""")


def split_words(instruction: Instruction, escape: str) -> list[Span]:
    """Return the indices of the words of an ARG or ENV. Quoted and escaped spaces do not end a word."""
    arguments = instruction.arguments
    pattern = _quoted_word(escape) if '"' in arguments or "'" in arguments or escape in arguments else WORD
    return [word.span() for word in pattern.finditer(instruction.text, instruction.arguments_start, instruction.end)]


def split_flags(instruction: Instruction, escape: str) -> tuple[list[Traced], int]:
    """Return the flags of an instruction (`--from=build`) without quotes and escapes, and the index of the text after them."""
    flags = []
    text, start, end = instruction.text, instruction.arguments_start, instruction.end
    while text.startswith("--", start, end):
        flag_end = next(_flag(escape).finditer(text, start, end)).end()
        following = WORD.search(text, flag_end, end)
        is_terminator = flag_end - start == 2
        if not is_terminator:
            flags.append(_without_quotes(instruction, start, flag_end, escape))
        start = following.start() if following else end
        if is_terminator:
            break
    return flags, start


def _without_quotes(instruction: Instruction, start: int, end: int, escape: str) -> Traced:
    text, frame = instruction.text, instruction.offset(start)
    flag = text[start:end]
    if len(flag) > FLAG_MAX or not (escape in flag or '"' in flag or "'" in flag):
        return instruction.cut(start, end, frame)
    parts, quote, first, index = [], "", start, start
    while index < end:
        char = text[index]
        if char in (escape, quote) or (not quote and char in "'\""):
            parts.append(instruction.cut(first, index, frame))
            first = index + 1
            if char == escape:
                index += 1  # The escaped character is kept, whatever it is.
            else:
                quote = "" if quote else char
        index += 1
    return joined([*parts, instruction.cut(first, end, frame)])


def csv_fields(text: str) -> Iterator[Span]:
    """Yield the indices of the fields of a comma-separated list, without the quotes around them."""
    start = 0
    while start <= len(text):
        quoted = text.startswith('"', start)
        close = text.find('"', start + 1) if quoted else start
        end = text.find(",", close if close >= 0 else start)
        end = len(text) if end < 0 else end
        yield (start + 1, close) if quoted and close > 0 else (start, end)
        start = end + 1


@cache
def _quoted_word(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"""(?:[^\s"'{mark}]++|{mark}.?|"(?:[^"{mark}]++|{mark}.)*+"?|'[^']*+'?)++""")


@cache
def _flag(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"""(?:[^\s"'{mark}]++|{mark}.?|"(?:[^"{mark}]++|{mark}.)*+"?|'(?:[^'{mark}]++|{mark}.)*+'?)++""")
