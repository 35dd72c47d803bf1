"""Reading one file: which files are read, which reader reads them, and what is reported if that fails."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import facts
from imglint.engine.discover import Found, WalkError
from imglint.engine.facts import claim, files, read_file
from imglint.errors import PluginError
from imglint.model import Comment, ImageUse, Problem, RunUser
from imglint.plugins.load import Reader
from imglint.policy.lookup import default_policy
from imglint.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from imglint.engine.facts import FileFacts, Settings
    from imglint.model import Fact
    from imglint.source import Source

START = (1, 1, 1, 1)
"""Lines and columns of the location of a problem with a whole file."""
ADVICE = "run again with --debug and report the traceback"
DEVELOPMENT = "environments: {development: ['*.dev', dev/]}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(tree: Path, policy: str = "", **changes: object) -> Settings:
    """Return the settings of a run in a folder, with a policy there if one is given."""
    if policy:
        (tree / ".imglint.yaml").write_text(policy)
    return replace(settings_for(CommandOptions()), **changes)


def write(tree: Path, *names: str) -> None:
    """Write empty files."""
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()


def problems(file: FileFacts) -> list[tuple[str, str, tuple[int, int, int, int]]]:
    """Return rule, message, and lines and columns of each problem of a file."""
    found = []
    for fact in file.facts:
        if isinstance(fact, Problem):
            assert fact.location.path == file.source.path
            location = fact.location
            place = location.line, location.column, location.end_line, location.end_column
            found.append((fact.rule, fact.message, place))
    return found


def reader_with(
    read: Callable[[Source], Sequence[Fact] | Iterator[Fact]] = lambda _source: (),
    claims: Callable[[Source], bool] = lambda _source: True,
    kind: str = "odd",
) -> Reader:
    return Reader(kind, (f"*.{kind}",), claims, read)


def install(monkeypatch: pytest.MonkeyPatch, *installed: Reader) -> None:
    """Make these the installed readers."""
    monkeypatch.setattr(facts, "readers", lambda _name="": iter(installed))


def failing(_source: Source) -> Iterator[Fact]:
    raise ValueError("no")


# Which files are read.

WALKS = {
    "known names in folders": ("", ["Dockerfile", "a/b/KUSTOMIZATION", "a/kustomization"], []),
    "a known name is not that of a folder": ("", [], ["kustomization/notes", "dockerfile/a"]),
    "a known name is not the end of another": ("", [], ["a/my-kustomization"]),
    "files with a kind in the policy": (
        "kinds: {dockerfile: ['build/*.docker']}",
        ["build/a.docker"],
        ["a.docker", "build/b.txt"],
    ),
    "an excluded file": ("exclude: [a/*]", ["b/Dockerfile"], ["a/Dockerfile"]),
    "an excluded folder": ("exclude: [a/]", ["b/a.dockerfile"], ["a/Dockerfile", "b/a/Dockerfile"]),
    "a pattern for folders does not exclude a file": ("exclude: [Dockerfile/]", ["Dockerfile"], []),
}


@pytest.mark.parametrize(("policy", "read", "others"), WALKS.values(), ids=WALKS.keys())
def test_files_of_a_walk(policy: str, read: list[str], others: list[str], tree: Path) -> None:
    write(tree, *read, *others)
    found = list(files([""], settings(tree, policy)))
    assert found == [Found(path, False, under="") for path in ([".imglint.yaml"] if policy else []) + read]


@pytest.mark.parametrize(("policy", "read", "others"), list(WALKS.values())[-3:], ids=list(WALKS)[-3:])
def test_files_excluded_by_an_option(policy: str, read: list[str], others: list[str], tree: Path) -> None:
    write(tree, *read, *others)
    patterns = policy.removeprefix("exclude: [").removesuffix("]")
    found = list(files([""], settings_for(CommandOptions(exclude=(patterns,)))))
    assert found == [Found(path, False, under="") for path in read]


@pytest.mark.parametrize(("policy", "option"), [("exclude: [a/]", ()), ("rules: {latest-tag: error}", ("a/",))])
def test_an_excluded_folder_is_not_read(policy: str, option: tuple[str, ...], tree: Path) -> None:
    write(tree, "Dockerfile", "a/Dockerfile")
    os.mkfifo(tree / "a" / ".gitignore")
    (tree / ".imglint.yaml").write_text(policy)
    found = list(files([""], settings_for(CommandOptions(exclude=option))))
    assert found == [Found(".imglint.yaml", False, under=""), Found("Dockerfile", False, under="")]


@pytest.mark.parametrize(
    ("filename", "policy", "option", "expected"),
    [
        ("a/Dockerfile", "", (), True),
        ("a/Dockerfile", "exclude: [b/*]", ("b/*",), True),
        ("a/Dockerfile", "exclude: [a/*]", (), False),
        ("a/Dockerfile", "", ("a/*",), False),
        ("a/Dockerfile", "exclude: ['-']", ("-",), True),
        (None, "exclude: ['-']", (), False),
    ],
)
def test_stdin_is_excluded_by_its_file_name(
    filename: str | None, policy: str, option: tuple[str, ...], expected: bool, tree: Path
) -> None:
    if policy:
        (tree / ".imglint.yaml").write_text(policy)
    options = CommandOptions(paths=("-",), exclude=option, stdin_filename=filename)
    assert list(files(["-"], settings_for(options))) == ([Found("-", True)] if expected else [])


# What is read.


def test_stdin_is_read_under_its_file_name(tree: Path, stdin: Callable[[bytes], None]) -> None:
    (tree / "dev").mkdir()
    (tree / "dev" / "Dockerfile").write_text("FROM on-disk\n")
    stdin(b"FROM quay.io/a/b\n")
    file = read_file(Found("-", True), settings(tree, DEVELOPMENT, stdin_filename="dev/Dockerfile"))
    assert (file.source.path, file.source.text, file.source.kind) == ("dev/Dockerfile", "FROM quay.io/a/b\n", "dockerfile")
    assert {fact.environment for fact in file.facts if isinstance(fact, ImageUse)} == {"development"}


def test_stdin_without_a_file_name(tree: Path, stdin: Callable[[bytes], None]) -> None:
    (tree / "-").write_text("FROM on-disk\n")
    stdin(b"FROM quay.io/a/b\n")
    file = read_file(Found("-", True), settings(tree))
    assert (file.source.path, file.source.text, file.source.kind) == ("-", "FROM quay.io/a/b\n", "dockerfile")


def test_undecodable_stdin(tree: Path, stdin: Callable[[bytes], None]) -> None:
    stdin(b"FROM a\xff\n")
    file = read_file(Found("-", True), settings(tree, stdin_filename="a/Dockerfile"))
    assert file.source.path == "a/Dockerfile"
    assert problems(file) == [("unread-file", "cannot read this file: not valid UTF-8", (1, 7, 1, 8))]


UNREADABLE = {
    "missing": (lambda _path: None, "No such file or directory"),
    "a folder": (os.mkdir, "not a regular file"),
    "a named pipe": (os.mkfifo, "not a regular file"),
    "a link to itself": (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize(("make", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_file(make: Callable[[str], None], reason: str, tree: Path) -> None:
    make("notes.dev")
    file = read_file(Found("notes.dev", True), settings(tree, DEVELOPMENT))
    assert (file.source.path, file.source.kind, file.source.text) == ("notes.dev", "", "")
    assert problems(file) == [("unread-file", f"cannot read this file: {reason}", START)]
    assert [fact.environment for fact in file.facts if isinstance(fact, Problem)] == ["development"]


UNDECODABLE = {
    "in the middle": ("Dockerfile", b"FROM a\nUSER \xff1\n", "UTF-8", (2, 6, 2, 7)),
    "at the end": ("Dockerfile", b"FROM a\xff", "UTF-8", (1, 7, 1, 8)),
    "after characters of several bytes": ("Dockerfile", "FROM a # äöü".encode() + b"\xff\xff", "UTF-8", (1, 13, 1, 14)),
    "after a byte order mark": ("Dockerfile", b"\xef\xbb\xbfFROM a\xff", "UTF-8", (1, 7, 1, 8)),
    "several": ("Dockerfile", b"FROM a\xff\nUSER \xff\n", "UTF-8", (1, 7, 1, 8)),
    "in another encoding": ("Dockerfile", "\ufeffFROM a\n".encode("utf-16-le") + b"\x00", "UTF-16", (2, 1, 2, 2)),
}


@pytest.mark.parametrize(("name", "content", "encoding", "place"), UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_undecodable_file(name: str, content: bytes, encoding: str, place: tuple[int, int, int, int], tree: Path) -> None:
    (tree / name).write_bytes(content)
    file = read_file(Found(name, True), settings(tree))
    assert (file.source.path, file.source.kind) == (name, "dockerfile")
    assert problems(file) == [("unread-file", f"cannot read this file: not valid {encoding}", place)]


def test_undecodable_file_of_an_unknown_kind_is_skipped(tree: Path) -> None:
    (tree / "notes.txt").write_bytes(b"caf\xe9\n")
    file = read_file(Found("notes.txt", True), settings(tree))
    assert (file.source.path, file.source.kind, file.facts) == ("notes.txt", "", ())


@pytest.mark.parametrize(("environment", "expected"), [(None, "development"), ("production", "production")])
def test_folder_that_a_walk_could_not_list(environment: str | None, expected: str, tree: Path) -> None:
    file = read_file(WalkError("a.dev", "cannot read folder: no"), settings(tree, DEVELOPMENT, environment=environment))
    assert (file.source.path, file.source.text, file.source.kind) == ("a.dev", "", "")
    assert problems(file) == [("unread-file", "cannot read folder: no", START)]
    assert [fact.environment for fact in file.facts if isinstance(fact, Problem)] == [expected]


# Which reader reads it.

CLAIMS = {
    "by its name": ("Dockerfile", "", "", "dockerfile"),
    "by its content": ("a.yaml", "apiVersion: v1\nkind: Pod\n", "", "kubernetes"),
    "by no reader": ("notes.txt", "some notes\n", "", ""),
    "by the policy": ("build/a.txt", "some notes\n", "kinds: {dockerfile: [build/]}", "dockerfile"),
    "by the policy, whatever its name and content": ("Dockerfile", "FROM a\n", "kinds: {compose: [Dockerfile]}", "compose"),
    "by the policy for other files": ("a.txt", "some notes\n", "kinds: {dockerfile: [build/]}", ""),
}


@pytest.mark.parametrize(("path", "text", "policy", "kind"), CLAIMS.values(), ids=CLAIMS.keys())
def test_file_is_claimed(path: str, text: str, policy: str, kind: str, tree: Path) -> None:
    source, reader = claim(path, text, settings(tree, policy).policies.of(path))
    assert (source.path, source.text, source.kind) == (path, text, kind)
    assert (reader.kind if reader else "") == kind


def test_readers_are_asked_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    not_this, first, second = reader_with(claims=lambda _source: False), reader_with(kind="first"), reader_with(kind="second")
    install(monkeypatch, not_this, first, second)
    source, reader = claim("a", "", default_policy())
    assert (reader, source.kind) == (first, "first")


def test_source_has_the_variables_and_targets_of_the_policy(tree: Path) -> None:
    policy = settings(tree, "variables: {TAG: '1'}\ntargets: [web, api]\n").policies.of("")
    for path in ("Dockerfile", "notes.txt"):
        source, _ = claim(path, "", policy)
        assert (source.variables, source.targets) == ({"TAG": "1"}, ("web", "api"))


# What its reader finds.


def test_facts_have_the_environment_and_row_of_their_file(tree: Path) -> None:
    rows = "images: [{match: quay.io/a/*, environments: [development]}, {match: quay.io/a/*}]\n"
    (tree / "a.dev").write_text("# imglint: ignore[latest-tag]\nFROM quay.io/a/b\nUSER 1\nFOO\n")
    policy = f"{DEVELOPMENT}{rows}kinds: {{dockerfile: ['*.dev']}}\n"
    for environment, row in (("development", 0), ("production", 1)):
        given = settings(tree, policy, environment=None if environment == "development" else environment)
        found = read_file(Found("a.dev", True), given).facts
        assert [type(fact) for fact in found if isinstance(fact, Comment)] == [Comment]
        [use] = [fact for fact in found if isinstance(fact, ImageUse)]
        [user] = [fact for fact in found if isinstance(fact, RunUser)]
        [problem] = [fact for fact in found if isinstance(fact, Problem)]
        assert user.image is not None
        table = given.policies.of("a.dev").table
        assert table is not None
        for image in (use, user.image):
            assert (image.environment, image.row) == (environment, table.rows[row])
        assert (user.environment, problem.environment) == (environment, environment)


def test_user_without_an_image(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, reader_with(lambda source: [RunUser(source, (0, 1), "task", "task a", "root")]))
    (tree / "a.dev").write_text("a\n")
    [user] = read_file(Found("a.dev", True), settings(tree, DEVELOPMENT)).facts
    assert isinstance(user, RunUser)
    assert (user.user, user.image, user.environment) == ("root", None, "development")


@pytest.mark.parametrize(("count", "limited"), [(2, False), (3, False), (4, True), (9, True)])
def test_facts_after_the_limit_are_not_read(count: int, limited: bool, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def comments(source: Source) -> Iterator[Fact]:
        for number in range(count):
            read.append(number)
            yield Comment(source, (number, number + 1))

    monkeypatch.setattr(facts, "FACTS_MAX", 3)
    install(monkeypatch, reader_with(comments))
    (tree / "a").write_text("#" * count)
    file = read_file(Found("a", True), settings(tree))
    message = "more than 3 images, users and comments in this file; the rest was not read"
    assert problems(file) == ([("unread-file", message, (1, 4, 1, 5))] if limited else [])
    assert len(read) == min(count, 4)
    assert [fact.span[0] for fact in file.facts if isinstance(fact, Comment)] == [*range(min(count, 3))]


# Readers that fail.


def test_reader_that_fails_to_read(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def read(source: Source) -> Iterator[Fact]:
        yield Comment(source, (0, 1))
        raise ValueError("no")

    install(monkeypatch, reader_with(read))
    (tree / "a.dev").write_text("some text\n")
    file = read_file(Found("a.dev", True), settings(tree, DEVELOPMENT))
    assert problems(file) == [("internal-error", f"reader odd failed with ValueError: no; {ADVICE}", START)]
    assert [type(fact) for fact in file.facts] == [Comment, Problem]
    assert (file.source.path, file.source.kind, file.source.text) == ("a.dev", "odd", "some text\n")
    assert [fact.environment for fact in file.facts if isinstance(fact, Problem)] == ["development"]
    assert capsys.readouterr().err == ""


def test_reader_that_fails_to_claim(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    install(monkeypatch, reader_with(claims=lambda source: next(failing(source)) is not None))
    (tree / "a.dev").write_text("some text\n")
    file = read_file(Found("a.dev", True), settings(tree, DEVELOPMENT))
    assert problems(file) == [("internal-error", f"detecting the kind of this file failed with ValueError: no; {ADVICE}", START)]
    assert (file.source.path, file.source.kind, file.source.text) == ("a.dev", "", "some text\n")
    assert [fact.environment for fact in file.facts if isinstance(fact, Problem)] == ["development"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("role", ["read", "claims"])
def test_debug_prints_the_traceback_of_a_reader(
    role: str, tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = {"read": lambda _source: True, "claims": lambda source: next(failing(source)) is not None}[role]
    install(monkeypatch, reader_with(failing, claims))
    write(tree, "a")
    read_file(Found("a", True), settings(tree, debug=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("\nValueError: no\n")


def test_reader_that_breaks_its_contract(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "acme.odd: read() must yield facts, found 5"

    def breaking(_source: Source) -> bool:
        raise PluginError(message)

    write(tree, "a")
    install(monkeypatch, reader_with(lambda source: [Comment(source, (0, 0))] if breaking(source) else []))
    assert problems(read_file(Found("a", True), settings(tree))) == [("internal-error", message, START)]
    install(monkeypatch, reader_with(claims=breaking))
    with pytest.raises(PluginError, match=f"^{re.escape(message)}$"):
        read_file(Found("a", True), settings(tree))
