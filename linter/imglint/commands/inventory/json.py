"""The format `json`: one array, with each image on a line of its own. The output is ASCII, so it is valid in every encoding."""

from __future__ import annotations

from json import JSONEncoder

from imglint.commands.inventory._entries import fields
from imglint.printable import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from imglint.commands.inventory._entries import Entry


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Write an array of objects, one for each image."""
    encode, separator = JSONEncoder().encode, "[\n  "
    for entry in entries:
        out.write(separator + json_line(encode(fields(entry))))
        separator = ",\n  "
    out.write("[]\n" if separator.startswith("[") else "\n]\n")
