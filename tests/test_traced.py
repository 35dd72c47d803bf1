"""Traced text maps characters to spans of the file, records behave as frozen dataclasses, and sources map offsets to locations."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from imglint.model import INVALID, UNREAD_FILE, UNRESOLVED, image_use
from imglint.records import MANY, record, replace
from imglint.source import LINE_MAX, Source
from imglint.traced import PLACEHOLDER, Traced, joined, literal, opaque, unknown

#           0         1         2         3
#           0123456789012345678901234567890123456789
DOCKERFILE = "ARG B=web:1.0\nARG T=2.0\nFROM ${B}-${T}\n"


def _from_line() -> Traced:
    """Return the value of `${B}-${T}`: both defaults, joined by the text that starts at offset 29."""
    base = literal("web:1.0", 6).used_at(29, 29, 33)
    tag = literal("2.0", 20).used_at(29, 34, 38)
    return joined([base, literal("-", 33, 29), tag])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 3, "web"),
        (4, 7, "1.0"),
        (0, 7, "web:1.0"),
        (8, 11, "2.0"),
        (7, 8, "-"),
        (4, 11, "${B}-${T}"),
        (0, 11, "${B}-${T}"),
        (7, 11, "-${T}"),
    ],
)
def test_span_lies_in_the_innermost_shared_text(start: int, end: int, expected: str) -> None:
    low, high = _from_line().span(start, end)
    assert DOCKERFILE[low:high] == expected


def test_nested_defaults_are_followed_to_the_innermost() -> None:
    text = "ARG A=web\nARG B=${A}:3\nFROM $B\n"
    inner = literal("web", 6).used_at(16, 16, 20)
    whole = joined([inner, literal(":3", 20, 16)]).used_at(28, 28, 30)
    assert [text[slice(*whole.span(*span))] for span in [(0, 3), (4, 5), (0, 5)]] == ["web", "3", "${A}:3"]


def test_opaque_piece_keeps_its_whole_span() -> None:
    escaped = joined([literal("we", 1, 0), opaque("b\t", 0, 3, 8), literal("x", 8, 0)])
    assert escaped.text == "web\tx"
    assert escaped.span(2, 3) == (3, 8)
    assert escaped.cut(1, 3).text == "eb"


def test_empty_range_has_the_span_of_the_whole_text() -> None:
    assert literal("web", 5).span(3, 3) == (5, 8)


@record
class Point:
    """A typical record."""

    x: int
    y: int = 2

    @property
    def total(self) -> int:
        return self.x + self.y


def test_record_is_a_frozen_value() -> None:
    point = Point(1)
    assert (point.x, point.y, point.total) == (1, 2, 3)
    assert point == Point(x=1, y=2)
    assert point != Point(1, 3)
    assert hash(point) == hash(Point(1, 2))
    assert repr(point) == "Point(x=1, y=2)"
    assert replace(point, y=5) == Point(1, 5)
    assert pickle.loads(pickle.dumps(point)) == point  # noqa: S301  our own bytes
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del point.x


def test_compiled_constructor_behaves_like_the_generic_one() -> None:
    @record
    class Few:
        x: int
        y: int = 2

    @record
    class Many:
        x: int
        y: int = 2

    calls: list[Callable[[Any], object]] = [
        lambda kind: kind(1),
        lambda kind: kind(1, 3),
        lambda kind: kind(y=4, x=1),
    ]
    for number in range(2 * MANY):
        Many(number)
    assert [repr(call(Many)).removeprefix("Many") for call in calls] == [repr(call(Few)).removeprefix("Few") for call in calls]
    wrongs: list[Callable[[Any], object]] = [
        lambda kind: kind(),
        lambda kind: kind(1, 2, 3),
        lambda kind: kind(1, z=3),
        lambda kind: kind(1, x=3),
    ]
    for wrong in wrongs:
        for kind in (Few, Many):
            with pytest.raises(TypeError, match=kind.__name__):
                wrong(kind)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 3}), ((1,), {"x": 3})])
def test_record_rejects_arguments_that_do_not_match_its_fields(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(*values, **named)


@pytest.mark.parametrize(
    ("text", "start", "end", "expected"),
    [
        ("web", 0, 3, (1, 1, 1, 4)),
        ("a\nbc\n", 2, 4, (2, 1, 2, 3)),
        ("a\r\nbc", 3, 5, (2, 1, 2, 3)),
        ("é𝄞x", 2, 3, (1, 3, 1, 4)),
        ("a\u2028b\x85c", 4, 5, (1, 5, 1, 6)),
        ("a\nb", 0, 3, (1, 1, 2, 2)),
        ("", 0, 0, (1, 1, 1, 1)),
    ],
)
def test_locations_count_lines_and_code_points_from_one(text: str, start: int, end: int, expected: tuple[int, ...]) -> None:
    location = Source("f", text).location(start, end)
    assert (location.line, location.column, location.end_line, location.end_column) == expected


@pytest.mark.parametrize(
    ("text", "offset", "expected"), [("a\r\nb\r\n", 0, "a"), ("a\r\nb\r\n", 3, "b"), ("a\nb", 3, "b"), ("a\n", 2, "")]
)
def test_line_is_returned_without_its_line_break(text: str, offset: int, expected: str) -> None:
    assert Source("f", text).line_around(offset) == (expected, 1)


def test_long_line_is_cut_around_the_offset() -> None:
    line = "".join([chr(ord("a") + at % 26) for at in range(3 * LINE_MAX)])
    assert Source("f", line[:LINE_MAX] + "\n").line_around(5) == (line[:LINE_MAX], 1)
    for offset in (0, 5, LINE_MAX, 2 * LINE_MAX, 3 * LINE_MAX - 1, 3 * LINE_MAX):
        text, column = Source("f", f"a\n{line}\nb").line_around(offset + 2)
        assert len(text) <= LINE_MAX
        assert text == line[column - 1 : column - 1 + len(text)]
        assert column - 1 <= offset <= column - 1 + len(text)
        assert text[offset - column + 1 :][:100] == line[offset:][:100]


@pytest.mark.parametrize(
    ("texts", "reference", "whole"),
    [
        (["ghcr.io/acme/app:", None], "ghcr.io/acme/app", "ghcr.io/acme/app:$"),
        (["ghcr.io/acme/app:", None, "-slim"], "ghcr.io/acme/app", "ghcr.io/acme/app:$-slim"),
        (["app:1.", None, "@sha256:" + "0" * 64], f"docker.io/library/app@sha256:{'0' * 64}", f"app:1.$@sha256:{'0' * 64}"),
        (["app:1@", None], "docker.io/library/app", "app:1@$"),
        (["app@sha256:", None], "docker.io/library/app", "app@sha256:$"),
        (["app:", None, "@", None], "docker.io/library/app", "app:$@$"),
        (["localhost:5000/app:", None], "localhost:5000/app", "localhost:5000/app:$"),
        (["localhost:", None, "/app:1"], None, None),
        ([None], None, None),
        ([None, "/app:1"], None, None),
        (["ghcr.io/acme/app", None], None, None),
        (["ghcr.io/", None, ":1"], None, None),
    ],
)
def test_unknown_tag_or_digest_leaves_the_name(texts: list[str | None], reference: str | None, whole: str | None) -> None:
    text = "".join(["$" if part is None else part for part in texts])
    source = Source("Dockerfile", text)
    parts, at = [], 0
    for part in texts:
        parts.append(unknown(0, at, at + 1) if part is None else literal(part, at, 0))
        at += len(part or "$")
    use = image_use(source, joined(parts), (0, at), place="from", where="stage 0", role="base", unresolved="no value")
    assert (str(use.reference) if use.reference else None) == reference
    if reference is None:
        assert use.problem is not None
        assert (use.problem.rule, use.problem.message) == (UNRESOLVED, "no value")
        return
    assert use.reference is not None
    assert (use.reference.tag, use.tag_known, use.pulled_tag) == (None, False, None)
    assert text[slice(*use.parts["whole"])] == whole
    assert text[slice(*use.parts["repository"])] in ("acme/app", "app")
    assert ("digest" in use.parts) == (use.reference.digest is not None)


def test_placeholder_written_in_a_file_is_no_unknown_value() -> None:
    use = image_use(
        Source("f", f"app:{PLACEHOLDER}"), literal(f"app:{PLACEHOLDER}", 0), (0, 5), place="from", where="x", role="base"
    )
    assert use.problem is not None
    assert use.problem.rule == INVALID


def test_unknown_piece_stays_unknown_when_cut_and_used() -> None:
    text = joined([literal("a:", 0), unknown(0, 2, 6)]).used_at(9, 10, 12)
    assert (text.unknown_at, text.cut(1, 3).unknown_at, text.cut(0, 2).unknown_at) == (2, 1, -1)


def test_limit_is_reported_as_unread_file() -> None:
    use = image_use(Source("f", "x"), None, (0, 1), place="from", where="x", role="base", unresolved="too long", over_limit=True)
    assert use.problem is not None
    assert (use.problem.rule, use.problem.message) == (UNREAD_FILE, "too long")
