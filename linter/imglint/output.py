"""Output: messages on stderr, reports on stdout, and files, which are written atomically."""

from __future__ import annotations

import os
import sys
from io import BytesIO, TextIOBase

from imglint.errors import UsageError
from imglint.printable import printable_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENCODING = ("utf-8", "backslashreplace")
"""The encoding of all output, and the error handler for characters that it cannot represent."""
BUFFER_SIZE = 1 << 20
"""Bytes of a report that are buffered before they are compressed."""
STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
"""Paths of streams that are open already, often symbolic links to files."""


def warn(message: str) -> None:
    """Write a message to stderr. If stderr cannot be written, the message is lost: it must not decide about the exit status."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(printable_line(message) + "\n")
    except (OSError, ValueError):
        # Later messages would fail too, and what is left in the buffer again.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  open until the end


def warn_traceback(error: BaseException) -> None:
    """Write the traceback of an exception to stderr, which may quote text from a file."""
    from traceback import format_exception

    for line in "".join(format_exception(error)).splitlines():
        warn(line)


def check_target(path: str) -> None:
    """Raise UsageError if a file cannot be written. Called before a run, so that no work is lost."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder; give the path of a file")
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: folder {folder} does not exist")
    link = _link_above(path)
    if link:
        raise UsageError(f"{path}: {link} is a symbolic link; use the path that it points to")


class SpooledReport(TextIOBase):
    """A buffer for a report, so that nothing is written before the report is complete. A long one is compressed to about a tenth."""

    def __init__(self) -> None:
        self._packs: list[bytes] = []
        self._data = BytesIO()

    def writable(self) -> bool:
        """Return True: text can be written to it."""
        return True

    def write(self, text: str, /) -> int:
        """Add text."""
        self._data.write(encoded(text))
        if self._data.tell() > BUFFER_SIZE:
            import zlib

            self._packs.append(zlib.compress(self._data.getvalue(), 1))
            self._data = BytesIO()
        return len(text)

    def pieces(self) -> Iterator[bytes]:
        """Yield the encoded report in pieces."""
        for pack in self._packs:
            import zlib

            yield zlib.decompress(pack)
        yield self._data.getvalue()


def encoded(text: str) -> bytes:
    """Return text in UTF-8, with escapes for characters that it cannot represent."""
    return text.encode(*ENCODING)


def write_stdout(data: bytes) -> None:
    """Write data to stdout. Unbuffered (PYTHONUNBUFFERED), a write to a pipe may be partial, hence the loop.

    Raises UsageError if it cannot be written, and BrokenPipeError if its reader is gone.
    """
    if sys.stdout is None and data:
        raise UsageError("stdout: cannot be written: it is closed")
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]
    except OSError as error:
        raise _unwritable_stdout(error) from None


def flush_stdout() -> None:
    """Write what is in the buffer of stdout. Raises as `write_stdout` does."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise _unwritable_stdout(error) from None


def _unwritable_stdout(error: OSError) -> Exception:
    return error if isinstance(error, BrokenPipeError) else UsageError(f"stdout: cannot be written: {error.strerror or error}")


def write_whole(path: str, pieces: Iterable[bytes]) -> None:
    """Write a file atomically. A symbolic link at the path is replaced, not followed; a device is written to directly.

    Raises UsageError if it cannot be written.
    """
    check_target(path)
    try:
        if is_device(path):
            with open(path, "wb") as file:
                file.writelines(pieces)
            return
        _replace(path, pieces)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def replace_content(path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file atomically, and keep its mode.

    Raises UsageError if the path is a symbolic link or below one that may be untrusted, if the content is not `before`, or if the file cannot be
    written. Then the file is as it was.
    """
    import stat

    link = path if os.path.islink(path) else _link_above(path)
    if link:
        raise UsageError(f"{path}: {link} is a symbolic link; use the path that it points to")
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if file.read(len(before) + 1) != before:
                raise UsageError(f"{path}: changed while imglint was running; run it again")
        _replace(path, [after], mode)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def is_device(path: str) -> bool:
    """Return whether a path names an open stream or a device, which is written to directly. A symbolic link to a device is a link."""
    import stat

    try:
        return path.startswith(STREAMS) or stat.S_ISCHR(os.lstat(path).st_mode)
    except OSError:
        return False


def _replace(path: str, pieces: Iterable[bytes], mode: int | None = None) -> None:
    draft = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
            if mode is not None:
                os.fchmod(descriptor, mode)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _link_above(path: str) -> str | None:
    """Return the first parent folder of path that is a symbolic link below the current folder or in a Git repository: it may be untrusted."""
    from imglint.repository import repository_root

    folder, current = os.path.dirname(os.path.join(os.getcwd(), path)), os.sep
    for part in folder.split(os.sep):
        parent, current = current, os.path.join(current, part)
        if os.path.islink(current) and (_is_in_current_folder(parent) or repository_root(parent) is not None):
            return current if os.path.isabs(path) else os.path.relpath(current)
    return None


def _is_in_current_folder(folder: str) -> bool:
    current = os.getcwd()
    return os.path.commonpath((current, folder)) == current
