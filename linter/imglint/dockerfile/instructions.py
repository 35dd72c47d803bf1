"""The text of a Dockerfile cut into instructions, and these into flags and words, as BuildKit cuts them. Imports only traced texts.

Here are the rules about lines: parser directives at the top, comments, blank lines, continuation, and heredocs, whose bodies are no instructions. What
the instructions mean is not known here. The rules are those of BuildKit's Dockerfile parser (github.com/moby/buildkit, frontend/dockerfile/parser).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache

from imglint.traced import Piece, Traced, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Span = tuple[int, int]
    At = Callable[[int], int]

DEFAULT_ESCAPE = "\\"
DIRECTIVES = ("syntax", "escape", "check")
HEREDOC_KEYWORDS = ("RUN", "COPY", "ADD")
WORD = re.compile("[^\t\v\f\r ]+")

INSTRUCTIONS_MAX = 1_000_000
"""Instructions of one Dockerfile; what follows is not read, which is reported."""

FLAG_MAX = 4096
"""Characters; from a longer flag quotes and escapes are not taken off. None that names an image is as long as that."""


class Line:
    """One instruction: its text with all continuation lines joined, which knows where each character stands in the file.

    `keyword` is in upper case; what follows it stands at `start` to `stop` in the text.
    """

    __slots__ = ("_indices", "_offsets", "begin", "keyword", "start", "stop", "text")

    def __init__(self, text: str, indices: list[int], offsets: list[int], begin: int = 0) -> None:
        """Take the joined text, and for each stretch of it the index at which it begins here and its offset in the file."""
        self.text, self._indices, self._offsets = text, indices, offsets
        word = WORD.search(text, begin)
        if word is None:
            self.keyword, self.begin, self.start, self.stop = "", begin, begin, begin
            return
        self.begin, end = word.span()
        self.keyword = word[0].upper()
        self.stop = max(len(text.rstrip()), end)
        following = WORD.search(text, end, self.stop)
        self.start = following.start() if following else self.stop

    def inner(self) -> Line:
        """Return the instruction that follows the keyword of this one, as in ONBUILD."""
        return Line(self.text, self._indices, self._offsets, self.start)

    def offset(self, index: int) -> int:
        """Return where the character at index stands in the file."""
        stretch = bisect_right(self._indices, index) - 1 if len(self._indices) > 1 else 0
        return self._offsets[stretch] + index - self._indices[stretch]

    def span(self, start: int, end: int) -> Span:
        """Return the stretch of the file from the character at start to the one before end."""
        return self.offset(start), (self.offset(end - 1) + 1 if end > start else self.offset(start))

    def cut(self, start: int, end: int, frame: int) -> Traced:
        """Return the characters from start to end as part of the text that begins at the offset frame in the file."""
        pieces = []
        stretch = bisect_right(self._indices, start) - 1
        while start < end:
            after = self._indices[stretch + 1] if stretch + 1 < len(self._indices) else end
            upto = min(after, end)
            at = self._offsets[stretch] + start - self._indices[stretch]
            pieces.append(Piece(self.text[start:upto], ((frame, at, at + upto - start),), True))
            start, stretch = upto, stretch + 1
        return Traced(tuple(pieces))


class Script:
    """What a Dockerfile is made of: instructions, comments that speak to imglint, faults with their messages, and the escape character.

    `unread` is the first instruction of more than are read.
    """

    __slots__ = ("comments", "escape", "faults", "lines", "unread")

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.comments: list[Span] = []
        self.faults: list[tuple[Span, str]] = []
        self.escape = DEFAULT_ESCAPE
        self.unread: Span | None = None


def scan(text: str, at: At) -> Script:
    """Cut the text of a Dockerfile into its instructions.

    `at` tells where in the file the character at an index of the text stands; it is asked once a line.
    """
    script = Script()
    _obey_directives(script, text, at)
    has_comments = "imglint:" in text
    index = 0
    while index < len(text):
        line, index = _next_line(script, text, index, at, has_comments)
        if line is not None and line.keyword:
            if len(script.lines) == INSTRUCTIONS_MAX:
                script.unread = line.span(line.begin, line.start)
                return script
            script.lines.append(line)
            if "<<" in line.text:
                index = _skip_heredocs(script, line, text, index)
    return script


def _next_line(script: Script, text: str, index: int, at: At, has_comments: bool) -> tuple[Line | None, int]:
    """Return the instruction that begins at or after index, None where there is none left, and the index of the line after it."""
    parts: list[str] = []
    indices: list[int] = []
    offsets: list[int] = []
    length, continued = 0, True
    while continued and index < len(text):
        begin, end = index, text.find("\n", index)
        end = len(text) if end < 0 else end
        index = end + 1
        body = text[begin:end].rstrip("\r")
        bare = body.lstrip()
        if not bare:
            continue
        if bare[0] == "#":
            if has_comments and bare[1:].lstrip().startswith("imglint:"):
                start = at(begin) + len(body) - len(bare)
                script.comments.append((start, start + len(bare)))
            continue
        offset = at(begin)
        if not parts:  # Blanks before the first line are no part of it; before the others they are.
            offset += len(body) - len(bare)
            body = bare
        trimmed = body.rstrip(" \t")
        continued = trimmed.endswith(script.escape) and not trimmed.endswith(script.escape * 2)
        parts.append(trimmed[:-1] if continued else body)
        indices.append(length)
        offsets.append(offset)
        length += len(parts[-1])
    return (Line("".join(parts), indices, offsets) if parts else None), index


def _obey_directives(script: Script, text: str, at: At) -> None:
    """Read the parser directives, which stand before anything else, other comments and blank lines included."""
    seen: list[str] = []
    index = 0
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        bare = text[index:end].lstrip()
        found = _directive(bare, "#")
        if found is None:
            return
        name, start = found
        value = bare[start:].rstrip()
        begin = at(index) + end - index - len(bare) + start
        if name in seen:
            script.faults.append(((begin, begin + len(value)), f"the directive {name} can be used only once"))
            return
        if name == "escape" and value not in ("\\", "`"):
            script.faults.append(((begin, begin + len(value)), f"the escape character is \\ or `, not {value}"))
        elif name == "escape":
            script.escape = value
        seen.append(name)
        index = end + 1


def _directive(line: str, prefix: str) -> tuple[str, int] | None:
    """Return the name of the parser directive on a line and the index at which its value starts."""
    left, equals, right = line.partition("=")
    name = left[len(prefix) :].strip().lower()
    if not line.startswith(prefix) or not equals or name not in DIRECTIVES or not right.strip():
        return None
    return name, len(line) - len(right.lstrip())


def frontend(text: str) -> tuple[Span, bool] | None:
    """Return where the image that reads the file is named (`# syntax=`), and whether what follows may be a Dockerfile.

    BuildKit also takes the directive from comments with `//` and from the key `syntax` of a JSON object, after a `#!` line too.
    """
    begin = 0
    if text.startswith("#!"):
        begin = text.find("\n") + 1 or len(text)
    for prefix in ("#", "//"):
        if text.startswith(prefix, begin):
            span = _syntax_directive(text, begin, prefix)
            return (span, prefix == "#") if span else None
    if text.startswith("{", begin) and '"syntax"' in text:
        span = _syntax_key(text, begin)
        return (span, False) if span else None
    return None


def _syntax_directive(text: str, begin: int, prefix: str) -> Span | None:
    while text.startswith(prefix, begin):
        end = text.find("\n", begin)
        line = text[begin:] if end < 0 else text[begin:end]
        found = _directive(line, prefix)
        if found is None:
            return None
        name, start = found
        if name == "syntax":
            return begin + start, begin + start + len(line[start:].rstrip().split(" ")[0])
        begin += len(line) + 1
    return None


def _syntax_key(text: str, begin: int) -> Span | None:
    import json

    try:
        value = json.loads(text[begin:])["syntax"]
    except (ValueError, RecursionError, KeyError):
        return None
    if not isinstance(value, str):
        return None
    written = re.search(rf'"syntax"\s*:\s*"({re.escape(value)})"', text)
    return written.span(1) if written else None


def _skip_heredocs(script: Script, line: Line, text: str, index: int) -> int:
    """Return the index of the line after the bodies of the heredocs that an instruction opens."""
    command = line.inner() if line.keyword == "ONBUILD" else line
    if command.keyword not in HEREDOC_KEYWORDS or _is_exec_form(command):
        return index
    for name, chomp, (start, end) in _heredocs(line.text):
        found = _body_end(text, index, name, chomp)
        if found < 0:
            script.faults.append((line.span(start, end), f"this heredoc does not end: no line says {name} alone"))
            return len(text)
        index = found
    return index


def _body_end(text: str, index: int, name: str, chomp: bool) -> int:
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        line = text[index:end].rstrip("\r")
        index = end + 1
        if (line.lstrip("\t") if chomp else line) == name:
            return index
    return -1


def _is_exec_form(line: Line) -> bool:
    written = line.text[line.start : line.stop]
    if not written.startswith("["):
        return False
    import json

    try:
        return all(isinstance(word, str) for word in json.loads(written))
    except (ValueError, RecursionError):
        return False


def _heredocs(text: str) -> Iterator[tuple[str, bool, Span]]:
    """Yield the name of each heredoc that a line opens, whether tabs before its body are dropped, and where the line says so."""
    words: list[tuple[int, int]] = []
    start = -1
    for token in _shell_token().finditer(text):
        if token[0] in ("'", '"'):
            return  # An open quote: BuildKit takes no heredoc from such a line.
        if token.lastgroup == "space":
            if start >= 0:
                words.append((start, token.start()))
            start = -1
        elif start < 0:
            start = token.start()
    if start >= 0:
        words.append((start, len(text)))
    for begin, end in words:
        word = text[begin:end].lstrip("0123456789")
        if not word.startswith("<<"):
            continue
        chomp = word.startswith("<<-")
        quoted = word[3 if chomp else 2 :].lstrip("\t\r ")
        name = _unquoted(quoted)
        if name and "<" not in quoted:
            yield name, chomp, (begin, end)


def _unquoted(word: str) -> str:
    found = []
    for token in _shell_token().finditer(word):
        part = token[0]
        if part[0] in "'\"":
            inner = part[1:-1]
            found.append(inner if part[0] == "'" else re.sub(r'\\(["$\\])', r"\1", inner))
        else:
            found.append(part[1:] if part[0] == "\\" else part)
    return "".join(found)


@cache
def _shell_token() -> re.Pattern[str]:
    """Match a piece of a shell word; blanks between words are the group `space`. A lone quote is one that nothing closes."""
    return re.compile(r"""'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.?|<<-?[\t\r ]*+|<|(?P<space>\s++)|[^\s'"\\<]++|['"]""")


def words(line: Line, escape: str) -> list[Span]:
    """Return where the words of an ARG or ENV stand in the line; quotes and escapes keep blanks together."""
    written = line.text[line.start : line.stop]
    pattern = _quoted_word(escape) if '"' in written or "'" in written or escape in written else WORD
    return [word.span() for word in pattern.finditer(line.text, line.start, line.stop)]


def flags(line: Line, escape: str) -> tuple[list[Traced], int]:
    """Return the flags of an instruction, such as `--from=build`, without their quotes and escapes, and the index of what follows them."""
    found = []
    at = line.start
    while line.text.startswith("--", at, line.stop):
        word = _flag(escape).match(line.text, at, line.stop)
        end = word.end() if word else line.stop
        following = WORD.search(line.text, end, line.stop)
        if end - at > 2:
            found.append(_bare(line, at, end, escape))
        at, flagged = following.start() if following else line.stop, at
        if end - flagged == 2:  # A lone -- ends them.
            break
    return found, at


def _bare(line: Line, start: int, end: int, escape: str) -> Traced:
    text, frame = line.text, line.offset(start)
    parts, quote, first, at = [], "", start, start
    while at < end <= start + FLAG_MAX:
        if text[at] == escape or text[at] == quote or (not quote and text[at] in "'\""):
            parts.append(line.cut(first, at, frame))
            if text[at] == escape:
                first = at + 1
                at += 1  # Whatever is escaped stays.
            else:
                quote = "" if quote else text[at]
                first = at + 1
        at += 1
    return joined([*parts, line.cut(first, end, frame)]) if parts else line.cut(start, end, frame)


def fields(text: str) -> Iterator[Span]:
    """Yield where the fields of a comma-separated list stand, without the quotes around them."""
    at = 0
    while at <= len(text):
        quoted = text.startswith('"', at)
        close = text.find('"', at + 1) if quoted else at
        end = text.find(",", close if close >= 0 else at)
        end = len(text) if end < 0 else end
        yield (at + 1, close) if quoted and close > 0 else (at, end)
        at = end + 1


@cache
def _quoted_word(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"""(?:[^\s"'{mark}]++|{mark}.?|"(?:[^"{mark}]++|{mark}.)*+"?|'[^']*+'?)++""")


@cache
def _flag(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"""(?:[^\s"'{mark}]++|{mark}.?|"(?:[^"{mark}]++|{mark}.)*+"?|'(?:[^'{mark}]++|{mark}.)*+'?)++""")
