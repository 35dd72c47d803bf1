"""The format `ndjson`: one JSON object on each line, for databases and `jq`. The output is ASCII, so it is valid in every encoding."""

from __future__ import annotations

from json import JSONEncoder

from imglint.commands.inventory._entries import fields_with_repository
from imglint.printable import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from imglint.commands.inventory._entries import Entry


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Write an object for each image: the fields of the format `json` after `root` and `commit`."""
    encode = JSONEncoder().encode
    for entry in entries:
        out.write(json_line(encode(fields_with_repository(entry))) + "\n")
