"""docs/policy.md: each example of a pattern in its tables is right, and every placeholder, key and kind is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imglint.patterns.image import ImagePattern
from imglint.patterns.tag import PLACEHOLDERS, TagPattern
from imglint.plugins import kinds
from imglint.policy.load import EXCEPTION_KEYS, KEYS, ROW_KEYS, SETTING_KEYS
from imglint.reference import parse

PAGE = (Path(__file__).parent.parent / "docs" / "policy.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text below a heading, up to the next heading of any level."""
    texts = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    return next(text.removeprefix(f"{heading}\n") for text in texts if text.startswith(f"{heading}\n"))


def table(heading: str) -> list[list[list[str]]]:
    """Return the table below a heading: for each row and cell, the texts in backticks."""
    rows = [line.strip("|").split("|") for line in section(heading).splitlines() if line.startswith(("| `", "| [`"))]
    assert rows
    return [[re.findall("`([^`]+)`", cell) for cell in row] for row in rows]


@pytest.mark.parametrize(("pattern", "fitting", "others"), table("Image patterns"))
def test_image_patterns_match_the_examples(pattern: list[str], fitting: list[str], others: list[str]) -> None:
    def fits(image: str) -> bool:
        reference = parse(image)
        return ImagePattern(pattern[0]).fits(reference.name, reference.tag or "latest", reference.digest)

    assert fitting
    assert [image for image in fitting + others if fits(image)] == fitting


@pytest.mark.parametrize(("names", "_meaning", "pattern", "fitting", "others"), table("Placeholders"))
def test_tag_patterns_match_the_examples(
    names: list[str], _meaning: list[str], pattern: list[str], fitting: list[str], others: list[str]
) -> None:
    assert all(name in pattern[0] for name in names)
    assert fitting
    assert others
    assert [tag for tag in fitting + others if TagPattern(pattern[0]).fits(tag)] == fitting


def test_every_placeholder_is_on_the_page() -> None:
    assert {name for row in table("Placeholders") for name in row[0]} == {*(f"{{{name}}}" for name in PLACEHOLDERS), "*"}


@pytest.mark.parametrize(
    ("heading", "keys"), [("Keys", KEYS), ("images", ROW_KEYS), ("rules", SETTING_KEYS), ("exceptions", EXCEPTION_KEYS)]
)
def test_every_key_is_on_the_page(heading: str, keys: tuple[str, ...]) -> None:
    assert {key for row in table(heading) for key in row[0]} == set(keys)


def test_every_kind_is_on_the_page() -> None:
    assert all(f"`{kind}`" in section("exclude, kinds, fail-on") for kind in kinds())
