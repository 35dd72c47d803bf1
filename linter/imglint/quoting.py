"""Write values into YAML so that imglint and every YAML parser read the same text there, and nothing else changes. Imports nothing of imglint."""

from __future__ import annotations

import re
from functools import lru_cache

# Compiled when they are first used (the re module keeps them): runs without fixes need none of them.
_NOT_TEXT = r"""(?x)
    ~ | null | true | false | yes | no | on | off | y | n
    | [-+]? (?: [0-9][0-9_]* (?:\.[0-9_]*)? | \.[0-9_]+ ) (?: e[-+]?[0-9]+ )?
    | [-+]? 0 (?: b[01_]+ | o[0-7_]+ | x[0-9a-f_]+ )
    | [-+]? [0-9][0-9_]* (?: :[0-5]?[0-9] )+ (?:\.[0-9_]*)?
    | [-+]? \.inf | \.nan
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} (?: [t ].* )?
    | = | <<
    """
"""Plain scalars that YAML 1.1 or 1.2 reads as something else than text: null, booleans, numbers, also those of base 60, and dates."""
_NOT_PLAIN = r"[-?:,\[\]{}#&*!|>'\"%@`]|.*(?::\s|\s\#|[\s:]\Z)"
"""Texts that a plain scalar cannot have, by their beginning or their end."""
_BEFORE_VALUE = r".*(?:^|[\s,\[{])(?:[-?]|[^\s,\[{]*:)(?:\s+[&!]\S*)*\s+|.*[,\[{]\s*"
"""The text before a value on its line: a key or the mark of an item, with tags and anchors."""
_ANCHOR = r"&([^\s,\[\]{}]{1,200})[ \t]+(?:![^\s]{0,200}[ \t]+)?[\"']?\Z"
_ALIAS = r"(?<=[\s,\[{])\*([^\s,\[\]{}]+)"
LOOKBACK = 1000
"""Characters of a line that are searched for a key, an anchor and a tag in front of a value."""
_BEHIND_VALUE = r"\s*(?:[\r\n,\]}]|\Z)|\s+#"


def is_plain_text(text: str) -> bool:
    """Return whether every YAML parser reads a plain scalar as this very text."""
    return re.match(_NOT_PLAIN, text) is None and not _is_other_value(text)


def is_used_otherwise(text: str, start: int) -> bool:
    """Return whether the value at an offset has an anchor, and an alias that is not the value of the same key: it may be something else there.

    The key of the anchor itself may also be one of those that only hold values for others: `x-image`, `.image`.
    """
    before = text[max(text.rfind("\n", 0, start) + 1, start - LOOKBACK) : start]
    anchor = re.search(_ANCHOR, before) if "&" in before else None
    keys = _keys_of_aliases(text).get(anchor[1]) if anchor else None
    if not anchor or not keys:
        return False
    own = _last_key(before[: anchor.start()])
    return len(keys) > 1 or "" in keys or not (own in keys or own.startswith(("x-", ".")))


@lru_cache(maxsize=1)
def _keys_of_aliases(text: str) -> dict[str, set[str]]:
    """Return for each anchor the keys that its aliases are the values of, an empty one for other places."""
    keys: dict[str, set[str]] = {}
    for alias in re.finditer(_ALIAS, text):
        line = text.rfind("\n", 0, alias.start()) + 1
        keys.setdefault(alias[1], set()).add(_last_key(text[max(line, alias.start() - LOOKBACK) : alias.start()]))
    return keys


def _last_key(text: str) -> str:
    """Return the key at the end of a text, or an empty string."""
    text = text.rstrip()
    return re.split(r"[\s,\[{]", text[:-1].rstrip("\"' "))[-1].strip("\"'") if text.endswith(":") else ""


def as_text(text: str, start: int, end: int, new: str) -> str | None:
    """Return what to write from `start` to `end`, where `new` is wanted, so that the value there is read as text.

    That is `new` itself, or `new` in quotes if a plain scalar would be a number or the like. Return None if neither is possible. Other languages, such
    as that of Dockerfiles, have no such values, so `new` is returned.
    """
    line = text.rfind("\n", 0, start) + 1
    first, last = start, end
    while first > line and text[first - 1] not in " \t,[]{}\"'":
        first -= 1
    behind = re.compile(r"[^\s,\[\]{}\"']*").match(text, end)
    last = behind.end() if behind else end
    before, after = text[first - 1 : first], text[last : last + 1]
    if before in ("'", '"') or after in ("'", '"'):
        return None if re.search(r"[\"'\\\s]", new) else new
    value = text[first:start] + new + text[end:last]
    if is_plain_text(value):
        return new
    if not text[line:first].strip():
        # The text of a block scalar, or a value on the line below its key.
        return None if _is_other_value(value) else new
    if not re.fullmatch(_BEFORE_VALUE, text[line:first]) or not re.compile(_BEHIND_VALUE).match(text, last):
        # A part of a longer text.
        return new
    is_whole = (first, last) == (start, end)
    return f'"{new}"' if is_whole and not re.search(r'["\\\n]', new) else None


def _is_other_value(text: str) -> bool:
    return re.fullmatch(_NOT_TEXT, text, re.IGNORECASE) is not None
