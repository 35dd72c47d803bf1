"""White space in Dockerfiles. BuildKit is written in Go; Python's `str.strip()` removes other characters."""

from __future__ import annotations

import re

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters of Go's unicode.IsSpace, which strings.TrimSpace removes."""

REGEXP_SPACE = "\t\n\f\r "
"""The characters of `\\s` in Go's regular expressions."""

WORD = re.compile("[^\t\v\f\r ]+")
"""A word of an instruction."""

FIELD = re.compile(f"[^{SPACE}]+")
"""A word of an ARG, ENV or LABEL without quotes and escapes."""

_SPACE_BYTES = re.compile(b"[\x85\xa0]")


def space_bytes(char: str) -> bool | None:
    """Return how BuildKit reads a character that is not ASCII in a flag, which it scans byte by byte; two of the bytes are white space.

    Returns None if the flag goes on, True if it ends there and another can follow, and False if no other can, because a rest of the character does.
    """
    data = char.encode("utf-8", "surrogatepass")
    space = _SPACE_BYTES.search(data)
    return None if space is None else not data[space.start() :].strip(b"\x85\xa0")
