"""The list of tracked files is that of Git, for every form of the index, and no index stops a run."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imglint import git_index
from imglint.git_index import read_index, tracked_files
from imglint.source import UnreadFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Git = Callable[..., None]

DEEP = "/".join(["y" * 200] * 22)
"""A path longer than the longest length that an index can contain."""
NAMES = ["a", "b/c", "b/d/e", "b/é", "b.c", "n", "x" * 200, "x" * 255 + "/1", "x" * 255 + "/12"]


def listed_by_git(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    return sorted(set(os.fsdecode(listed).split("\0")[:-1]))


def build(root: Path, files: dict[str, str] | list[str]) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name] if isinstance(files, dict) else "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the repositories about which Git is asked."""
    roots: list[str] = []
    ask = git_index.listed_by_git

    def remember(root: str, path: str) -> list[bytes] | None:
        roots.append(root)
        return ask(root, path)

    monkeypatch.setattr(git_index, "listed_by_git", remember)
    return roots


@pytest.fixture
def repository(tmp_path: Path, git: Git) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
def test_versions(version: int, hashes: str, tmp_path: Path, git: Git, asked: list[str]) -> None:
    git(tmp_path, "init", "--quiet", f"--object-format={hashes}")
    build(tmp_path, NAMES)
    (tmp_path / os.fsdecode(b"\xff\xfe")).touch()
    git(tmp_path, "add", "--all")
    empty = {"sha1": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}.get(
        hashes, "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
    )
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"100644,{empty},{DEEP}")
    git(tmp_path, "update-index", "--assume-unchanged", "b/c")
    git(tmp_path, "update-index", "--index-version", str(version))
    if version > 2:
        # An entry with more flags is what makes an index version 3.
        git(tmp_path, "rm", "--cached", "--quiet", "n")
        git(tmp_path, "add", "--intent-to-add", "n")
    assert (tmp_path / ".git" / "index").read_bytes()[7] == version
    assert tracked_files(str(tmp_path)) == listed_by_git(tmp_path)
    git(tmp_path, "update-index", "--split-index")
    assert tracked_files(str(tmp_path)) == listed_by_git(tmp_path)
    (tmp_path / "a").write_text("changed")
    build(tmp_path, ["0", "b/new", "z"])
    git(tmp_path, "rm", "--cached", "--quiet", "b/d/e", "x" * 200)
    git(tmp_path, "add", "--all", "a", "0", "b/new", "z")
    assert b"link" in (tmp_path / ".git" / "index").read_bytes()
    assert tracked_files(str(tmp_path)) == listed_by_git(tmp_path)
    assert len(listed_by_git(tmp_path)) == len(NAMES) + 3
    assert asked == []


def test_a_large_split_index(repository: Path, git: Git, asked: list[str]) -> None:
    names = [f"{at:03}" for at in range(700)]
    build(repository, names)
    git(repository, "add", "--all")
    git(repository, "config", "splitIndex.maxPercentChange", "100")
    git(repository, "update-index", "--split-index")
    # Runs of deleted entries that begin and end anywhere in a word of the bitmap, and single ones.
    git(repository, "rm", "--cached", "--quiet", *names[10:300], *names[640:642], names[699])
    for name in names[310:600:3]:
        (repository / name).write_text("changed")
    git(repository, "add", *names[310:600])
    assert tracked_files(str(repository)) == listed_by_git(repository)
    assert len(listed_by_git(repository)) == 407
    assert asked == []


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "a.b", "a-b", "b", "ab", "é", "\U0001f600", "\udcff"]), min_size=1, max_size=4).map("/".join)
)


@settings(max_examples=60)
@given(paths=PATHS, version=st.sampled_from(["2", "4"]), more=PATHS, split=st.booleans())
def test_the_list_is_that_of_git(
    paths: list[str], version: str, more: list[str], split: bool, tmp_path_factory: pytest.TempPathFactory, git: Git
) -> None:
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "--quiet")

    def add(names: list[str], *options: str) -> None:
        entries = [
            b"100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 %d\t%s\n" % (len(name) % 2, os.fsencode(name)) for name in names
        ]
        subprocess.run(["git", "update-index", *options, "--index-info"], cwd=root, check=True, input=b"".join(entries))

    add(paths, "--index-version", version)
    git(root, "update-index", "--split-index" if split else "--no-split-index")
    add(more)
    assert list(tracked_files(str(root)) or ()) == listed_by_git(root)


def test_merge_conflicts_and_missing_files(repository: Path, git: Git) -> None:
    build(repository, {"both": "1", "deleted": "2", "gone": "3"})
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "One")
    git(repository, "switch", "--quiet", "--create", "other")
    build(repository, {"both": "4"})
    git(repository, "commit", "--quiet", "--all", "--message", "Two")
    git(repository, "switch", "--quiet", "-")
    build(repository, {"both": "5"})
    git(repository, "commit", "--quiet", "--all", "--message", "Three")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "other")
    (repository / "gone").unlink()
    assert tracked_files(str(repository)) == listed_by_git(repository) == ["both", "deleted", "gone"]


def test_sparse_indexes(repository: Path, git: Git, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    build(repository, ["in/a", "out/b", "out/c/d", "top"])
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "One")
    git(repository, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert tracked_files(str(repository)) == ["in/a", "top"]
    assert asked == []
    # A file in a folder that is not checked out may be one that Git tracks.
    build(repository, ["out/b", "out/untracked"])
    git_index.recent.clear()
    assert tracked_files(str(repository)) == listed_by_git(repository)
    assert asked == [str(repository)]
    git_index.recent.clear()
    monkeypatch.setenv("PATH", "")
    assert tracked_files(str(repository)) is None


def test_worktrees_and_submodules(tmp_path: Path, git: Git) -> None:
    for name in ("outer", "inner"):
        build(tmp_path, [f"{name}/{name}.txt"])
        git(tmp_path / name, "init", "--quiet")
        git(tmp_path / name, "add", "--all")
        git(tmp_path / name, "commit", "--quiet", "--message", "One")
    outer = tmp_path / "outer"
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "libs/inner")
    git(outer, "worktree", "add", "--quiet", str(tmp_path / "other"))
    build(tmp_path, ["other/new"])
    git(tmp_path / "other", "add", "new")
    git(tmp_path / "other", "update-index", "--split-index")
    expected = {
        "outer": [".gitmodules", "libs/inner", "outer.txt"],
        "outer/libs/inner": ["inner.txt"],
        "other": ["new", "outer.txt"],
    }
    for name, files in expected.items():
        assert tracked_files(str(tmp_path / name)) == listed_by_git(tmp_path / name) == files


def test_without_an_index_there_is_no_list(tmp_path: Path, repository: Path) -> None:
    assert tracked_files(str(repository)) is None
    assert tracked_files(str(tmp_path / "gone")) is None
    (repository / ".git" / "index").write_bytes(b"")
    assert tracked_files(str(repository)) is None


@pytest.mark.parametrize("form", ["absolute", "relative"])
@pytest.mark.parametrize("folder", ["", ".git", "absolute"])
def test_git_index_file(
    form: str, folder: str, repository: Path, tmp_path_factory: pytest.TempPathFactory, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    for root in (repository, other):
        build(root, ["a", "d/b"])
        git(root, "add", "a")
    own = repository / ".git" / "own"
    own.write_bytes((repository / ".git" / "index").read_bytes())
    git(repository, "add", "d/b")
    monkeypatch.setenv("GIT_INDEX_FILE", str(own) if form == "absolute" else ".git/own")
    if folder:
        monkeypatch.setenv("GIT_DIR", str(repository / ".git") if folder == "absolute" else folder)
    monkeypatch.chdir(repository)
    # It belongs to the repository in which the hook runs.
    assert tracked_files(str(repository)) == listed_by_git(repository) == ["a"]
    assert tracked_files(str(other)) == ["a"]
    monkeypatch.delenv("GIT_DIR", raising=False)
    monkeypatch.chdir(repository / "d")
    assert tracked_files(str(repository)) == ["a"]
    monkeypatch.chdir(other)
    assert tracked_files(str(repository)) == ["a", "d/b"]
    monkeypatch.chdir("/")
    assert tracked_files(str(repository)) == ["a", "d/b"]


def test_an_index_that_changes_is_read_again(repository: Path, git: Git) -> None:
    build(repository, ["a", "b"])
    for names in (["a"], ["a", "b"]):
        git(repository, "add", names[-1])
        assert tracked_files(str(repository)) == names
        assert tracked_files(str(repository)) is tracked_files(str(repository))


@pytest.fixture
def without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_index, "listed_by_git", lambda _root, _path: None)


def variants(data: bytes) -> list[bytes]:
    """Return an index cut at every byte, and with every byte changed."""
    cut = [data[:size] for size in range(len(data))]
    changed = [data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at in range(len(data)) for bit in (1, 128, 255)]
    return [*cut, *changed]


@pytest.mark.parametrize("form", ["2", "4", "split"])
def test_a_damaged_index_raises_no_other_error(form: str, repository: Path, git: Git, without_git: None) -> None:
    build(repository, ["a", "b/c"])
    git(repository, "add", "--all")
    git(repository, "update-index", *(["--split-index"] if form == "split" else ["--index-version", form]))
    if form == "split":
        git(repository, "rm", "--cached", "--quiet", "a")
    files = [repository / ".git" / "index", *(repository / ".git").glob("sharedindex.*")]
    for file in files:
        data = file.read_bytes()
        for variant in variants(data):
            file.unlink(missing_ok=True)
            file.write_bytes(variant)
            git_index.recent.clear()
            # A byte of a name or of an optional extension may have changed.
            assert len(tracked_files(str(repository)) or ()) <= 2
        file.write_bytes(data)


def entry(name: bytes, version: int = 2, flags: int | None = None) -> bytes:
    """Return an entry of an index, with a name as it is written in that version."""
    stored = bytes(60) + (min(len(name), 0xFFF) if flags is None else flags).to_bytes(2, "big")
    if version == 4:
        return stored + b"\0" + name + b"\0"
    return stored + name + bytes(8 - (len(stored) + len(name)) % 8)


def index(entries: list[bytes], version: int = 2, extensions: bytes = b"") -> bytes:
    return b"DIRC" + version.to_bytes(4, "big") + len(entries).to_bytes(4, "big") + b"".join(entries) + extensions + bytes(20)


LINK = b"\1" * 20
ONES = (2**32 - 1) << 1 | 1
REFUSED = {
    "empty": b"",
    "version 1": index([entry(b"a")], 1),
    "version 5": index([entry(b"a")], 5),
    "another file": b"#!/bin/sh\n" * 100,
    "more entries than there are": index([entry(b"a")])[:11] + b"\2" + index([entry(b"a")])[12:],
    "the most entries": b"DIRC\0\0\0\2\xff\xff\xff\xff" + bytes(100_000),
    "the most entries of version 4": b"DIRC\0\0\0\4\xff\xff\xff\xff" + bytes(100_000),
    "an unknown extension that is mandatory": index([entry(b"a")], 2, b"abcd\0\0\0\0"),
    "an extension larger than the file": index([entry(b"a")], 2, b"ABCD\0\0\0\x40"),
    "a name with a wrong length": index([entry(b"abc", 2, 2)]),
    "a long name that never ends": index([entry(b"a" * 5000)])[:4000],
    "a long name after which nothing is left": (
        b"DIRC\0\0\0\2\xff\xff\xff\xff" + entry(b"a", 2, 0xFFF) + bytes(20)
    ),
    "a name with a null byte": index([entry(b"a\0c")]),
    "no name": index([entry(b"")]),
    "no name in version 4": index([entry(b"", 4)], 4),
    "less than nothing left of the name before": index([bytes(60) + b"\0\1" + b"\x05a\0"], 4),
    "an endless number": index([bytes(60) + b"\0\1" + b"\xff" * 10_000], 4),
    "a link without a name": index([entry(b"a")], 2, b"link\0\0\0\x05\1\1\1\1\1"),
    "a link to nothing": index([entry(b"a")], 2, b"link\0\0\0\x14" + LINK),
}  # fmt: skip


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_index_is_refused(data: bytes, repository: Path, without_git: None) -> None:
    (repository / ".git" / "index").write_bytes(data)
    with pytest.raises(UnreadFile, match="damaged or in an unknown format"):
        read_index(str(repository))


def bitmap(size: int, *words: int) -> bytes:
    return (
        size.to_bytes(4, "big") + len(words).to_bytes(4, "big") + b"".join([word.to_bytes(8, "big") for word in words]) + bytes(4)
    )


NONE_SET = bitmap(0)
BITMAPS: dict[str, tuple[bytes, list[str] | None]] = {
    "no bitmaps": (b"", ["a", "b", "new"]),
    "nothing deleted": (NONE_SET * 2, ["a", "b", "new"]),
    "a word": (bitmap(2, 1 << 33, 0b10) + NONE_SET, ["a", "new"]),
    "a run": (bitmap(2, ONES) + NONE_SET, ["new"]),
    "a run of zeros before": (bitmap(2, (2**32 - 1) << 1, ONES) + NONE_SET, ["a", "b", "new"]),
    "a replaced entry": (NONE_SET + bitmap(2, 1 << 33, 0b10), ["a", "b"]),
    "a bit too many": (bitmap(3, 1 << 33, 0b100) + NONE_SET, None),
    "a word too many": (bitmap(3, 2 << 33, 0b1, 0b1) + NONE_SET, None),
    "a word that is missing": (bitmap(2, 2**31 - 1 << 33, 0b1) + NONE_SET, None),
    "cut": (bitmap(2, 1 << 33, 0b10)[:-1], None),
    "the second is cut": (NONE_SET + NONE_SET[:-1], None),
    "the longest": (b"\xff" * 8, None),
}


@pytest.mark.parametrize(("bitmaps", "expected"), BITMAPS.values(), ids=BITMAPS.keys())
def test_bitmaps_of_split_indexes(bitmaps: bytes, expected: list[str] | None, repository: Path, without_git: None) -> None:
    folder = repository / ".git"
    (folder / f"sharedindex.{LINK.hex()}").write_bytes(index([entry(b"a"), entry(b"b")]))
    extension = b"link" + (20 + len(bitmaps)).to_bytes(4, "big") + LINK + bitmaps
    (folder / "index").write_bytes(index([entry(b"new")], 2, extension))
    assert tracked_files(str(repository)) == expected


def test_a_split_index_may_have_no_shared_one(repository: Path, without_git: None) -> None:
    (repository / ".git" / "index").write_bytes(index([entry(b"a")], 2, b"link\0\0\0\x14" + bytes(20)))
    assert tracked_files(str(repository)) == ["a"]


@pytest.mark.parametrize("shared", [index([entry(b"")]), index([entry(b"a")], 2, b"link\0\0\0\x14" + LINK), None])
def test_shared_indexes_that_are_refused(shared: bytes | None, repository: Path, without_git: None) -> None:
    if shared is not None:
        (repository / ".git" / f"sharedindex.{LINK.hex()}").write_bytes(shared)
    (repository / ".git" / "index").write_bytes(index([], 2, b"link\0\0\0\x14" + LINK))
    assert tracked_files(str(repository)) is None


def test_names_that_git_does_not_check_out_are_left_out(repository: Path) -> None:
    names = [b".git/config", b"../a", b"/etc/passwd", b"a/../../b", b"a/./b", b"a//b", b"b/.git", b"ok", b"x.git/a", b".github/a"]
    for version in (2, 4):
        entries = [entry(name, version) for name in names]
        if version == 4:
            # Each entry removes the whole name before it.
            before = [b"", *names]
            entries = [
                bytes(60) + bytes((0, len(name), len(last))) + name + b"\0" for name, last in zip(names, before, strict=False)
            ]
        (repository / ".git" / "index").write_bytes(index(entries, version))
        assert tracked_files(str(repository)) == [".github/a", "ok", "x.git/a"]


def test_no_program_of_the_checkout_runs(repository: Path, git: Git) -> None:
    build(repository, ["out/b", "in/a"])
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "One")
    git(repository, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    build(repository, ["out/b"])
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.alternateRefsCommand", "diff.external"):
        git(repository, "config", key, f"touch {repository}/started")
    assert tracked_files(str(repository)) == ["in/a", "out/b"]
    assert not (repository / "started").exists()


def test_git_is_stopped_if_it_does_not_answer(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / ".git" / "index").write_bytes(b"")
    (repository / ".git" / "config").unlink()
    os.mkfifo(repository / ".git" / "config")
    monkeypatch.setattr(git_index, "_SECONDS", 0.2)
    assert tracked_files(str(repository)) is None


@pytest.mark.parametrize(("size", "is_read"), [(0, True), (1, False)])
def test_limit_of_all_names(
    size: int, is_read: bool, repository: Path, without_git: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each name of version 4 repeats the one before and adds a byte.
    entries = [bytes(60) + bytes((0, length)) + b"\0a\0" for length in range(1, 101)]
    data = index(entries, 4)
    (repository / ".git" / "index").write_bytes(data)
    # All names have more bytes than the file if they are not compressed.
    monkeypatch.setattr(git_index, "SIZE_MAX", len(data) - size)
    long = [bytes(60) + (200).to_bytes(2, "big") + b"\0" + b"a" * 200 + b"\0"] + [
        bytes(60) + (200).to_bytes(2, "big") + b"\0\0"
    ] * 99
    assert (tracked_files(str(repository)) is not None) is is_read
    (repository / ".git" / "index").write_bytes(index(long, 4))
    monkeypatch.setattr(git_index, "SIZE_MAX", 20_000 - size)
    assert (tracked_files(str(repository)) is not None) is is_read
