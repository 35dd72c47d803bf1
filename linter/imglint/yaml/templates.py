"""Text that is YAML only after a template engine has rendered it: its comments, and what it may hide. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.traced import joined, unknown
from imglint.yaml.documents import comments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.traced import Traced

INJECTED, INJECTED_BY = "auto", "`auto` stands for the image that Istio injects"
"""The image in the manifest of an Istio gateway, for which a webhook sets that of the proxy."""
_ESCAPE = re.compile(r"\\[xuU\r\n\x85\u2028\u2029]")
_BINARY = re.compile(r"!(?:<|[^\s,\[\]{}]*(?:%[0-9a-fA-F]|binary))")
_CODE = r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
_OPEN = "{{"
_ACTION = r"\{\{(?:[^{}]|[{}](?![{}]))*\}\}|\{%(?:[^%]|%(?!\}))*%\}"
_VARIABLE = r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\$\([^()]*\)|\$[A-Za-z_][A-Za-z0-9_]*"
"""The variables of shells, envsubst, Kubernetes and Tekton."""


def has_template_actions(text: str) -> bool:
    """Return whether a text contains actions of a template engine: `{{` (Go, Jinja and others) or `{%` (Jinja)."""
    return _OPEN in text or "{%" in text


def with_unknown_actions(text: Traced) -> Traced:
    """Return a text in which each action of a template engine is unknown."""
    return with_unknown(text, _ACTION)


def with_unknown_expressions(text: Traced) -> Traced:
    """Return a text in which each action of a template engine and each variable is unknown."""
    return with_unknown(text, f"{_ACTION}|{_VARIABLE}")


def with_unknown(text: Traced, expressions: str) -> Traced:
    """Return a text in which each match of a pattern is unknown."""
    string, parts, at = text.text, [], 0
    for match in re.finditer(expressions, string):
        start, end = match.span()
        frame = text.cut(start, end).pieces[0].frames[0][0]
        parts += [text.cut(at, start), unknown(frame, *text.span(start, end))]
        at = end
    return joined([*parts, text.cut(at, len(string))])


def may_hide_words(text: str) -> bool:
    """Return whether keys and values may contain words that the text does not: by escaped characters or line breaks, or as binary values."""
    # Searching for a single character first, and for each form alone, is many times as fast.
    return (
        ("\\" in text and _ESCAPE.search(text) is not None)
        or ("!" in text and _BINARY.search(text) is not None)
        or ("%" in text and "%TAG" in text)
    )


def unescaped(text: str) -> str:
    """Return a text with the escaped characters and line breaks of double-quoted scalars replaced."""
    text = re.sub(r"\\[ \t]*\r?\n[ \t]*", "", text)
    return re.sub(_CODE, lambda match: _character(match[1][1:]), text)


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number < 0x110000 else ""


def template_comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each YAML comment addressed to imglint, outside the template engine's comments and outside quotes."""
    if "imglint:" not in text:
        return
    for start, end in comments(without_template_comments(text), []):
        line = text.rfind("\n", 0, start) + 1
        if text.count('"', line, start) % 2 == 0:
            yield start, end


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
