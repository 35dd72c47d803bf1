"""The top level of a file's documents, for readers that claim a file by its keys. Reads no more of a document than it has to."""

from __future__ import annotations

import re

from imglint.yaml.documents import Budget, InvalidYaml, has_odd_breaks, parse_document, split
from imglint.yaml.templates import may_hide_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.yaml.nodes import Node

JSON_SIZE = 1024 * 1024
"""Characters of a document that may be JSON and is searched for keys by the JSON parser; a longer one is left to a YAML parser."""

_LINE = re.compile(r"\n(?=[^ \n#])([^\n]*)")
"""A line that is not indented, blank or a comment."""
_SIMPLE_LINE = re.compile(
    r"""(?P<quote>["']?)(?P<key>[A-Za-z0-9_./$][^\x00-\x1f\x7f"'\\:#{}\[\],&*!|>]*)(?P=quote):(?=[ \t\r]|\Z)
    | -(?=[ \r]|\Z) | (?:---|\.\.\.)[ \t]*(?:\#.*)?\r?\Z""",
    re.VERBOSE,
)


def roots_with(text: str, word: str, either: tuple[str, ...] = ()) -> Iterator[tuple[Node | InvalidYaml, str]]:
    """Yield the root, or the error, of each document that may have a word as a key at its top level, with the text of the document.

    It also has one of the words in `either`, if there are any. Most other documents are skipped without parsing them.
    """
    budget = Budget()
    for start, end in split(text):
        chunk = text[start:end]
        if not _may_have_keys(chunk, word, either):
            continue
        try:
            root = parse_document(chunk, start, budget)
        except InvalidYaml as error:
            error.__traceback__ = error.__context__ = None
            yield error, chunk
        else:
            if root is not None:
                yield root, chunk


def _may_have_keys(chunk: str, word: str, either: tuple[str, ...]) -> bool:
    if word not in chunk and not may_hide_words(chunk):
        return False
    if chunk.lstrip().startswith("{"):
        return _may_be_json_with(chunk, word, either)
    if has_odd_breaks(chunk):
        return True
    found: set[str] = set()
    for line in _LINE.finditer("\n" + chunk):
        match = _SIMPLE_LINE.match(line[1])
        if match is None:
            return True
        if match["key"]:
            found.add(match["key"].rstrip())
    # Without a line that is not indented, the whole document may be.
    return (word in found and (not either or not found.isdisjoint(either))) or not found


def _may_be_json_with(chunk: str, word: str, either: tuple[str, ...]) -> bool:
    if len(chunk) > JSON_SIZE:
        return True
    # Imported here because few files are JSON that does not look like a manifest.
    from json import loads

    try:
        value = loads(chunk)
    except (ValueError, RecursionError):
        return True
    return isinstance(value, dict) and word in value and (not either or any(other in value for other in either))
