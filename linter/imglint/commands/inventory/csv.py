"""The format `csv`: a table with a header, for spreadsheets. Quoted as RFC 4180 describes it, with line feeds between the records.

A spreadsheet runs a cell that begins with certain characters as a formula, and the cells come from untrusted files. So such a cell gets a leading
apostrophe (https://owasp.org/www-community/attacks/CSV_Injection). Where a semicolon separates cells, which depends on the locale, what comes
after it begins a cell too. Characters that are not printable are escaped, so that every record is one line.
"""

from __future__ import annotations

import re
from json import JSONEncoder

from imglint.commands.inventory._entries import fields_with_repository
from imglint.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from imglint.commands.inventory._entries import Entry

COLUMNS = (
    "root", "commit", "path", "line", "column", "end_line", "end_column", "kind", "place", "where", "text", "reference", "valid", "registry",
    "repository", "tag", "digest", "registry_explicit", "parts", "role", "environment", "row",
)  # fmt: skip
_FORMULA = re.compile('(^|;"*)(?=[-=+@\uff0d\uff1d\uff0b\uff20])')
"""Where a formula begins: with one of these characters, or with the same one in full width. Quotes that follow a separator are removed."""
_QUOTED = re.compile(r'[",;]|^[: ]')
"""What has to be in quotes: separators, and the start of a line that a CI runner takes for a command."""


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Write a header and a record for each image: the fields of the format `ndjson`."""
    encode = JSONEncoder(separators=(",", ":")).encode
    out.write(",".join(COLUMNS) + "\n")
    for entry in entries:
        found = fields_with_repository(entry)
        found["parts"] = encode(entry.parts) if entry.parts else None
        out.write(",".join([_cell(found[name]) for name in COLUMNS]) + "\n")


def _cell(value: object) -> str:
    """Return a cell: empty for None, `true` or `false`, a number, or text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value).lower()
    text = _FORMULA.sub(r"\1'", printable(value))
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
