"""Text that is YAML only after a template engine has rendered it: its literal images, line by line. Imports the model and the YAML trees."""

from __future__ import annotations

import re

from imglint.model import WORKLOAD, ImageUse, image_use
from imglint.traced import joined, literal, unknown
from imglint.yaml.documents import comments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source
    from imglint.traced import Traced

_LINE = re.compile(
    r"""\n[ \t]*(?:-[ \t]+)*
    (?: (?P<kind>kind)[ \t]*:[ \t]+(?P<word>[A-Za-z]+)[ \t]*(?=\r?(?:\n|\Z))
      | (?P<q>["']?)image(?P=q)[ \t]*:[ \t]+(?P<value>[^\s#][^\r\n]*) )""",
    re.VERBOSE,
)
"""A line with a `kind` or an `image`. It begins with the line break because an anchor would keep `re` from searching for a literal prefix."""
_IMAGE_KEY = re.compile(r"""image["']?[ \t]*:[ \t]""")
"""A part of every image line that `_LINE` matches; searching for it first is much faster."""
"""What every image matched by `_LINE` contains; much faster to search for."""
_ACTION = r"\{\{(?:[^{}]|[{}](?![{}]))*\}\}|\{%(?:[^%]|%(?!\}))*%\}"
_VARIABLE = r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\$\([^()]*\)|\$[A-Za-z_][A-Za-z0-9_]*"
ACTIONS = re.compile(_ACTION)
EXPRESSIONS = re.compile(f"{_ACTION}|{_VARIABLE}")
"""Actions, and the variables of shells, envsubst, Kubernetes and Tekton."""
_OPEN, _CLOSE = "{{", "}}"
_QUOTES = ("'", '"')
_NOT_PLAIN = "|>*&!{[%@`"
"""Characters that begin other values than plain scalars."""


def has_template_actions(text: str) -> bool:
    """Return whether a text contains actions of a template engine: `{{` (Go, Jinja and others) or `{%` (Jinja)."""
    return _OPEN in text or "{%" in text


def with_unknown(text: Traced, expressions: re.Pattern[str]) -> Traced:
    """Return a text in which each of these expressions, which something else replaces by a value, is unknown."""
    string, parts, at = text.text, [], 0
    for match in expressions.finditer(string):
        start, end = match.span()
        frame = text.cut(start, end).pieces[0].frames[0][0]
        parts += [text.cut(at, start), unknown(frame, *text.span(start, end))]
        at = end
    return joined([*parts, text.cut(at, len(string))])


def template_images(source: Source, start: int, end: int) -> Iterator[ImageUse]:
    """Yield the images between two offsets of a template. One that actions provide entirely is skipped."""
    text = source.text[start:end]
    if not _has_image_key(text):
        return
    text = "\n" + without_template_comments(text)
    where = "template"
    for match in _LINE.finditer(text):
        if match["kind"]:
            where = f"{match['word'][:100]} template"
            continue
        value = _scalar_at_start(match["value"])
        value_start = start + match.start("value") - 1 + match["value"].startswith(_QUOTES)
        span = (value_start, value_start + len(value))
        written, unresolved = literal(value, value_start), ""
        if has_template_actions(value):
            if not any(char.isalnum() for char in _outside_actions(value).replace("@sha256:", "")):
                continue
            unresolved = "part of this image is known only after the template is rendered"
            written = with_unknown(written, ACTIONS)
        elif not value.strip():
            continue
        use = image_use(source, written, span, place="template-image", where=where, role=WORKLOAD, unresolved=unresolved)
        if use.problem and unresolved:
            # What looks invalid may be a part of the template that makes no sense on its own.
            use = image_use(source, None, span, place="template-image", where=where, role=WORKLOAD, unresolved=unresolved)
        yield use


def _has_image_key(text: str) -> bool:
    # Searching for the word first is several times as fast as the regular expression alone.
    at = text.find("image")
    while at >= 0:
        if _IMAGE_KEY.match(text, at):
            return True
        at = text.find("image", at + 1)
    return False


def template_comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each YAML comment addressed to imglint, outside the template engine's comments and outside quotes."""
    if "imglint:" not in text:
        return
    for start, end in comments(without_template_comments(text), []):
        line = text.rfind("\n", 0, start) + 1
        if text.count('"', line, start) % 2 == 0:
            yield start, end


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


def without_template_comments(text: str) -> str:
    """Return the text with the comments of Go templates blanked out, so that offsets and lines stay the same."""
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
