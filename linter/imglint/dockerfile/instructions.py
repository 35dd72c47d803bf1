"""Split a Dockerfile into instructions, and instructions into flags and words.

The rules for directives, comments, continuation lines and heredocs follow BuildKit's parser (github.com/moby/buildkit, frontend/dockerfile/parser).
`stages` interprets the instructions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache

from imglint.dockerfile.spaces import REGEXP_SPACE, SPACE, WORD, field, space_bytes
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

LATEST_RELEASE = 99
"""The latest release of BuildKit: the minor version, so 13 is v0.13. The numbers below are those of releases that changed what a file means."""
CHECK_SINCE = 14
"""The directive `# check=`. It ends the directives of earlier releases."""
EXEC_FORM_SINCE = 15
"""Text after the list makes an exec form a shell form."""
DIRECTIVE_SPACE_SINCE = 19
"""White space other than that of regular expressions between `#` and the name of a directive."""
FLAG_ESCAPE_SINCE = 21
"""The escape character of the file in flags, in place of a backslash."""

INSTRUCTIONS_MAX = 250_000
"""Instructions of one Dockerfile, each with its continuation lines. Reading stops there and the file is reported."""

LINE_MAX = 65_535
"""Bytes of a line, without its line feed. BuildKit rejects longer lines. Reading stops there and the file is reported."""

FLAG_MAX = 4096
"""Characters of a flag with quotes or escapes. No image name is that long."""


class Instruction:
    """An instruction, with all continuation lines joined.

    `start` and `end` are its indices in `text`; its arguments, including flags, start at `arguments_start`. `keyword` is in upper case. `next_line` is
    the offset in the file of the line after it and its heredocs, beyond the end of the file if there is none; -1 if the line would continue it.
    """

    __slots__ = ("_indices", "_offsets", "arguments_start", "end", "flags_start", "keyword", "next_line", "start", "text")

    def __init__(self, text: str, indices: list[int], offsets: list[int], start: int = 0) -> None:
        """Take the joined text and, for each line of it, its index in the text and its offset in the file."""
        self.text, self._indices, self._offsets = text, indices, offsets
        self.next_line = -1
        self.end = end = max(len(text.rstrip(SPACE)), start) if text[-1:] in SPACE else len(text)
        while start < end and text[start] in SPACE:
            start += 1
        self.start = start
        word = WORD.match(text, start, end)
        if word is None:
            self.keyword, self.flags_start, self.arguments_start = "", start, start
            return
        keyword = word[0]
        self.keyword = keyword.upper() if keyword.isascii() else _upper(keyword)
        following = WORD.search(text, word.end(), end)
        self.flags_start = start = following.start() if following else end
        while start < end and text[start] in SPACE:
            start += 1
        self.arguments_start = start

    @property
    def arguments(self) -> str:
        """The text after the keyword."""
        return self.text[self.arguments_start : self.end]

    def part(self, start: int) -> Instruction:
        """Return the instruction that starts at an index of this one, as in ONBUILD."""
        return Instruction(self.text, self._indices, self._offsets, start)

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

    `unread` is the span of the first text that was not read because of a limit, and the message; or None. `release` is the release of BuildKit,
    `changes` are the releases that changed how this file is read.
    """

    __slots__ = ("changes", "comments", "errors", "escape", "instructions", "lines_left", "release", "unread")

    def __init__(self, release: int = LATEST_RELEASE) -> None:
        self.instructions: list[Instruction] = []
        self.comments: list[Span] = []
        self.errors: list[tuple[Span, str]] = []
        self.escape = DEFAULT_ESCAPE
        self.unread: tuple[Span, str] | None = None
        self.release = release
        self.lines_left = INSTRUCTIONS_MAX
        self.changes: set[int] = set()

    @property
    def flag_escape(self) -> str:
        """The escape character in flags."""
        return self.escape if self.release >= FLAG_ESCAPE_SINCE else DEFAULT_ESCAPE


def parse_dockerfile(text: str, release: int = LATEST_RELEASE) -> ParsedDockerfile:
    """Split the text of a Dockerfile into instructions, as a release of BuildKit does."""
    parsed = ParsedDockerfile(release)
    _read_directives(parsed, text)
    long_line = _long_line(text)
    if long_line >= 0:
        parsed.unread = (long_line, long_line), f"line has more than {LINE_MAX} bytes, BuildKit's limit; the rest was not read"
        text = text[:long_line]
    has_comments = "imglint:" in text
    index = 0
    while index < len(text):
        instruction, index = _next_instruction(parsed, text, index, has_comments)
        if instruction is None:
            continue
        if parsed.lines_left < 0:
            message = (
                f"more than {INSTRUCTIONS_MAX} instructions and continuation lines in this Dockerfile; the rest was not read"
            )
            parsed.unread = instruction.span(instruction.start, instruction.arguments_start), message
            return parsed
        if instruction.keyword:
            parsed.instructions.append(instruction)
            if _escapes_flags(parsed, instruction):
                parsed.changes.add(FLAG_ESCAPE_SINCE)
            if "<<" in instruction.text:
                index = _skip_heredocs(parsed, instruction, text, index)
                instruction.next_line = -1 if parsed.errors or parsed.unread else index
    return parsed


def _escapes_flags(parsed: ParsedDockerfile, instruction: Instruction) -> bool:
    """Whether flags can depend on the escape character of the file."""
    text = instruction.text
    return parsed.escape != DEFAULT_ESCAPE and "--" in text and (parsed.escape in text or DEFAULT_ESCAPE in text)


def _long_line(text: str) -> int:
    """Return the index of the first line over LINE_MAX, or -1."""
    index = 0
    while len(text) - index > LINE_MAX // 4:
        # Lines that are short enough in any encoding need not be looked at one by one.
        end = text.rfind("\n", index, index + LINE_MAX // 4)
        if end < 0:
            end = text.find("\n", index)
            end = len(text) if end < 0 else end
            if end - index > LINE_MAX or len(text[index:end].encode("utf-8", "surrogatepass")) > LINE_MAX:
                return index
        index = end + 1
    return -1


def _next_instruction(parsed: ParsedDockerfile, text: str, index: int, has_comments: bool) -> tuple[Instruction | None, int]:
    """Return the first instruction at or after index, or None, and the index of the line after it."""
    parts: list[str] = []
    indices: list[int] = []
    offsets: list[int] = []
    length, continued, escape = 0, True, parsed.escape
    while continued and index < len(text):
        start, end = index, text.find("\n", index)
        end = len(text) if end < 0 else end
        index = end + 1
        line = text[start:end].rstrip("\r")
        stripped = line.lstrip(SPACE) if line[:1] in SPACE else line
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
        continued = trimmed.endswith(escape) and not trimmed.endswith(escape * 2)
        parts.append(trimmed[:-1] if continued else line)
        indices.append(length)
        offsets.append(start)
        length += len(parts[-1])
        if len(parts) > parsed.lines_left:
            break
    parsed.lines_left -= len(parts)
    if not parts:
        return None, index
    instruction = Instruction("".join(parts), indices, offsets)
    if not continued:
        instruction.next_line = index
    return instruction, index


def _read_directives(parsed: ParsedDockerfile, text: str) -> None:
    """Read the parser directives. Any other line ends them, including comments and blank lines."""
    seen: list[str] = []
    index = 0
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        line = text[index:end].rstrip("\r")
        stripped = line.lstrip(SPACE)
        found = _directive(stripped, "#")
        if found is None:
            return
        name, first, last = found
        if stripped[1:].lstrip(REGEXP_SPACE)[0] in SPACE:
            parsed.changes.add(DIRECTIVE_SPACE_SINCE)
            if parsed.release < DIRECTIVE_SPACE_SINCE:
                return
        if name == "check":
            parsed.changes.add(CHECK_SINCE)
            if parsed.release < CHECK_SINCE:
                return
        start = index + len(line) - len(stripped)
        span, value = (start + first, start + last), stripped[first:last]
        if name in seen:
            parsed.errors.append((span, f"duplicate parser directive `{name}`; remove one of them"))
            return
        if name == "escape" and value not in ("\\", "`"):
            parsed.errors.append((span, f"invalid escape character {clipped(value)}; use \\ or `"))
        elif name == "escape":
            parsed.escape = value
        seen.append(name)
        index = end + 1


def _directive(line: str, prefix: str) -> tuple[str, int, int] | None:
    """Return the name of the parser directive on a line, and the indices of its value."""
    if not line.startswith(prefix):
        return None
    left, equals, right = line.partition("=")
    name = left[len(prefix) :].lstrip(SPACE).rstrip(REGEXP_SPACE)
    if not equals or not right or not name.isascii() or name.lower() not in DIRECTIVES:
        return None
    value = right.strip(REGEXP_SPACE)
    if not value:  # The value of `# escape= ` is the last space.
        return name.lower(), len(line) - 1, len(line)
    first = len(line) - len(right.lstrip(REGEXP_SPACE))
    return name.lower(), first, first + len(value)


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
        found = _directive(line.removesuffix("\r"), prefix)
        if found is None:
            return None
        name, first, last = found
        if name == "syntax":
            return start + first, start + first + len(line[first:last].split(" ")[0])
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
    command = instruction
    if instruction.keyword == "ONBUILD":
        command = instruction.part(operands_start(instruction, parsed.flag_escape))
    if command.keyword not in HEREDOC_KEYWORDS or _is_exec_form(parsed, command):
        return index
    from imglint.dockerfile.heredocs import InvalidHeredoc, OverLexerLimit, find_heredocs

    try:
        heredocs = find_heredocs(instruction.text, parsed.release, parsed.changes.add)
    except InvalidHeredoc as error:
        parsed.errors.append((instruction.span(error.start, error.end), "invalid name of a heredoc"))
        return len(text)
    except OverLexerLimit as error:
        parsed.unread = instruction.span(instruction.start, instruction.arguments_start), f"{error}; the rest was not read"
        return len(text)
    for name, strips_tabs, (start, end) in heredocs:
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


def _is_exec_form(parsed: ParsedDockerfile, instruction: Instruction) -> bool:
    start = operands_start(instruction, parsed.flag_escape)
    if not instruction.text.startswith("[", start, instruction.end):
        return False
    import json

    arguments = instruction.text[start : instruction.end]
    try:
        words, end = json.JSONDecoder().raw_decode(arguments)
    except (ValueError, RecursionError):
        return False
    if arguments[end:].strip(" \t\r\n"):
        parsed.changes.add(EXEC_FORM_SINCE)
        if parsed.release >= EXEC_FORM_SINCE:
            return False
    return all(isinstance(word, str) for word in words)


def split_words(instruction: Instruction, escape: str) -> list[Span]:
    """Return the indices of the words of an ARG or ENV. Quoted and escaped spaces do not end a word."""
    arguments = instruction.arguments
    pattern = _quoted_word(escape) if '"' in arguments or "'" in arguments or escape in arguments else field()
    return [word.span() for word in pattern.finditer(instruction.text, operands_start(instruction, escape), instruction.end)]


def operands_start(instruction: Instruction, escape: str) -> int:
    """Return the index of the text after the flags of an instruction."""
    return (
        split_flags(instruction, escape)[1]
        if instruction.text.startswith("--", instruction.flags_start)
        else instruction.arguments_start
    )


def split_flags(instruction: Instruction, escape: str) -> tuple[list[Flag], int]:
    """Return the flags of an instruction (`--from=build`) without quotes and escapes, and the index of the text after them."""
    flags: list[Flag] = []
    text, start, end = instruction.text, instruction.flags_start, instruction.end
    if not text.startswith("--", start, end):
        return flags, instruction.arguments_start
    pattern = _flag(escape)
    while text.startswith("--", start, end):
        flag_end, follows = start, True
        while (part := pattern.match(text, flag_end, end)) is not None:
            flag_end = part.end()
            if flag_end == end or text[flag_end].isascii():
                break
            flag_end += 1
            ends = space_bytes(text[flag_end - 1])
            if ends is not None:
                follows = ends
                break
        first = start
        start = flag_end
        if not follows:
            # The rest of the character belongs to the operands. With it, no operand is valid.
            start -= 1
        while start < end and follows and text[start] in "\t\n\v\f\r ":
            start += 1
        flag = _without_quotes(instruction, first, flag_end, escape)
        if flag is not None and len(flag.pieces) < 3 and flag.text == "--":
            break
        flags.append(Flag((first, flag_end), flag))
        if not follows:
            break
    while start < end and text[start] in SPACE:
        start += 1
    return flags, start


def _without_quotes(instruction: Instruction, start: int, end: int, escape: str) -> Traced | None:
    text, frame = instruction.text, instruction.offset(start)
    flag = text[start:end]
    if not (escape in flag or '"' in flag or "'" in flag):
        return instruction.cut(start, end, frame)
    if len(flag) > FLAG_MAX:
        return None
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


@record
class Flag:
    """A flag: its indices in the text of the instruction, and its value without quotes and escapes, or None if it is over FLAG_MAX."""

    indices: Span
    value: Traced | None


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
    return re.compile(rf"""(?:[^{SPACE}"'{mark}]++|{mark}.?|"(?:[^"{mark}]++|{mark}.)*+"?|'[^']*+'?)++""")


@cache
def _flag(escape: str) -> re.Pattern[str]:
    """Match a part of a flag, up to a character that is not ASCII."""
    mark = re.escape(escape)
    special = "\t\n\v\f\r \"'" + escape
    # The class names what it holds: `re` compiles a negated range up to U+10FFFF ten times slower.
    plain = "[" + "".join([re.escape(chr(code)) for code in range(128) if chr(code) not in special]) + "]"
    return re.compile(
        rf"""(?:{plain}++|{mark}[\x00-\x7f]?|"(?:[^"{mark}]++|{mark}.)*+(?:{mark}|"|\Z)|'(?:[^'{mark}]++|{mark}.)*+(?:{mark}|'|\Z))*+"""
    )


def _upper(word: str) -> str:
    """Return a keyword in upper case. Go folds two characters to ASCII letters that Python does not, and the other way round."""
    return "".join([char.upper() if char.isascii() else {"\u0130": "I", "\u212a": "K"}.get(char, char) for char in word])
