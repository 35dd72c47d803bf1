"""White space in Dockerfiles. BuildKit is written in Go; Python's `str.strip()` removes other characters."""

from __future__ import annotations

import re
from functools import cache

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters of Go's unicode.IsSpace, which strings.TrimSpace removes."""

REGEXP_SPACE = "\t\n\f\r "
"""The characters of `\\s` in Go's regular expressions."""

WORD = re.compile("[^\t\v\f\r ]+")
"""A word of an instruction."""

_SPACE_BYTES = b"\x85\xa0"


@cache
def field() -> re.Pattern[str]:
    """Match a word of an ARG, ENV or LABEL without quotes and escapes."""
    return re.compile(f"[^{SPACE}]+")


def space_bytes(char: str) -> bool | None:
    """Return how BuildKit reads a character that is not ASCII in a flag, which it scans byte by byte; two of the bytes are white space.

    Returns None if the flag goes on, True if it ends there and another can follow, and False if no other can, because a rest of the character does.
    """
    data = char.encode("utf-8", "surrogatepass")
    spaces = [byte in _SPACE_BYTES for byte in data]
    return all(spaces[spaces.index(True) :]) if True in spaces else None
