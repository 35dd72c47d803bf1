"""Source: one file to check, decoded, with its places. Location: where something stands in it. Imports only the records and `os`."""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from itertools import accumulate

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE_SIZE_MAX = 16 * 1024 * 1024
"""Bytes; a larger file is reported by unread-file and not read."""

CHUNK = 16 * 1024
"""Bytes that are asked for at a time, or a file's size: room for more would cost more than most files take to read."""

BESIDE_SIZE_MAX = 256 * 1024
"""Characters of a `.env` or Chart.yaml; of a longer one nothing is taken, and what it would give stays unresolved."""

LINE_MAX = 1000
"""Characters of a line that a finding carries with it: many findings on one long line would otherwise cost its square."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


@record
class Location:
    """A stretch of a file: lines and columns count from 1, columns in code points; the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


class UnreadFile(Exception):
    """A file that could not be read. Its text is the reason; `offset` is the byte at fault, where there is one, in `text` as far as it was decoded."""

    def __init__(self, reason: str, text: str = "", offset: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.text, self.offset = reason, text, offset


class Source:
    """One file: its path as the user would write it, its text, and what the policy tells its reader.

    `kind` is the reader's id, empty until a reader has claimed the file. `variables` are the policy's values for build arguments and compose
    variables; `targets` the names of the stages that are shipped.
    """

    __slots__ = ("_starts", "kind", "path", "targets", "text", "variables")

    def __init__(
        self, path: str, text: str, kind: str = "", variables: Mapping[str, str] | None = None, targets: Sequence[str] = ()
    ) -> None:
        self.path, self.text, self.kind = path, text, kind
        self.variables: Mapping[str, str] = variables or {}
        self.targets = tuple(targets)
        self._starts: list[int] | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]

    def location(self, start: int, end: int) -> Location:
        """Return where the characters from offset start to end stand. Lines end at a line feed, as in Git and in editors."""
        line, column = self._place(start)
        end_line, end_column = self._place(end)
        return Location(self.path, line, column, end_line, end_column)

    def line_around(self, offset: int) -> tuple[str, int]:
        """Return the line that an offset stands on, without its line break, and the column at which what is returned begins.

        That is 1; of a line longer than LINE_MAX, only the stretch around the offset is returned.
        """
        line, column = self._place(offset)
        starts = self._line_starts()
        start, end = starts[line - 1], starts[line] if line < len(starts) else len(self.text)
        first = start
        if end - start > LINE_MAX:
            first = max(start, start + column - 1 - LINE_MAX // 2)
            end = min(end, first + LINE_MAX)
        return self.text[first:end].rstrip("\r\n"), first - start + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, the end of the text where it does not reach so far."""
        starts = self._line_starts()
        return min(starts[line - 1] + column - 1, len(self.text)) if line <= len(starts) else len(self.text)

    def beside(self, name: str) -> str | None:
        """Return the text of the file `name`, a path relative to this file's folder; None where there is none that can be read.

        Nor one of more than BESIDE_SIZE_MAX characters: it is read again for each file that it stands beside.
        """
        try:
            text = read_text(os.path.join(os.path.dirname(self.path), name))
        except UnreadFile:
            return None
        return text if len(text) <= BESIDE_SIZE_MAX else None

    def _place(self, offset: int) -> tuple[int, int]:
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            lines = self.text.split("\n")
            lines.pop()
            self._starts = [before + number for number, before in enumerate(accumulate(map(len, lines), initial=0))]
        return self._starts


def read_text(path: str) -> str:
    """Return a file's text: UTF-8, or what its byte order mark says, without the mark and with its line breaks as they are.

    Raises UnreadFile for what is no regular file, is larger than FILE_SIZE_MAX, cannot be opened, or cannot be decoded.
    """
    return decode(read_bytes(path))


def read_bytes(path: str) -> bytes:
    """Return what a file holds.

    Raises UnreadFile for what is no regular file, is larger than FILE_SIZE_MAX, or cannot be opened.
    """
    try:
        # Non-blocking, so that a named pipe that nobody writes to cannot hold the run.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise UnreadFile(getattr(error, "strerror", None) or str(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadFile("not a regular file")
        if status.st_size > FILE_SIZE_MAX:
            raise UnreadFile(f"{status.st_size} bytes; the limit is {FILE_SIZE_MAX}")
        return _read(descriptor, status.st_size)
    except OSError as error:
        raise UnreadFile(error.strerror or str(error)) from None
    finally:
        os.close(descriptor)


def read_stdin() -> str:
    """Return the text of stdin, under the limits of a file.

    Raises UnreadFile.
    """
    try:
        return decode(_read(0))
    except OSError as error:
        raise UnreadFile(error.strerror or str(error)) from None


def _read(descriptor: int, size: int = 0) -> bytes:
    """Read to the end, though never more than the limit: a file may grow, and some report no size."""
    chunks, left = [], FILE_SIZE_MAX + 1
    while left and (chunk := os.read(descriptor, min(left, max(size + 1, CHUNK)))):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        raise UnreadFile(f"more than {FILE_SIZE_MAX} bytes; that is the limit")
    return b"".join(chunks)


def decode(data: bytes) -> str:
    """Return the text of a file's bytes. Raises UnreadFile where they are not in the encoding that their mark, or UTF-8, says."""
    encoding = "utf-8"
    for mark, name in _MARKS:
        if data.startswith(mark):
            encoding = name
            break
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        text = data.decode(encoding, "replace")
        offset = len(data[: error.start].decode(encoding, "replace"))
        raise UnreadFile(f"not valid {encoding.upper().removesuffix('-SIG')}", text, offset) from None
