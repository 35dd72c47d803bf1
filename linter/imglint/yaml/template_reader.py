"""The images in a template: on lines of their own, and in all other forms of YAML that do not need the rendered text. Imports the model."""

from __future__ import annotations

import re
from bisect import bisect_right

from imglint.model import UNREAD_FILE, WORKLOAD, ImageUse, Problem, image_use
from imglint.traced import literal
from imglint.yaml.documents import has_odd_breaks
from imglint.yaml.templates import (
    INJECTED,
    INJECTED_BY,
    has_template_actions,
    may_hide_words,
    unescaped,
    with_unknown_actions,
    without_template_comments,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source

_KEY = re.compile(r"""image["']?(?:(?P<colon>\s*:(?=[\s"'\[{]|\Z))|(?=[ \t]*(?:[\n#,\]}]|\Z)))""")
"""The word `image` as a key, or as a whole scalar."""
_APART = re.compile(r"""(?:\?[ \t]+(?:[&!]\S*[ \t]+)*|&\S+[ \t]+(?:!\S*[ \t]+)?)["']?\Z""")
"""What precedes a key apart from its colon, or a value with an anchor, which an alias can use as a key."""
_KIND = re.compile(r"kind[ \t]*:[ \t]+([A-Za-z]+)[ \t]*(?=\r?(?:\n|\Z))")
_IMAGE = re.compile(r"""image(?P<quote>["']?)[ \t]*:[ \t]+(?P<value>[^\s#][^\r\n]*)""")
_INDENTATION = re.compile(r"[ \t]*(?:-[ \t]+)*")
"""What precedes a key on a line of its own. The patterns begin with literals because `re` searches for these quickly."""
_ESCAPED_KEY = r'(?s)"((?:[^"\\\n]|\\(?:\r\n|.|\n))*)"[ \t\n]*:'
_BINARY_KEY = "aW1hZ2U"
"""The word `image` in base64."""
_BEFORE_KEY = r"""(?:^[ \t]*(?:-[ \t]+)*|[{,\[][ \t]*|\}\}[ \t]*|%\}[ \t]*|\?[ \t]+|[&!][^\s]*[ \t]+)["']?\Z"""
_REFERENCE_KEY = r"""(?<![\w.$/-])(reference)["']?[ \t]*:(?=[\s"']|\Z)"""
_PROPERTIES = (
    r"(?:\s++|[#](?<=\s#)[^\n]*+|[&!][^\s,{}\[\]]*+(?=\s)|\{\{-?[ ]*(?:if|else|with|range|end)\b[^\n]*?\}\}(?=[ \t]*\n))*+"
)
"""What may precede a value: white space, comments, tags, anchors, and control actions on lines of their own."""
_NEXT_KEY = r"""["']?[\w.$/-]+["']?[ \t]*:(?:\s|\Z)"""
_FLOW = r"[{\[]"
_QUOTED = r""""[^"\n]*"|'[^'\n]*'"""
_COMMENT = r"(?:\A|[ \t])#"
_ONE_LINE_BLOCK = r"[|>][-+0-9]*[ \t]*(?:#[^\n]*)?\n(?:[ \t]*\n)*([ ]*)(\S[^\n]*)"
_NEXT_LINE = r"(?:\s*\n)?([ ]*)[^\s{]"
_END = re.compile(r"\{\{-?[ ]*end[ ]*-?\}\}\s*\Z")
_OPENING = re.compile(r"\{\{-?[ ]*(?:if|with|range)\b")
_STRING = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_LITERAL_ACTION = r'\{\{-?\s*\(?\s*("[^"\\\n]*"|`[^`]*`)\s*\)?\s*(?:\|\s*(?:quote|squote|trim|toString|nospace)\s*)*-?\}\}'
_DEFAULT = r'\bdefault[ ]+"([^"\\\s%]+[/:][^"\\\s%]*)"'
"""The image that an action falls back to."""
_NOT_CONSTANT = r"[.$]|\b(?:include|template|tpl|end|else|if|range|with|lookup|required|fail)\b"
_ACTION = r"\{\{.*?\}\}"
_CONTENT = r"\n([ ]*)[^\s#{]"
_ANCHOR = r"&([^\s,\[\]{}]+)[ \t]+(?=\S)"
_ANCHOR_NAME = r"[^\s,\[\]{}]+"
NEAR = 1024
"""Characters around a key that are searched for its value."""
_OPEN, _CLOSE = "{{", "}}"
_QUOTES = ("'", '"')
_NOT_PLAIN = "|>*&!{[%@`"
"""Characters that begin other values than plain scalars."""


def template_images(source: Source, start: int, end: int) -> Iterator[ImageUse | Problem]:
    """Yield the images between two offsets of a template.

    An image that actions provide in part is unresolved. One that they provide entirely is skipped, unless they consist of literals. One that cannot
    be read before the template is rendered is a Problem.
    """
    text = source.text[start:end]
    hidden = may_hide_words(text)
    if not hidden and ("image" not in text or not _has_key(text)):
        return
    reader = _TemplateReader(source, "\n" + _with_line_feeds(without_template_comments(text)), start - 1)
    yield from reader.lines()
    yield from reader.others(hidden)


class _TemplateReader:
    """Reads one template: first the usual lines, then whatever else can name an image. `base` is the offset of the text in the file."""

    def __init__(self, source: Source, text: str, base: int) -> None:
        self.source, self.text, self.base = source, text, base
        self._read: set[int] = set()
        self._anchors: dict[str, list[int]] | None = None
        self._kinds: list[tuple[int, str]] = [(0, "template")]

    def lines(self) -> Iterator[ImageUse]:
        """Yield the images on lines of their own: `image: nginx:1.27`."""
        for match in _KIND.finditer(self.text):
            if self._is_first(match.start(), ""):
                self._kinds.append((match.start(), f"{match[1][:100]} template"))
        for match in _IMAGE.finditer(self.text):
            value = match["value"]
            if not self._is_first(match.start(), match["quote"]) or (value[0] in _NOT_PLAIN and not value.startswith(_OPEN)):
                continue
            quoted, scalar = value[0] in _QUOTES, _scalar_at_start(value)
            if quoted and not scalar and value[1:2] != value[0]:
                continue
            self._read.add(match.start())
            yield from self._image(scalar, match.start("value") + quoted)

    def _is_first(self, at: int, quote: str) -> bool:
        """Return whether a key at an offset, after this quote, is the first on its line."""
        at -= len(quote)
        line = self.text.rfind("\n", max(at - NEAR, 0), at) + 1
        if not line or not self.text.startswith(quote, at):
            return False
        return line == at or _INDENTATION.fullmatch(self.text, line, at) is not None

    def others(self, hidden: bool) -> Iterator[ImageUse | Problem]:
        """Yield the images of the other keys `image`; `hidden` is whether keys may have escapes or be binary."""
        keys = []
        for match in _KEY.finditer(self.text):
            if match["colon"]:
                keys.append((match.start(), match.end()))
            elif _is_apart(self.text, match.start()) and self._is_key(match.start()):
                yield self._problem(match.start())
        if hidden:
            escaped = [match for match in re.compile(_ESCAPED_KEY).finditer(self.text) if unescaped(match[1]) == "image"]
            keys += [(match.start(1), match.end()) for match in escaped]
            for match in re.compile(_BINARY_KEY).finditer(self.text):
                yield self._problem(match.start())
        for at, end in sorted(keys):
            if at in self._read:
                continue
            if self._is_key(at):
                yield from self._value(at, end)
            elif at - self.text.rfind("\n", max(at - NEAR, 0), at) > NEAR:
                yield self._problem(at)
                return

    def _is_key(self, at: int) -> bool:
        """Return whether a key may begin at an offset, neither in a comment nor in an action."""
        low = max(at - NEAR, 0)
        before = self.text[max(self.text.rfind("\n", low, at) + 1, low) : at]
        if not re.compile(_BEFORE_KEY).search(before) or self.text.rfind(_OPEN, low, at) > self.text.rfind(_CLOSE, low, at):
            return False
        return not re.compile(_COMMENT).search(re.compile(_QUOTED).sub("", before))

    def _rest_of_line(self, at: int) -> str:
        end = self.text.find("\n", at, at + NEAR)
        return self.text[at : end if end >= 0 else at + NEAR]

    def _value(self, key: int, at: int) -> Iterator[ImageUse | Problem]:
        """Yield the image that is the value of a key, if the value is a scalar. `at` is the offset after the colon."""
        line = self.text.rfind("\n", max(key - NEAR, 0), key) + 1
        properties = re.compile(_PROPERTIES).match(self.text, at, at + NEAR)
        assert properties is not None
        start = properties.end()
        if _may_be_binary(properties[0]) or not line or start == at + NEAR:
            yield self._problem(key)
            return
        flow = re.compile(_FLOW).search(re.compile(_QUOTED).sub("", re.compile(_ACTION).sub("", self.text[line:key]))) is not None
        first, rest = self.text[start : start + 1], self._rest_of_line(start)
        on_next_line = "\n" in properties[0]
        is_deeper = start - self.text.rfind("\n", at, start) > key - line + 1
        # Between brackets, indentation means nothing.
        if on_next_line and not is_deeper and (first in ("", "-", "?", "{", "}") or re.compile(_NEXT_KEY).match(rest)):
            return
        if first == "*":
            yield from self._alias(key, start, rest)
        elif first in ("|", ">"):
            yield from self._block(key, start)
        elif first in ("[", "{") and not rest.startswith(_OPEN):
            yield from self._reference(start, self.text.find("}", start, start + NEAR))
        elif first in _QUOTES:
            end = _find_outside_actions(rest, first, 1)
            if end < 0:
                yield self._problem(key)
            elif not (on_next_line and rest[end + 1 : end + 2] == ":"):
                yield from self._image(rest[1:end], start + 1)
        elif rest and (first not in "-#%@`}]," or (first == "-" and rest[1:2].strip())):
            if on_next_line and re.compile(_NEXT_KEY).match(rest):
                yield from self._reference(start, self._block_end(key - line, start))
                return
            if flow:
                ends = [found for mark in ",}" if (found := _find_outside_actions(rest, mark)) >= 0]
                rest = rest[: min(ends)] if ends else rest
            yield from self._image(_scalar_at_start(rest), start)

    def _block_end(self, column: int, at: int) -> int:
        """Return the offset of the first line after `at` that does not belong to a block under a key in a column."""
        for match in re.compile(_CONTENT).finditer(self.text, at, at + NEAR):
            if len(match[1]) <= column:
                return match.start()
        return at + NEAR

    def _reference(self, start: int, end: int) -> Iterator[ImageUse | Problem]:
        """Yield the image of an image volume: `image: {reference: nginx:1.27}`."""
        match = re.compile(_REFERENCE_KEY).search(self.text, start, max(end, start))
        if match and self._is_key(match.start(1)):
            yield from self._value(match.start(1), match.end())

    def _alias(self, key: int, at: int, rest: str) -> Iterator[ImageUse | Problem]:
        """Yield the image that an alias stands for, which is a scalar on one line."""
        if self._anchors is None:
            self._anchors = {}
            for match in re.compile(_ANCHOR).finditer(self.text):
                self._anchors.setdefault(match[1], []).append(match.end())
        name = re.compile(_ANCHOR_NAME).match(rest, 1)
        ends = self._anchors.get(name[0], []) if name else []
        index = bisect_right(ends, at) - 1
        if index < 0 or self.text[ends[index]] in _NOT_PLAIN + "\"'#&":
            yield self._problem(key)
            return
        yield from self._image(_scalar_at_start(self._rest_of_line(ends[index])), ends[index])

    def _block(self, key: int, at: int) -> Iterator[ImageUse | Problem]:
        """Yield the image in a block scalar of one line."""
        match = re.compile(_ONE_LINE_BLOCK).match(self.text, at, at + NEAR)
        if match is None:
            yield self._problem(key)
            return
        following = re.compile(_NEXT_LINE).match(self.text, match.end())
        if following and len(following[1]) >= len(match[1]):
            yield self._problem(key)
            return
        yield from self._image(match[2].rstrip(), match.start(2))

    def _image(self, value: str, at: int) -> Iterator[ImageUse]:
        """Yield the image in a scalar at an offset."""
        if _CLOSE in value and not _OPENING.search(value):
            value = _END.sub("", value)
        unresolved = ""
        if has_template_actions(value):
            if not any(char.isalnum() for char in _outside_actions(value).replace("@sha256:", "")):
                constant = _constant(value)
                if constant is None:
                    return
                value, start = constant
                at += start
            if has_template_actions(value):
                unresolved = "part of this image is known only after the template is rendered"
        elif not value.strip():
            return
        elif value == INJECTED:
            unresolved = INJECTED_BY
        at += self.base
        text, span = literal(value, at), (at, at + len(value))
        where = self._kinds[bisect_right(self._kinds, (at - self.base, "")) - 1][1]
        if unresolved:
            text = with_unknown_actions(text)
        written = None if unresolved == INJECTED_BY else text
        use = image_use(self.source, written, span, place="template-image", where=where, role=WORKLOAD, unresolved=unresolved)
        if use.problem and unresolved:
            # What looks invalid may be a part of the template that makes no sense on its own.
            use = image_use(self.source, None, span, place="template-image", where=where, role=WORKLOAD, unresolved=unresolved)
        yield use

    def _problem(self, at: int) -> Problem:
        message = "this image can be read only after the template is rendered; write `image: name:tag` on one line"
        return Problem(self.source, (self.base + at, self.base + at), message, UNREAD_FILE)


def _may_be_binary(properties: str) -> bool:
    return "!" in properties and re.search(r"!<|![^\s]*(?:%|binary)|![\w-]+!", properties) is not None


def _constant(value: str) -> tuple[str, int] | None:
    """Return the literal that actions yield or fall back to, with its offset; the actions if they compute a text from literals; else None."""
    if '"' not in value and "`" not in value:
        return None
    literal_action = re.compile(_LITERAL_ACTION).fullmatch(value)
    if literal_action:
        text = literal_action[1][1:-1]
        return (text, literal_action.start(1) + 1) if text.strip() else None
    default = re.compile(_DEFAULT).search(value)
    if default:
        return default[1], default.start(1)
    return (value, 0) if re.compile(_NOT_CONSTANT).search(re.compile(_STRING).sub("", value)) is None else None


def _scalar_at_start(rest: str) -> str:
    """Return the scalar that the rest of a line begins with, without quotes; empty if its value is not a scalar on this line."""
    if rest.startswith(_QUOTES):
        end = _find_outside_actions(rest, rest[0], 1)
        return rest[1:end] if end > 0 else ""
    if rest[0] in _NOT_PLAIN and not rest.startswith(_OPEN):
        return ""
    end = _find_outside_actions(rest, " #")
    return (rest if end < 0 else rest[:end]).rstrip()


def _find_outside_actions(text: str, wanted: str, at: int = 0) -> int:
    """Return the offset of `wanted` outside template actions, or -1."""
    found = text.find(wanted, at)
    while found >= 0:
        opened = text.find(_OPEN, at, found)
        if opened < 0:
            return found
        closed = text.find(_CLOSE, opened)
        if closed < 0:
            return -1
        at = closed + 2
        if found < at:
            found = text.find(wanted, at)
    return -1


def _outside_actions(value: str) -> str:
    kept, at = [], 0
    while (opened := value.find(_OPEN, at)) >= 0:
        kept.append(value[at:opened])
        closed = value.find(_CLOSE, opened)
        at = len(value) if closed < 0 else closed + 2
    return "".join(kept) + value[at:]


def _with_line_feeds(text: str) -> str:
    """Return the text with a line feed for each character that ends a line in YAML, except for CR LF."""
    if has_odd_breaks(text):
        return re.sub("\r(?!\n)|[\x85\u2028\u2029]", "\n", text)
    return text


def _has_key(text: str) -> bool:
    return any(match["colon"] or _is_apart(text, match.start()) for match in _KEY.finditer(text))


def _is_apart(text: str, at: int) -> bool:
    return _APART.search(text, max(at - 100, 0), at) is not None
