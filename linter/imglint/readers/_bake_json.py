"""Bake files in JSON, as the blocks of a file in HCL. Imports the trees of JSON and HCL."""

from __future__ import annotations

import re

from imglint.readers._hcl import Block, Expression, List, Name, Object, Other, Template
from imglint.readers._json import string_at
from imglint.yaml.nodes import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source
    from imglint.traced import Traced
    from imglint.yaml.nodes import Node

KINDS = ("target", "variable")
"""The keys at the top that hold blocks, by their labels."""
_INSERTED = r"\$\$\{|\$\{(?P<name>[ \t]*[^\W\d][\w.-]*[ \t]*)?"


def block_of(source: Source, root: Node) -> Block:
    """Return a JSON file as a block."""
    blocks: list[Block] = []
    attributes: dict[str, Expression] = {}
    for key, value in root.items() if isinstance(root, Mapping) else ():
        if key in KINDS:
            for holder in value.items if isinstance(value, Sequence) else [value]:
                blocks += _blocks(source, key, holder)
        else:
            attributes[key] = expression_of(source, value)
    return Block("", (), attributes, tuple(blocks))


def _blocks(source: Source, kind: str, holder: Node) -> list[Block]:
    return [
        Block(kind, (label,), {name: expression_of(source, value) for name, value in body.items()}, ())
        for label, bodies in (holder.items() if isinstance(holder, Mapping) else ())
        for body in (bodies.items if isinstance(bodies, Sequence) else [bodies])
        if isinstance(body, Mapping)
    ]


def expression_of(source: Source, node: Node) -> Expression:
    """Return a JSON value as an expression. Strings are templates (hashicorp/hcl, json/spec.md)."""
    if isinstance(node, Mapping):
        entries = tuple([(key, expression_of(source, value)) for key, value in node.items()])
        return Object(entries, node.start, node.start)
    if isinstance(node, Sequence):
        return List(tuple([expression_of(source, item) for item in node.items]), node.start, node.start)
    if node.style:
        return Template(tuple(_parts(string_at(source.text[node.start : node.end], node.start))), node.start, node.end)
    return Other(node.value, node.start, node.end)


def _parts(text: Traced) -> list[Traced | Expression]:
    """Return the literal texts and variables of a template. An expression that is more than a name is unknown."""
    written, at = text.text, 0
    parts: list[Traced | Expression] = []
    while insertion := re.compile(_INSERTED).search(written, at):
        start = insertion.start()
        parts.append(text.cut(at, start))
        if insertion[0] == "$${":
            parts.append(text.cut(start + 1, insertion.end()))
            at = insertion.end()
            continue
        name = insertion["name"]
        is_name = name is not None and written.startswith("}", insertion.end())
        end = insertion.end() + 1 if is_name else _end(written, insertion.end())
        span = text.span(start, end)
        parts.append(Name(tuple(name.strip().split(".")), *span) if is_name else Other("", *span))
        at = end
    return [*parts, text.cut(at, len(written))]


def _end(text: str, at: int) -> int:
    """Return the offset after an expression that is open before an offset, or the end of the text if it is not closed."""
    depth = 1
    for brace in re.compile("[{}]").finditer(text, at):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.end()
    return len(text)
