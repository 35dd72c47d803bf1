"""Text that becomes YAML when a template engine has rendered it: its literal images, line by line. Imports the model and the YAML trees."""

from __future__ import annotations

import re

from imglint.model import ImageUse, image_use
from imglint.traced import literal
from imglint.yaml.documents import comments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source

_LINE = re.compile(
    r"""\n[ \t]*(?:-[ \t]+)*
    (?: (?P<kind>kind)[ \t]*:[ \t]+(?P<word>[A-Za-z]+)[ \t]*(?=\r?(?:\n|\Z))
      | (?P<q>["']?)image(?P=q)[ \t]*:[ \t]+(?P<value>[^\s#][^\r\n]*) )""",
    re.VERBOSE,
)
"""What a line says, with the break before it: an expression that begins with a character is found much faster than one that begins with a place."""
_IMAGE_KEY = re.compile(r"""image["']?[ \t]*:[ \t]""")
"""What `_LINE` cannot match without, found much faster."""
_ENDS = {'"': '"', "'": "'"}
_OPEN, _CLOSE = "{{", "}}"
_NO_PLAIN_SCALAR = "|>*&!{[%@`"


def is_template(text: str) -> bool:
    """Whether a text holds actions of a template engine (Go, Jinja and their like)."""
    return _OPEN in text or "{%" in text


def images(source: Source, start: int, end: int) -> Iterator[ImageUse]:
    """Yield the literal images between two offsets. One that an action gives wholly is none, one that it gives partly is unresolved."""
    text = source.text[start:end]
    if not _may_have_images(text):
        return
    text = "\n" + without_comments(text)
    where = "template"
    for match in _LINE.finditer(text):
        if match["kind"]:
            where = f"{match['word'][:100]} template"
            continue
        value = _value(match["value"])
        low = start + match.start("value") - 1 + (match["value"][0] in _ENDS)
        span = (low, low + len(value))
        if _OPEN not in value and "{%" not in value:
            if value.strip():
                yield image_use(source, literal(value, low), span, place="template-image", where=where, role="workload")
        elif any(char.isalnum() for char in _outside_actions(value).replace("@sha256:", "")):
            yield image_use(
                source,
                None,
                span,
                place="template-image",
                where=where,
                role="workload",
                unresolved="a part of this is known only when the template is rendered",
            )


def _may_have_images(text: str) -> bool:
    # Looking for the word first is several times as fast as the expression, and templates are full of it.
    at = text.find("image")
    while at >= 0:
        if _IMAGE_KEY.match(text, at):
            return True
        at = text.find("image", at + 1)
    return False


def comment_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each YAML comment that speaks to imglint, outside of the engine's comments and of quotes."""
    if "imglint:" not in text:
        return
    for start, end in comments(without_comments(text), []):
        line = text.rfind("\n", 0, start) + 1
        if text.count('"', line, start) % 2 == 0:
            yield start, end


def _value(rest: str) -> str:
    """Return the scalar that a line's rest starts with, without its quotes; '' where it is none that a line can hold."""
    closing = _ENDS.get(rest[0])
    if closing:
        end = _end_of_quoted(rest, closing)
        return rest[1:end] if end > 0 else ""
    if rest[0] in _NO_PLAIN_SCALAR and not rest.startswith(_OPEN):
        return ""
    end = _outside(rest, " #")
    return (rest if end < 0 else rest[:end]).rstrip()


def _end_of_quoted(rest: str, closing: str) -> int:
    return _outside(rest, closing, 1)


def _outside(text: str, wanted: str, at: int = 0) -> int:
    """Return the offset of `wanted` outside of actions, -1 where it does not stand there."""
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


def without_comments(text: str) -> str:
    """Blank out the comments of Go templates, keeping offsets and lines."""
    if "/*" not in text:
        return text
    kept, at = [], 0
    while (opened := text.find("{{", at)) >= 0:
        body = opened + 2 + (text[opened + 2 : opened + 3] == "-")
        body += len(text[body : body + 8]) - len(text[body : body + 8].lstrip())
        if not text.startswith("/*", body):
            kept.append(text[at:body])
            at = body
            continue
        closed = text.find("*/", body)
        end = len(text) if closed < 0 else closed + 2
        kept.append(text[at:opened])
        kept.append("".join([char if char == "\n" else " " for char in text[opened:end]]))
        at = end
    return "".join(kept) + text[at:]
