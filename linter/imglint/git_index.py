"""The files that Git tracks, read from the index of a repository. Git itself is asked about an index that this module does not understand.

The format is described in gitformat-index(5): https://git-scm.com/docs/index-format
"""

from __future__ import annotations

import os
from itertools import compress

from imglint.repository import GIT, git_command, git_folder, repository_root
from imglint.source import UnreadFile, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE_MAX = 128 * 1024 * 1024
"""Bytes of an index, and of all names in it: more than a million files."""
_SECONDS = 10
"""The time after which Git is stopped. An index of a million files takes it less than two seconds."""
_HASH_SIZES = (20, 32)
"""Bytes of an object name: SHA-1 and SHA-256. The format does not say which one it has, and an entry has no valid length with the other one."""
_STAT_SIZE = 40
"""Bytes of an entry before its object name."""
_EXTENDED = 0x40
"""In the first byte of the flags: two more bytes of flags follow."""
_LONG = 0xFFF
"""The length of all names that are at least as long."""
_UNKNOWN = "damaged or in an unknown format"
_INVERTED = bytes((1, *[0] * 255))


def tracked_files(root: str) -> Sequence[str] | None:
    """Return the paths of the files that Git tracks in a repository, sorted: relative to its root, the folder with `.git`, with slashes.

    A submodule is one path, without the files in it. A path may not exist in the working tree; folders outside of a sparse checkout are left out if
    none of them exists. Return None if there is no repository, or no index that can be read.
    """
    try:
        return read_index(root)
    except UnreadFile:
        return None


def read_index(root: str) -> Sequence[str] | None:
    """Return the same as `tracked_files`, but raise UnreadFile if there is an index that neither imglint nor Git can read."""
    path = _index_path(root)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    key = (root, status.st_ino, status.st_size, status.st_ctime_ns)
    if path not in recent or recent[path][0] != key:
        recent[path] = (key, _paths(root, path))
    found = recent[path][1]
    if isinstance(found, UnreadFile):
        raise found
    return found


recent: dict[str, tuple[tuple[object, ...], Sequence[str] | UnreadFile]] = {}
"""For each index that was read, what identifies its content, and its paths or the error."""


def _paths(root: str, path: str) -> Sequence[str] | UnreadFile:
    try:
        names = _names(path, git_folder(root))
        folders = [name for name in names if name.endswith(b"/")]
        if any(os.path.lexists(os.path.join(os.fsencode(root), name)) for name in folders):
            # Their entries are in the objects of the repository. Without the folders, there is no file that they could list.
            raise UnreadFile(_UNKNOWN)
    except UnreadFile as error:
        listed = listed_by_git(root, path)
        return error if listed is None else _sorted(listed)
    return _sorted([name for name in names if not name.endswith(b"/")] if folders else names)


def _sorted(names: Sequence[bytes]) -> Sequence[str]:
    """Return names as paths, each once, without those that Git would not check out."""
    text = os.fsdecode(b"/\0/".join([b"", *names, b""]))
    paths = sorted(dict.fromkeys(text[3:-3].split("/\0/")))
    if any(part in text for part in ("/../", "/./", "//", f"/{GIT}/")):
        return [path for path in paths if not {"", os.curdir, os.pardir, GIT} & set(path.split("/"))]
    return paths if names else ()


def _index_path(root: str) -> str:
    """Return the path of the index of a repository: GIT_INDEX_FILE, as Git sets it for hooks, applies to one repository."""
    own = git_folder(root)
    path = os.environ.get("GIT_INDEX_FILE")
    if path:
        folder = os.environ.get("GIT_DIR")
        current = os.path.realpath(folder) if folder else git_folder(repository_root("") or os.sep)
        if current == own:
            return os.path.join(root, path)
    return os.path.join(own, "index")


def _names(path: str, folder: str) -> list[bytes]:
    """Return the names in an index. A name that ends with a slash is a folder outside of a sparse checkout.

    Raises UnreadFile if the file cannot be read, or its format is not known.
    """
    data = read_bytes(path, SIZE_MAX)
    for hash_size in _HASH_SIZES:
        try:
            names, link = _entries(data, hash_size)
            names = names if link is None else _joined(names, link, folder, hash_size)
        except (UnreadFile, IndexError):
            continue
        if b"" not in names:
            return names
    raise UnreadFile(_UNKNOWN)


def _entries(data: bytes, hash_size: int) -> tuple[list[bytes], bytes | None]:
    """Return the names of the entries of an index file, and its `link` extension if it has one. Raises UnreadFile or IndexError."""
    version, count = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4):
        raise UnreadFile(_UNKNOWN)
    read = _compressed_names if version == 4 else _whole_names
    names, offset = read(data, count, _STAT_SIZE + hash_size)
    link = None
    end = len(data) - hash_size
    while offset < end:
        signature, size = data[offset : offset + 4], int.from_bytes(data[offset + 4 : offset + 8], "big")
        if signature == b"link":
            link = data[offset + 8 : offset + 8 + size]
        elif not signature[:1].isupper() and signature != b"sdir":
            raise UnreadFile(_UNKNOWN)
        offset += 8 + size
    if offset != end or b"\0" in b"".join(names):
        raise UnreadFile(_UNKNOWN)
    return names, link


def _whole_names(data: bytes, count: int, flags_at: int) -> tuple[list[bytes], int]:
    """Return the names of the entries of version 2 or 3, and the offset after them."""
    names: list[bytes] = []
    add = names.append
    at = 12 + flags_at
    for _ in range(count):
        # Two bytes of flags. Nearly all names are shorter than 256 bytes, and have no flags but their length.
        if data[at]:
            start, end = _long_name(data, at)
        else:
            start = at + 2
            end = start + data[at + 1]
        if data[end]:
            raise UnreadFile(_UNKNOWN)
        add(data[start:end])
        # One to eight null bytes fill up the entry, so that all entries have the same offset modulo 8 as the first one.
        at = (end + 4 & -8) + 4 + flags_at
    return names, at - flags_at


def _long_name(data: bytes, at: int) -> tuple[int, int]:
    """Return the start and end of the name of an entry with the flags at an offset. Raises UnreadFile if it has no end."""
    start = at + 4 if data[at] & _EXTENDED else at + 2
    length = (data[at] & 15) << 8 | data[at + 1]
    end = start + length if length < _LONG else data.find(b"\0", start + length)
    if end < 0:
        raise UnreadFile(_UNKNOWN)
    return start, end


def _compressed_names(data: bytes, count: int, flags_at: int) -> tuple[list[bytes], int]:
    """Return the names of the entries of version 4, and the offset after them. Each name repeats the start of the one before."""
    names: list[bytes] = []
    add, find = names.append, data.find
    at, total, name = 12 + flags_at, 0, b""
    for _ in range(count):
        start = at + 4 if data[at] & _EXTENDED else at + 2
        left_out = data[start]
        start += 1
        if left_out > 127:
            left_out, start = _number(data, start - 1)
        end = find(b"\0", start)
        if left_out > len(name) or end < 0:
            raise UnreadFile(_UNKNOWN)
        name = name[: len(name) - left_out] + data[start:end]
        total += len(name)
        if total > SIZE_MAX:
            raise UnreadFile(f"names longer than {SIZE_MAX} bytes")
        if (data[at] & 15) << 8 | data[at + 1] != min(len(name), _LONG):
            raise UnreadFile(_UNKNOWN)
        add(name)
        at = end + 1 + flags_at
    return names, at - flags_at


def _number(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number of seven bits in each byte, the highest first, and the offset after it. The numbers of each length follow on the shorter ones."""
    number = data[offset] & 127
    while data[offset] & 128 and number < SIZE_MAX:
        offset += 1
        number = (number + 1 << 7) + (data[offset] & 127)
    return number, offset + 1


def _joined(own: list[bytes], link: bytes, folder: str, hash_size: int) -> list[bytes]:
    """Return the names of a split index: those of the shared index without the deleted ones, and those that are added."""
    identifier = link[:hash_size]
    if len(identifier) < hash_size:
        raise UnreadFile(_UNKNOWN)
    shared: list[bytes] = []
    if any(identifier):
        shared, more = _entries(read_bytes(os.path.join(folder, f"sharedindex.{identifier.hex()}"), SIZE_MAX), hash_size)
        if more is not None or b"" in shared:
            raise UnreadFile(_UNKNOWN)
    if len(link) > hash_size:
        deleted, offset = _bits(link, hash_size, len(shared))
        replaced, _ = _bits(link, offset, len(shared))
        shared = list(compress(shared, deleted.translate(_INVERTED)))
        # The first entries replace others of the same name, which they may leave out.
        own = own[sum(replaced) :]
    return shared + own


def _bits(data: bytes, offset: int, count: int) -> tuple[bytearray, int]:
    """Return a byte, 0 or 1, for each of the `count` bits of an EWAH bitmap, and the offset after it."""
    end = offset + 8 + 8 * int.from_bytes(data[offset + 4 : offset + 8], "big")
    if end + 4 > len(data):
        raise UnreadFile(_UNKNOWN)
    bits = bytearray(count)
    offset, position = offset + 8, 0
    while offset < end:
        # A marker: the bit and the number of words that repeat it, and the number of words that follow as they are.
        marker = int.from_bytes(data[offset : offset + 8], "big")
        offset += 8
        after = min(position + 64 * (marker >> 1 & 0xFFFFFFFF), count)
        if marker & 1:
            bits[position:after] = b"\1" * (after - position)
        position = after
        for _ in range(marker >> 33):
            word = int.from_bytes(data[offset : offset + 8], "big")
            if offset >= end or position >= count or word >> count - position:
                raise UnreadFile(_UNKNOWN)
            for bit in range(word.bit_length()):
                bits[position + bit] = word >> bit & 1
            offset += 8
            position += 64
    return bits, end + 4


def listed_by_git(root: str, path: str) -> list[bytes] | None:
    """Return the names that `git ls-files` prints. Return None if Git is not installed, fails, or takes too much time."""
    command = git_command(root, "ls-files", "-z")
    if command is None:
        return None
    import subprocess

    arguments, environment = command
    environment["GIT_INDEX_FILE"] = os.path.abspath(path)
    try:
        found = subprocess.run(
            arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return None if found.returncode else found.stdout.split(b"\0")[:-1]
