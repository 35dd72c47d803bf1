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


class UnwrittenFile(Exception):
    """Raised for a file that cannot be replaced. The text is the reason, as the rest of a sentence that begins with the file."""


def check_replaceable(path: str) -> None:
    """Raise UnwrittenFile if the content of a file must not be replaced: through a symbolic link, or against its mode."""
    import stat

    link = path if os.path.islink(path) else _link_above(path)
    if link:
        raise UnwrittenFile("is a symbolic link" if link == path else f"is below {link}, which is a symbolic link")
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except OSError as error:
        raise _unwritable(error) from None
    # Nobody may write to it, which does not keep root from it.
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK):
        raise UnwrittenFile("is read-only")


def replace_content(path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file atomically. Its mode stays, and its owner if that is permitted.

    Raises UnwrittenFile if `check_replaceable` does, if the content is not `before`, or if the file cannot be written. Then the file is as it was.
    """
    check_replaceable(path)
    draft = _draft_beside(path)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(after)
                file.flush()
                # Some file systems report only now that the disk is full.
                os.fsync(descriptor)
                # As late as possible, so that an editor that saves the file meanwhile is noticed.
                _take_over(descriptor, _status_if_unchanged(path, before))
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise _unwritable(error) from None


def _status_if_unchanged(path: str, content: bytes) -> os.stat_result:
    """Return the status of a file. Raises UnwrittenFile if it has another content."""
    # Non-blocking: opening a named pipe without a writer would otherwise hang.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if file.read(len(content) + 1) != content:
            raise UnwrittenFile("changed while imglint was running; run it again")
        return os.fstat(file.fileno())


def _take_over(descriptor: int, status: os.stat_result) -> None:
    """Give an open file the mode and the owner of another one, as far as that is permitted."""
    import stat

    mode, own = stat.S_IMODE(status.st_mode), os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except OSError:
            # A program with these bits would run as somebody else than before.
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
    os.fchmod(descriptor, mode)


def _unwritable(error: OSError) -> UnwrittenFile:
    return UnwrittenFile(f"cannot be written: {error.strerror or error}")


def is_device(path: str) -> bool:
    """Return whether a path names an open stream or a device, which is written to directly. A symbolic link to a device is a link."""
    import stat

    try:
        return path.startswith(STREAMS) or stat.S_ISCHR(os.lstat(path).st_mode)
    except OSError:
        return False


def _replace(path: str, pieces: Iterable[bytes]) -> None:
    draft = _draft_beside(path)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _draft_beside(path: str) -> str:
    """Return the path of a new file in the same folder. If imglint is killed, it is left over: no reader asks for its name, nor does a later run."""
    return os.path.join(os.path.dirname(path), f".imglint-{os.urandom(8).hex()}.tmp")


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
