"""What leaves the program beside a report on stdout: messages to people, and files written whole or not at all. Imports printable."""

from __future__ import annotations

import os
import sys
from io import BytesIO, TextIOBase

from imglint.errors import UsageError
from imglint.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENCODING = ("utf-8", "backslashreplace")
"""The encoding of all output, and what becomes of a character that it cannot hold."""
HELD = 1 << 20
"""Bytes of a report that are held as they are until all of it is there; more are compressed."""
DEVICES = ("/dev/", "/proc/")


def warn(message: str) -> None:
    """Write a line for people to stderr."""
    sys.stderr.write(printable(message) + "\n")


def check_target(path: str) -> None:
    """Raise UsageError where a file cannot be written: before the work is done, rather than after it."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise UsageError(f"{path}: this is a folder; name a file to write")
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: there is no folder {folder} to write it in")
    link = _link_above(path)
    if link:
        raise UsageError(
            f"{path}: {link} is a symbolic link, and nothing is written through one; name the folder that it stands for"
        )


class SpooledReport(TextIOBase):
    """A report that is not to leave the program before all of it is there. A long one is held in a tenth of its size."""

    def __init__(self) -> None:
        self._packs: list[bytes] = []
        self._data = BytesIO()

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Add text."""
        self._data.write(encoded(text))
        if self._data.tell() > HELD:
            import zlib

            self._packs.append(zlib.compress(self._data.getvalue(), 1))
            self._data = BytesIO()
        return len(text)

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it as it leaves the program."""
        for pack in self._packs:
            import zlib

            yield zlib.decompress(pack)
        yield self._data.getvalue()


def encoded(text: str) -> bytes:
    """Return text as it leaves the program: UTF-8, with what that cannot hold as escapes."""
    return text.encode(*ENCODING)


def write_stdout(data: bytes) -> None:
    """Write all of the data to stdout. One call may not be enough: unbuffered, as by PYTHONUNBUFFERED, a pipe takes what it has room for."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def write_whole(path: str, pieces: Iterable[bytes]) -> None:
    """Write a file whole or not at all; a symbolic link of that name is replaced, never followed. A device is written to as it is.

    Raises UsageError where it cannot be written.
    """
    check_target(path)
    try:
        if path.startswith(DEVICES):
            with open(path, "wb") as file:
                file.writelines(pieces)
            return
        _replace(path, pieces)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def _replace(path: str, pieces: Iterable[bytes]) -> None:
    draft = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise


def _link_above(path: str) -> str | None:
    """Return the first folder on the way to path that is a symbolic link of a checked tree: below the current folder, or in a Git repository."""
    from imglint.repository import repository_root

    folder, at = os.path.dirname(os.path.join(os.getcwd(), path)), os.sep
    for part in folder.split(os.sep):
        above, at = at, os.path.join(at, part)
        if os.path.islink(at) and (_is_here(above) or repository_root(above) is not None):
            return at if os.path.isabs(path) else os.path.relpath(at)
    return None


def _is_here(folder: str) -> bool:
    current = os.getcwd()
    return os.path.commonpath((current, folder)) == current
