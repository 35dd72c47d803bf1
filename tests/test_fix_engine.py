"""Fixing one file: which fixes are made together, and that the result is read back. The rules are made for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine.discover import Found
from imglint.engine.fix import PASSES_MAX, FixedFile, fix_file
from imglint.model import Edit, Fix, ImageUse, Severity
from imglint.plugins.load import Rule
from imglint.records import replace
from imglint.source import Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imglint.model import Finding

    Check = Callable[[ImageUse], Iterator[Finding]]

DOCKERFILE = b"# c\nFROM a:1 AS x\nFROM b:2 AS y\nUSER 1\n"
NOT_READ = "the file would not be read as before"


def rule(name: str, check: Check, covers: tuple[str, ...] = ()) -> Rule:
    return Rule(name, Severity.WARNING, None, None, "Rewrites.", check_image=lambda use, _: check(use), covers=covers)


def to(find: str, *edits: tuple[int, int, str], expects: str = "", lines: int = 0) -> Check:
    """Return a check that offers edits for the use of an image, relative to its name."""

    def check(use: ImageUse) -> Iterator[Finding]:
        if use.text == find:
            start = use.span[0]
            made = tuple(Edit(use.source.location(start + one, start + other), text) for one, other, text in edits)
            yield replace(use.finding("found"), fix=Fix("fix it", made, False, expects))

    return check


def fixed(content: bytes, *rules: Rule, name: str = "Dockerfile", **more: object) -> FixedFile:
    """Return a file fixed by rules."""
    settings = settings_for(CommandOptions(paths=(name,)))
    own = [one for one in settings.rules.values() if not (one.check_image or one.check_user)]
    settings = replace(settings, rules={one.id: one for one in (*own, *rules)})
    return fix_file(Found(name, True), content, settings, lambda _: True, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "compose.yaml").touch()


TOUCHING: list[tuple[str, tuple[Check, ...], bytes, int]] = [
    ("one", (to("a:1", (0, 0, "c/"), expects="c/a:1"),), b"# c\nFROM c/a:1 AS x\nFROM b:2 AS y\nUSER 1\n", 1),
    ("two files parts", (to("a:1", (0, 0, "c/"), expects="c/a:1"), to("b:2", (2, 3, "3"), expects="b:3")),
     b"# c\nFROM c/a:1 AS x\nFROM b:3 AS y\nUSER 1\n", 2),
    # The second fix no longer fits after the first.
    ("same text", (to("a:1", (0, 3, "c:1"), expects="c:1"), to("a:1", (0, 3, "d:1"), expects="d:1")),
     b"# c\nFROM c:1 AS x\nFROM b:2 AS y\nUSER 1\n", 1),
    ("same text, one after the other", (to("a:1", (0, 3, "c:1"), expects="c:1"), to("c:1", (2, 3, "2"), expects="c:2")),
     b"# c\nFROM a:1 AS x\nFROM b:2 AS y\nUSER 1\n", 0),
]  # fmt: skip


@pytest.mark.parametrize(("checks", "expected", "count"), [case[1:] for case in TOUCHING], ids=[case[0] for case in TOUCHING])
def test_fixes_that_touch_are_made_in_turn(checks: tuple[Check, ...], expected: bytes, count: int) -> None:
    file = fixed(DOCKERFILE, *[rule(f"r{number}", check) for number, check in enumerate(checks)])
    assert (file.after, file.fixed) == (expected, count)
    assert applied(file) == expected


def applied(file: FixedFile) -> bytes:
    """Return the content of a file with its changes made."""
    content = file.before
    for start, end, new in reversed(file.changes):
        content = content[:start] + new + content[end:]
    return content


def test_two_fixes_about_one_image_are_made_in_turn() -> None:
    def registry(use: ImageUse) -> Iterator[Finding]:
        if use.reference is not None and not use.reference.registry_explicit:
            yield use.finding("no registry", "repository", fix=use.fix(f"docker.io/library/{use.text}", "write it"))

    def tag(use: ImageUse) -> Iterator[Finding]:
        if use.reference is not None and use.reference.tag == "1":
            yield use.finding("old", "tag", fix=use.fix(use.text.removesuffix("1") + "9", "write 9"))

    file = fixed(b"FROM a:1\nUSER 1", rule("registry", registry), rule("tag", tag))
    assert (file.after, file.fixed) == (b"FROM docker.io/library/a:9\nUSER 1", 2)
    assert applied(file) == file.after


def test_a_covered_finding_is_fixed_after_the_one_that_covered_it() -> None:
    one = rule("r1", to("a:1", (0, 3, "c:1"), expects="c:1"), covers=("r2",))
    other = rule("r2", to("c:1", (0, 3, "docker.io/library/c:2"), expects="c:2"))
    file = fixed(DOCKERFILE, one, other)
    assert (file.after, file.fixed) == (DOCKERFILE.replace(b"a:1", b"docker.io/library/c:2"), 2)
    assert applied(file) == file.after


def test_findings_that_the_report_leaves_out_are_not_fixed() -> None:
    rules = (
        rule("r1", to("a:1", (0, 3, "long/name:1"), expects="long/name:1"), covers=("r3",)),
        rule("r2", to("b:2", (0, 3, "d:2"), expects="d:2")),
        rule("r3", to("long/name:1", (0, 11, "short:1"), expects="short:1")),
    )
    file = fixed(DOCKERFILE, *rules, reported={("r1", 2, 6)})
    assert (file.after, file.fixed) == (DOCKERFILE.replace(b"a:1", b"short:1"), 2)
    assert fixed(DOCKERFILE, *rules, reported=set()).after == DOCKERFILE


def test_the_number_of_passes_is_bounded() -> None:
    def shorter(use: ImageUse) -> Iterator[Finding]:
        start = use.span[0] + len("a:v")
        for at in range(use.text.count("x")):
            place = use.source.location(start + at, start + at + 1)
            yield replace(use.finding("long", fix=use.fix(use.text[:-1], "shorten")), location=place)

    def after(length: int) -> bytes:
        return fixed(b"FROM a:v" + b"x" * length, rule("shorter", shorter)).after

    assert after(PASSES_MAX) == b"FROM a:v"
    assert after(PASSES_MAX + 1) == b"FROM a:vx"


REFUSED: list[tuple[str, Check, str]] = [
    ("another image", to("a:1", (0, 1, "c"), expects="d:1"), "line 2 would not read as expected"),
    ("no reference", to("a:1", (0, 1, "c"), expects="!"), "line 2 would not read as expected"),
    ("an invalid one", to("a:1", (0, 1, "C"), expects="c:1"), "line 2 would not read as expected"),
    ("nothing expected", to("a:1", (0, 1, "c")), "line 2 would not read as expected"),
    ("another stage", to("a:1", (0, 1, "c"), (4, 8, "AS z"), expects="c:1"), "line 2 would not read as expected"),
    ("still there", to("a:1", (4, 8, "AS x "), expects="a:1"), "line 2 would have a finding of r1"),
    ("no image", to("a:1", (0, 3, "scratch"), expects="scratch"), NOT_READ),
    ("one more", to("a:1", (0, 3, "c:1\nFROM d"), expects="c:1"), NOT_READ),
    ("a syntax error", to("a:1", (0, 3, "c:1 AS x\nFRO d"), expects="c:1"), NOT_READ),
    ("the user too", to("b:2", (0, 15, "c:2 AS y\nUSER 0\n"), expects="c:2"), "line 4 would not read as expected"),
    ("a comment", to("a:1", (0, 3, "c:1 AS x\n# imglint: ignore[r1]\n#"), expects="c:1"), "a comment would not read as before"),
    ("another place", to("b:2", (-5, -5, "RUN x\n")), "line 4 would have a finding of r1"),
    ("no edits", to("a:1", expects="a:1"), "is not possible"),
    ("the same text", to("a:1", (0, 3, "a:1"), expects="a:1"), "is not possible"),
    ("overlapping edits", to("a:1", (0, 2, "c:"), (1, 3, ":2"), expects="c:2"), "is not possible"),
    ("a surrogate", to("a:1", (-6, -6, "\udcff"), (0, 1, "c"), expects="c:1"), "the file could not be read"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_file_that_does_not_read_as_expected_stays(check: Check, reason: str) -> None:
    other = rule("r2", to("b:2", (0, 1, "e"), expects="e:2"))
    file = fixed(DOCKERFILE, rule("r1", check), *[other] * (reason != "is not possible"))
    assert (file.after, file.fixed, file.changes) == (DOCKERFILE, 0, ())
    assert file.failure.endswith(reason)


def test_a_file_that_would_be_too_large_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = rule("r1", to("a:1", (0, 0, "c/"), expects="c/a:1"))
    monkeypatch.setattr("imglint.engine.fix.FILE_SIZE_MAX", len(DOCKERFILE) + 2)
    assert fixed(DOCKERFILE, longer).fixed == 1
    monkeypatch.setattr("imglint.engine.fix.FILE_SIZE_MAX", len(DOCKERFILE) + 1)
    assert fixed(DOCKERFILE, longer).failure == "the file could not be read"


@pytest.mark.parametrize("lines", [(1, 1, 1, 99), (99, 1, 99, 1), (2, 6, 2, 5), (1, 0, 1, 1)])
def test_a_fix_at_a_place_that_is_not_in_the_file(lines: tuple[int, int, int, int]) -> None:
    def check(use: ImageUse) -> Iterator[Finding]:
        edit = Edit(Location(use.source.path, *lines), "x")
        yield replace(use.finding("found"), fix=Fix("fix it", (edit,)))

    assert fixed(DOCKERFILE, rule("r1", check)).failure == f"the place of a fix in line {lines[0]} is not in the file"


def test_a_comment_that_silences_nothing_any_more_is_no_fault_of_a_fix_but_the_next_to_fix() -> None:
    compose = b"services:\n  a:\n    image: a:1 # imglint: ignore[r2]\n  b:\n    image: b:1 # imglint: ignore[r2]\n"
    rules = (
        rule("r1", to("a:1", (0, 3, "c:1"), expects="c:1")),
        rule("r2", lambda use: iter([use.finding("a")] * (use.text != "c:1"))),
    )
    file = fixed(compose, *rules, name="compose.yaml")
    assert (file.after, file.fixed) == (compose.replace(b"a:1 # imglint: ignore[r2]", b"c:1"), 2)
