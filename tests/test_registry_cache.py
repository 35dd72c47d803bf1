"""The answers of earlier runs: kept as long as they can be true, apart for different credentials, and never trusted without a check."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from threading import Thread

import pytest

from imglint import Unverified
from imglint.records import replace
from imglint.registry import cache
from imglint.registry.cache import Cache, UnusableCache, cache_folder, prune
from imglint.registry.examples import ExampleRegistries
from imglint.registry.hosts import Endpoint
from imglint.registry.logins import Login, anonymous
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS, Answer, Question

GHCR = Endpoint("ghcr.io", "ghcr.io")
NAME = "ghcr.io/acme/web"


class Asked:
    """A registry with an image, and the questions that it was asked."""

    def __init__(self) -> None:
        self.examples, self.questions = ExampleRegistries(), list[Question]()
        self.digest = self.examples.add(f"{NAME}:1", platforms=("linux/amd64",))
        self.blob = next(iter(self.examples.blobs[NAME]))

    def __call__(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.examples.ask(question)

    def question(self, kind: str, target: str = "") -> Question:
        return Question(kind, GHCR, "acme/web", target)

    @property
    def by_digest(self) -> list[Question]:
        return [self.question(kind, self.digest) for kind in (DIGEST, MANIFEST)] + [self.question(BLOB, self.blob)]

    @property
    def changing(self) -> list[Question]:
        return [self.question(DIGEST, "1"), self.question(TAGS), self.question(REFERRERS, self.digest)]

    @property
    def every(self) -> list[Question]:
        return self.by_digest + self.changing

    def asked(self, folder: Path, questions: list[Question], *, refresh: bool = False) -> list[Question]:
        """Return those of the questions that a new run asks the registry. The answers are right."""
        self.questions.clear()
        answers = Cache(str(folder), self, anonymous, refresh=refresh)
        for question in questions:
            assert answers.ask(question) == self.examples.ask(question)
        return self.questions[:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return Path(cache_folder(()))


@pytest.fixture
def registry() -> Asked:
    return Asked()


def _files(folder: Path) -> list[Path]:
    return sorted(path for name in ("digests", "tags") for path in (folder / name).iterdir())


def test_a_second_run_asks_nothing(registry: Asked, folder: Path) -> None:
    assert registry.asked(folder, registry.every) == registry.every
    assert registry.asked(folder, registry.every) == []
    assert len(_files(folder)) == len(registry.every)


def test_refresh_asks_anew_and_keeps_the_answers(registry: Asked, folder: Path) -> None:
    registry.asked(folder, registry.every)
    registry.examples.add(f"{NAME}:1", platforms=("linux/amd64",), user="1")
    assert registry.asked(folder, registry.changing, refresh=True) == registry.changing
    assert registry.asked(folder, registry.changing) == []


@pytest.mark.parametrize(("age_s", "is_known"), [(-1000, False), (5, True), (590, True), (610, False)])
def test_answers_changing_are_kept_for_ten_minutes(age_s: int, is_known: bool, registry: Asked, folder: Path) -> None:
    registry.asked(folder, registry.every)
    then = time.time() - age_s
    for path in _files(folder):
        os.utime(path, (then, then))
    assert registry.asked(folder, registry.every) == ([] if is_known else registry.changing)


@pytest.mark.parametrize("kind", [DIGEST, TAGS])
def test_absence_is_not_kept(kind: str, registry: Asked, folder: Path) -> None:
    absent = [replace(registry.question(kind, "2" if kind == DIGEST else ""), repository="acme/absent")]
    assert registry.asked(folder, absent) == absent
    assert registry.asked(folder, absent) == absent
    assert _files(folder) == []


def test_absence_ends_what_was_kept(registry: Asked, folder: Path) -> None:
    registry.asked(folder, registry.changing)
    registry.examples.tags.clear()
    registry.examples.has_referrers = False
    registry.asked(folder, registry.changing, refresh=True)
    assert registry.asked(folder, registry.changing) == registry.changing


def test_a_registry_that_was_not_asked_leaves_nothing(registry: Asked, folder: Path) -> None:
    def fail(question: Question) -> Answer:
        raise Unverified(question.endpoint.registry, "HTTP 500")

    for question in registry.every:
        with pytest.raises(Unverified, match="HTTP 500"):
            Cache(str(folder), fail, anonymous).ask(question)
    assert _files(folder) == []


LOGINS = [None, Login("a", "b"), Login("a", "c"), Login("d", "b"), Login("ab", ""), Login("a", "b", "t")]


def test_answers_are_kept_apart_for_credentials_hosts_and_ways_to_them(registry: Asked, folder: Path) -> None:
    endpoints = [
        GHCR,
        Endpoint("ghcr.io", "mirror.example"),
        Endpoint("ghcr.io", "mirror.example", "hub/"),
        Endpoint("ghcr.io", "ghcr.io", insecure=True),
        Endpoint("ghcr.io", "ghcr.io", private=True),
        Endpoint("ghcr.io", "ghcr.io", ca="x"),
    ]
    for login in LOGINS:
        answers = Cache(str(folder), registry, lambda _endpoint, login=login: login)  # type: ignore[misc]
        for endpoint in endpoints:
            for question in registry.every:
                answers.ask(replace(question, endpoint=endpoint))
    assert len(registry.questions) == len(set(_files(folder))) == len(LOGINS) * len(endpoints) * len(registry.every)


def test_no_secret_is_in_the_folder(registry: Asked, folder: Path) -> None:
    answers = Cache(str(folder), registry, lambda _endpoint: Login("alice", "opensesame", "t0ken"))
    for question in registry.every:
        answers.ask(question)
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [word for word in ("alice", "opensesame", "t0ken") if word in path.name or word.encode() in content]


def test_another_folder_has_other_names(registry: Asked, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    other = Path(cache_folder(()))
    for place in (folder, other):
        registry.asked(place, registry.every)
    assert not {path.name for path in _files(folder)} & {path.name for path in _files(other)}


OTHER = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[",
        b"[1]",
        b"7",
        b'"latest"',
        b'"sha256:00"',
        b'"md5:00"',
        b"\xff",
        b"[" * 100_000,
        f'"{OTHER}"'.encode(),
        None,
    ],
)
def test_a_poisoned_or_cut_file_is_ignored(content: bytes | None, registry: Asked, folder: Path) -> None:
    registry.asked(folder, registry.every)
    for path in _files(folder):
        path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    registry.questions.clear()
    answers = Cache(str(folder), registry, anonymous)
    for question in registry.by_digest:
        assert answers.ask(question) == registry.examples.ask(question)
    assert registry.questions == registry.by_digest
    # No digest proves what a tag is, so only the form is checked.
    if content != f'"{OTHER}"'.encode():
        assert answers.ask(registry.changing[0]) == registry.digest
    assert answers.ask(registry.changing[1]) == ("1",)
    if content != b"{}":
        assert answers.ask(registry.changing[2]) == registry.examples.ask(registry.changing[2])


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_file_that_is_none_is_ignored(kind: str, registry: Asked, folder: Path, tmp_path: Path) -> None:
    registry.asked(folder, registry.every)
    for path in _files(folder):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        path.unlink()
        if kind == "link":
            path.symlink_to(tmp_path / path.name)
        elif kind == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)
    assert registry.asked(folder, registry.every) == registry.every


def test_the_folder_is_for_the_user_alone(registry: Asked, folder: Path, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        registry.asked(folder, registry.every)
    finally:
        os.umask(umask)
    assert folder == tmp_path / "caches" / "imglint"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir()) if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}


def _of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)


def _readable(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def _link(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "target").mkdir(mode=0o700)
    folder.symlink_to("target")


def _file(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("")


def _below_a_file(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.rmdir()
    folder.parent.write_text("")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_of_others, "is open to other users; it must be yours, with the mode 0700"),
        (_readable, "is open to other users; it must be yours, with the mode 0700"),
        (_link, "is not a folder"),
        (_file, "is not a folder"),
        (_below_a_file, "cannot be created: File exists"),
    ],
)
def test_a_folder_that_others_can_write_to_is_refused(
    make: object, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    caches = tmp_path / "caches"
    caches.mkdir()
    make(caches / "imglint", monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    with pytest.raises(UnusableCache, match=reason):
        cache_folder(())


def test_the_folder_is_in_the_home_unless_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder(()) == f"{tmp_path}/.cache/imglint"
    monkeypatch.setenv("HOME", "relative")
    with pytest.raises(UnusableCache, match="there is no home folder"):
        cache_folder(())


def test_a_folder_in_the_checked_files_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableCache, match="is in the checked folder"):
        cache_folder((str(tmp_path / "elsewhere"), str(tmp_path)))


def test_a_damaged_key_is_replaced(registry: Asked, folder: Path) -> None:
    registry.asked(folder, registry.every)
    (folder / "key").write_bytes(b"")
    assert registry.asked(folder, registry.every) == registry.every
    assert registry.asked(folder, registry.every) == []


def test_a_key_that_cannot_be_read_is_an_error(registry: Asked, folder: Path) -> None:
    (folder / "key").mkdir()
    with pytest.raises(UnusableCache, match="cannot be read or written"):
        registry.asked(folder, registry.every)


def test_a_full_disk_is_no_reason_not_to_answer(registry: Asked, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.asked(folder, [])

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_write", full)
    assert registry.asked(folder, registry.every) == registry.every


def test_concurrent_runs_share_the_folder(registry: Asked, folder: Path) -> None:
    found: list[Answer] = []

    def run() -> None:
        answers = Cache(str(folder), registry, anonymous)
        found.extend([answers.ask(question) for question in registry.every * 20])

    threads = [Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [registry.examples.ask(question) for question in registry.every] * 160
    assert len(_files(folder)) == len(registry.every)
    assert {path.name for path in folder.iterdir()} == {"digests", "tags", "key", "pruned"}


def test_pruning_keeps_the_newest_answers(registry: Asked, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SIZE_MAX", 1000)
    for number in range(20):
        path = folder / "digests" / f"{number}"
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    for name, age_s in (("old", 700), ("new", 0)):
        path = folder / "tags" / name
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - age_s,) * 2)
    prune(str(folder))
    assert {path.name for path in _files(folder)} == {"new", *map(str, range(11, 20))}


def test_a_run_prunes_once_a_day_and_after_writing_much(registry: Asked, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder / "tags" / "old"

    def is_pruned() -> bool:
        old.write_bytes(b"")
        os.utime(old, (0, 0))
        registry.asked(folder, registry.every, refresh=True)
        return not old.exists()

    assert is_pruned()
    assert not is_pruned()
    os.utime(folder / "pruned", (0, 0))
    assert is_pruned()
    assert not is_pruned()
    monkeypatch.setattr(cache, "PRUNE_SIZE", 500)
    assert is_pruned()
