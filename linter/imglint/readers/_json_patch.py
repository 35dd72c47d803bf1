"""JSON patches (RFC 6902), in YAML or JSON: lists of operations on a manifest. Imports the YAML trees."""

from __future__ import annotations

import re

from imglint.yaml.documents import InvalidYaml, parse_document, split
from imglint.yaml.nodes import Mapping, Scalar, Sequence
from imglint.yaml.templates import may_hide_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.yaml.nodes import Node

CHANGES = ("add", "replace")
"""The operations that set a value."""
OPERATIONS = (*CHANGES, "remove", "test", "copy", "move")
POINTER_SIZE = 1024
SEGMENTS = 32
"""Characters and segments at the end of a path that are read. What is further out does not change what an image is."""

_OP = r"(?<![\w.-])op(?![\w.-])"
_PATH = r"(?<![\w.-])path(?![\w.-])"
_OPERATION = rf"""{_OP}["']?[ \t]*:\s*["']?(?:{"|".join(OPERATIONS)})\b"""
_POINTER = rf"""{_PATH}["']?[ \t]*:\s*["']?/"""


def is_json_patch(text: str) -> bool:
    """Return whether a file that begins as a list is a JSON patch; if it is broken, by its text."""
    if not (re.search(_OP, text) and re.search(_PATH, text)) and not may_hide_words(text):
        return False
    if len(list(split(text))) > 1:
        return False
    try:
        root = parse_document(text)
    except InvalidYaml:
        return re.search(_OPERATION, text) is not None and re.search(_POINTER, text) is not None
    items = root.items if isinstance(root, Sequence) else []
    return any(isinstance(item, Mapping) and item.text("op") in OPERATIONS and "path" in item for item in items)


def parts_of(patch: Sequence, default: str = "") -> list[Mapping]:
    """Return for each operation the part of a manifest that it sets: its value, inside of what its path leads through.

    `default` is the operation of an entry that names none.
    """
    parts = []
    for operation in patch.items:
        value = (
            operation.get("value") if isinstance(operation, Mapping) and (operation.text("op") or default) in CHANGES else None
        )
        if isinstance(operation, Mapping) and value is not None:
            part = _at_path(operation.text("path")[-POINTER_SIZE:], value)
            if isinstance(part, Mapping):
                parts.append(part)
    return parts


def _at_path(path: str, value: Node) -> Node:
    """Return a value inside the mappings and sequences that a JSON pointer (RFC 6901) leads through."""
    node = value
    for segment in reversed(path.split("/")[1:][-SEGMENTS:]):
        if segment == "-" or segment.isdigit():
            sequence = Sequence(value.start)
            sequence.items.append(node)
            node = sequence
        else:
            mapping = Mapping(value.start)
            mapping.add(Scalar(segment, value.start, value.start, ""), node)
            node = mapping
    return node
