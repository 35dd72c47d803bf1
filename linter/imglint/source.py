"""Read and decode files, and map offsets in their text to lines and columns."""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from itertools import accumulate

from imglint.records import record
from imglint.repository import leaves, root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE_SIZE_MAX = 16 * 1024 * 1024
"""Bytes. A larger file is not read and is reported by unread-file."""

CHUNK = 16 * 1024
"""Bytes to read at a time if the file size is unknown or smaller; larger buffers take longer to allocate than most files take to read."""

BESIDE_SIZE_MAX = 256 * 1024
"""Characters of a `.env` or Chart.yaml. A longer file is ignored, and variables that depend on it stay unresolved."""

LINE_MAX = 1000
"""Characters of the source line stored in a finding; without a limit, many findings on one long line take quadratic memory."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


@record
class Location:
    """A range in a file. Lines and columns start at 1, columns count code points, and the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class UnreadFile(Exception):
    """Raised for a file that cannot be read. `text` is the decoded part, and `offset` the position of the first invalid byte in it."""

    def __init__(self, reason: str, text: str = "", offset: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.text, self.offset = reason, text, offset


class Source:
    """A decoded file, with the settings that its reader takes from the policy.

    `path` is relative to the current folder if the user wrote it so. `kind` is the reader's id, empty until a reader claims the file. `environment` is
    that of all files of the kind which no list of the policy claims, empty if the kind has none.
    `variables` are the policy's values for build arguments and compose variables, `targets` the names of the shipped stages. `named` is the path that
    the user named, by default that of the file itself: no file outside of its root is read.
    """

    __slots__ = ("_named", "_starts", "environment", "kind", "path", "targets", "text", "variables")

    def __init__(
        self,
        path: str,
        text: str,
        kind: str = "",
        variables: Mapping[str, str] | None = None,
        targets: Sequence[str] = (),
        named: str | None = None,
    ) -> None:
        self.path, self.text, self.kind, self.environment = path, text, kind, ""
        self._named = path if named is None else named
        self.variables: Mapping[str, str] = variables or {}
        self.targets = tuple(targets)
        self._starts: list[int] | None = None

    @property
    def name(self) -> str:
        """The file name without folders."""
        return self.path.rpartition("/")[2]

    @property
    def root(self) -> str:
        """The absolute path of the root: no file outside of it is read for this one."""
        return root_of(self._named)

    def location(self, start: int, end: int) -> Location:
        """Return the location of a span. Only line feeds end a line, as in Git and editors."""
        line, column = self._line_and_column(start)
        end_line, end_column = self._line_and_column(end)
        return Location(self.path, line, column, end_line, end_column)

    def line_around(self, offset: int) -> tuple[str, int]:
        """Return the line that contains an offset, without its line break, and the column of its first returned character.

        The column is 1 unless the line is longer than LINE_MAX; then only the part around the offset is returned.
        """
        line, column = self._line_and_column(offset)
        starts = self._line_starts()
        start, end = starts[line - 1], starts[line] if line < len(starts) else len(self.text)
        first = start
        if end - start > LINE_MAX:
            first = max(start, start + column - 1 - LINE_MAX // 2)
            end = min(end, first + LINE_MAX)
        return self.text[first:end].rstrip("\r\n"), first - start + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, or the length of the text if it has no such position."""
        starts = self._line_starts()
        return min(starts[line - 1] + column - 1, len(self.text)) if line <= len(starts) else len(self.text)

    def beside(self, name: str) -> str | None:
        """Return the text of the file at `name`, a path relative to this file's folder.

        Returns None if the file cannot be read, has more than BESIDE_SIZE_MAX characters, or is outside of the root of this file, for example because
        it is a symbolic link. The limit is low because the file is read again for every source in its folder.
        """
        path = os.path.join(os.path.dirname(self.path), name)
        try:
            if not os.path.lexists(path) or leaves(path, self.root):
                return None
            text = read_text(path)
        except (UnreadFile, ValueError):
            return None
        return text if len(text) <= BESIDE_SIZE_MAX else None

    def _line_and_column(self, offset: int) -> tuple[int, int]:
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
    """Return the text of a file: UTF-8, or the encoding of its byte order mark. The mark is removed and line breaks are kept.

    Raises UnreadFile if the file is not a regular file, is larger than FILE_SIZE_MAX, or cannot be opened or decoded.
    """
    return decode(read_bytes(path))


def read_bytes(path: str, size_max: int | None = None) -> bytes:
    """Return the bytes of a file.

    Raises UnreadFile if the file is not a regular file, is larger than `size_max` bytes (by default FILE_SIZE_MAX), or cannot be opened.
    """
    size_max = FILE_SIZE_MAX if size_max is None else size_max
    try:
        # Non-blocking: opening a named pipe without a writer would otherwise hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise UnreadFile(getattr(error, "strerror", None) or str(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadFile("not a regular file")
        if status.st_size > size_max:
            raise _too_large(size_max)
        return _read(descriptor, status.st_size, size_max)
    except OSError as error:
        raise UnreadFile(error.strerror or str(error)) from None
    finally:
        os.close(descriptor)


def encoding_of(data: bytes) -> tuple[str, int]:
    """Return the encoding in which `decode` reads these bytes, for a text without its byte order mark, and the length of the mark in bytes."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            if name == "utf-8-sig":
                return "utf-8", len(mark)
            is_little = mark.startswith(b"\xff")
            return f"{name}-{'le' if is_little else 'be'}", len(mark)
    return "utf-8", 0


def read_stdin() -> str:
    """Return the text of stdin.

    Raises UnreadFile if it is larger than FILE_SIZE_MAX, or cannot be read or decoded.
    """
    try:
        return decode(_read(0, 0, FILE_SIZE_MAX))
    except OSError as error:
        raise UnreadFile(error.strerror or str(error)) from None


def keep_stdin() -> bytes | None:
    """Return the content of stdin, and make it readable again; None if it cannot be read.

    One byte more than FILE_SIZE_MAX is enough to report that it is too large.
    """
    chunks, size = [], 0
    try:
        while size <= FILE_SIZE_MAX and (chunk := os.read(0, CHUNK)):
            chunks.append(chunk)
            size += len(chunk)
    except OSError:
        return None
    data = b"".join(chunks)
    set_stdin(data)
    return data


def set_stdin(data: bytes) -> None:
    """Replace the content of stdin."""
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def _read(descriptor: int, size: int, size_max: int) -> bytes:
    """Return all bytes up to the end. Enforces the limit again: a file may grow while it is read, and some files report no size."""
    chunks, left = [], size_max + 1
    while left and (chunk := os.read(descriptor, min(left, max(size + 1, CHUNK)))):
        chunks.append(chunk)
        left -= len(chunk)
        if len(chunk) == size:
            # One byte more was asked for, so this is the end.
            break
    if not left:
        raise _too_large(size_max)
    return b"".join(chunks)


def _too_large(size_max: int) -> UnreadFile:
    return UnreadFile(f"larger than {size_max} bytes")


def decode(data: bytes) -> str:
    """Return decoded bytes: UTF-8, or the encoding of their byte order mark. Raises UnreadFile if they are not valid in that encoding."""
    encoding = "utf-8"
    for mark, name in _MARKS:
        if data.startswith(mark):
            encoding = name
            if name == "utf-8-sig":
                # The codec of this name counts the bytes of an error from after the mark.
                encoding, data = "utf-8", data.removeprefix(mark)
            break
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        text = data.decode(encoding, "replace")
        offset = len(data[: error.start].decode(encoding, "replace"))
        raise UnreadFile(f"not valid {encoding.upper()}", text, offset) from None
