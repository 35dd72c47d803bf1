"""The top level of a file's documents, for readers that claim a file by its keys. Reads no more of a document than it has to."""

from __future__ import annotations

import re

from imglint.yaml.documents import Budget, InvalidYaml, parse_document, split
from imglint.yaml.templates import may_hide_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.yaml.nodes import Node

JSON_MAX = 1024 * 1024
"""Characters of a document that may be JSON and is searched for keys by the JSON parser; a longer one is left to a YAML parser."""

_LINE = re.compile(r"\n(?=[^ \n#])([^\n]*)")
"""A line that is not indented, blank or a comment."""
_SIMPLE_LINE = re.compile(
    r"""(?P<quote>["']?)(?P<key>[A-Za-z0-9_./$][^\x00-\x1f\x7f"'\\:#{}\[\],&*!|>]*)(?P=quote):(?=[ \t\r]|\Z)
    | -(?=[ \r]|\Z) | (?:---|\.\.\.)[ \t]*(?:\#.*)?\r?\Z""",
    re.VERBOSE,
)
_ODD_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029\ufeff]")


def roots_with(text: str, *words: str) -> Iterator[tuple[Node | InvalidYaml, str]]:
    """Yield the root, or the error, of each document that may have these words as keys at its top level, with the text of the document.

    Most other documents are skipped without parsing them.
    """
    budget = Budget()
    for start, end in split(text):
        chunk = text[start:end]
        if not _may_have_keys(chunk, words):
            continue
        try:
            root = parse_document(chunk, start, budget)
        except InvalidYaml as error:
            error.__traceback__ = error.__context__ = None
            yield error, chunk
        else:
            if root is not None:
                yield root, chunk


def _may_have_keys(chunk: str, words: tuple[str, ...]) -> bool:
    hidden = may_hide_words(chunk)
    if not hidden and not all(word in chunk for word in words):
        return False
    if chunk.lstrip().startswith("{"):
        return _may_be_json_with(chunk, words)
    if _ODD_BREAKS.search(chunk):
        return True
    found: set[str] = set()
    for line in _LINE.finditer("\n" + chunk):
        match = _SIMPLE_LINE.match(line[1])
        if match is None:
            return True
        found.add(match["key"])
    # Without a line that is not indented, the whole document may be.
    return found.issuperset(words) or not any(found)


def _may_be_json_with(chunk: str, words: tuple[str, ...]) -> bool:
    if len(chunk) > JSON_MAX:
        return True
    # Imported here because few files are JSON that does not look like a manifest.
    from json import loads

    try:
        value = loads(chunk)
    except (ValueError, RecursionError):
        return True
    return isinstance(value, dict) and all(word in value for word in words)
