"""The format `text`: one line for each image, for people."""

from __future__ import annotations

from imglint.printable import printable_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from imglint.commands.inventory._entries import Entry


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Write the location of each image, its normalized reference, role, place and environment, or the reason why it has no reference."""
    for entry in entries:
        name = str(entry.reference) if entry.reference else entry.text
        problem = f" ({entry.problem})" if entry.problem else ""
        line = f"{entry.location}: {name}, {entry.role}, {entry.where}, {entry.environment}{problem}"
        out.write(printable_line(line) + "\n")
