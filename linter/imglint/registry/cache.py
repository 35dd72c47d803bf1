"""The answers of earlier runs, in the user's cache folder.

What a digest names cannot change, so answers by digest are kept for good, and others for TAG_AGE_S. That something does not exist is not kept.
The name of a file is a hash of the question and of the credentials that it was asked with. The content of a manifest or blob is checked against its
digest, so a file that was cut or changed counts as none.
"""

from __future__ import annotations

import hmac
import json
import os
import stat
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from imglint.registry.fields import content_digest, is_digest
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS
from imglint.repository import is_outside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imglint.registry.logins import Credentials
    from imglint.registry.questions import Answer, Question

TAG_AGE_S = 600
"""Seconds for which answers are kept that can change."""
SIZE_MAX = 1 << 28
"""Bytes of all files, when the folder is pruned."""
PRUNE_SIZE = 1 << 26
"""Bytes that a run writes before it prunes the folder."""
PRUNE_AGE_S = 24 * 3600
"""Seconds after which a run prunes the folder even if it writes little."""
KEY_SIZE = 32
KEY, PRUNED = "key", "pruned"
FOR_GOOD, FOR_NOW = "digests", "tags"
"""The folders of answers that are kept for good, and of those that are kept for TAG_AGE_S."""


class UnusableCache(Exception):
    """A cache folder that cannot be used. The text is the reason."""


def cache_folder(roots: Sequence[str]) -> str:
    """Return the cache folder, `imglint` in `$XDG_CACHE_HOME` or in `~/.cache`, and create it if it does not exist. `roots` are the checked folders.

    Raises UnusableCache if it cannot be created, or if others can have written to it.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(home, "imglint")
    if not os.path.isabs(folder):
        raise UnusableCache("there is no home folder")
    if not is_outside(folder, roots):
        raise UnusableCache(f"{folder} is in the checked folder")
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(folder, mode=0o700)
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode):
            raise UnusableCache(f"{folder} is not a folder")
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise UnusableCache(f"{folder} is open to other users; it must be yours, with the mode 0700")
        for name in (FOR_GOOD, FOR_NOW):
            with suppress(FileExistsError):
                os.mkdir(os.path.join(folder, name), mode=0o700)
    except OSError as error:
        raise UnusableCache(f"{folder} cannot be created: {error.strerror}") from None
    return folder


class Cache:
    """Answers questions from the files in a cache folder, and asks what they do not answer, or with `refresh` everything."""

    def __init__(
        self, folder: str, ask: Callable[[Question], Answer], credentials: Credentials, *, refresh: bool = False
    ) -> None:
        self._folder, self._ask, self._credentials, self._refresh = folder, ask, credentials, refresh
        self._key = _key(folder)
        self._lock = Lock()
        self._written = 0 if _age(os.path.join(folder, PRUNED)) < PRUNE_AGE_S else PRUNE_SIZE

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises Unverified if the registry could not be asked.
        """
        path = self._path(question)
        answer = None if self._refresh else _read(path, question)
        if answer is None:
            answer = self._ask(question)
            # A cache that cannot be written, because the disk is full, is no reason not to answer.
            with suppress(OSError):
                self._keep(path, answer)
        return answer

    def _path(self, question: Question) -> str:
        endpoint = question.endpoint
        login = self._credentials(endpoint)
        who = [login.user, login.password, login.identity_token] if login else None
        where = [endpoint.host, endpoint.prefix, endpoint.insecure, endpoint.private, endpoint.ca, who]
        data = json.dumps([*where, question.kind, question.repository, question.target])
        name = hmac.digest(self._key, data.encode(), "sha256").hex()
        return os.path.join(self._folder, FOR_GOOD if _is_by_digest(question) else FOR_NOW, name)

    def _keep(self, path: str, answer: Answer) -> None:
        if answer is None:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        _write(path, data)
        with self._lock:
            self._written += len(data)
            prunes = self._written >= PRUNE_SIZE
            if prunes:
                self._written = 0
        if prunes:
            _write(os.path.join(self._folder, PRUNED), b"")
            prune(self._folder)


def prune(folder: str) -> None:
    """Remove answers from a cache folder: those that can have changed, and the oldest others if they are larger than SIZE_MAX together."""
    left = 0
    for path, status in sorted(_files(folder), key=lambda file: -file[1].st_mtime):
        left += status.st_size
        is_for_now = os.path.basename(os.path.dirname(path)) == FOR_NOW
        if left > SIZE_MAX or (is_for_now and not 0 <= time.time() - status.st_mtime < TAG_AGE_S):
            # Another run may have removed it.
            with suppress(OSError):
                os.unlink(path)
                left -= status.st_size


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files with answers."""
    for name in (FOR_GOOD, FOR_NOW):
        with os.scandir(os.path.join(folder, name)) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.path, entry.stat(follow_symlinks=False)


def _read(path: str, question: Question) -> Answer:
    """Return the answer in a file, None if there is none that can be used."""
    try:
        if not _is_by_digest(question) and not _age(path) < TAG_AGE_S:
            return None
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read()
    except OSError:
        return None
    if question.kind in (MANIFEST, BLOB):
        return data if is_digest(question.target) and content_digest(data, question.target) == question.target else None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if question.kind == REFERRERS:
        return data if isinstance(content, dict) else None
    if question.kind == DIGEST:
        expected = content if not _is_by_digest(question) else question.target
        return content if isinstance(content, str) and content == expected and is_digest(content) else None
    is_list = question.kind == TAGS and isinstance(content, list) and all(isinstance(tag, str) for tag in content)
    return tuple(content) if is_list else None


def _write(path: str, data: bytes) -> None:
    """Write a file whole or not at all. Other runs may write the same one."""
    draft = f"{path}.{os.urandom(8).hex()}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
    os.replace(draft, path)


def _key(folder: str) -> bytes:
    """Return the key of the hashes, random for each cache folder, so that no password can be guessed from the names of files elsewhere.

    Raises UnusableCache if it cannot be read or written.
    """
    path = os.path.join(folder, KEY)
    try:
        key = _stored_key(path)
        if len(key) != KEY_SIZE:
            # Left by a crash of the machine. What was kept cannot be found without it.
            os.unlink(path)
            key = _stored_key(path)
    except OSError as error:
        raise UnusableCache(f"{path} cannot be read or written: {error.strerror}") from None
    return key


def _stored_key(path: str) -> bytes:
    """Return the key in a file, which is created if it does not exist."""
    if not os.path.lexists(path):
        draft = f"{path}.{os.urandom(8).hex()}"
        _write(draft, os.urandom(KEY_SIZE))
        # Of several runs that start at the same time, one wins.
        with suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(KEY_SIZE + 1)


def _age(path: str) -> float:
    """Return the age of a file in seconds, infinite if it does not exist or is from the future."""
    try:
        age = time.time() - os.lstat(path).st_mtime
    except OSError:
        return float("inf")
    return age if age >= 0 else float("inf")


def _is_by_digest(question: Question) -> bool:
    return question.kind in (MANIFEST, BLOB) or (question.kind == DIGEST and ":" in question.target)
