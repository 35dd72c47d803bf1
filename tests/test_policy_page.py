"""docs/policy-reference.md is complete and correct: it has every key, placeholder, role and kind, and its patterns match as its tables show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imglint.model import ROLES, SETTING_KEYS
from imglint.patterns.image import ImagePattern
from imglint.patterns.tag import PLACEHOLDERS, TagPattern
from imglint.plugins.load import kinds
from imglint.policy.load import EXCEPTION_KEYS, KEYS, ROW_KEYS
from imglint.reference import parse

PAGE = (Path(__file__).parent.parent / "docs" / "policy-reference.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text from a heading to the next heading of any level."""
    texts = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    return next(text.removeprefix(f"{heading}\n") for text in texts if text.startswith(f"{heading}\n"))


def table(heading: str) -> list[list[list[str]]]:
    """Return the rows of the table under a heading, each as the code spans of its cells."""
    rows = [line.strip("|").split("|") for line in section(heading).splitlines() if line.startswith(("| `", "| [`"))]
    assert rows
    return [[re.findall("`([^`]+)`", cell) for cell in row] for row in rows]


@pytest.mark.parametrize(("pattern", "matching", "others"), table("Image patterns"))
def test_image_patterns_match_as_shown(pattern: list[str], matching: list[str], others: list[str]) -> None:
    def fits(image: str) -> bool:
        reference = parse(image)
        return ImagePattern(pattern[0]).fits(reference.name, reference.tag or "latest", reference.digest)

    assert matching
    assert [image for image in matching + others if fits(image)] == matching


@pytest.mark.parametrize(("names", "_meaning", "pattern", "matching", "others"), table("Placeholders"))
def test_tag_patterns_match_as_shown(
    names: list[str], _meaning: list[str], pattern: list[str], matching: list[str], others: list[str]
) -> None:
    assert all(name in pattern[0] for name in names)
    assert matching
    assert others
    assert [tag for tag in matching + others if TagPattern(pattern[0]).fits(tag)] == matching


def test_every_placeholder_is_on_the_page() -> None:
    assert {name for row in table("Placeholders") for name in row[0]} == {*(f"{{{name}}}" for name in PLACEHOLDERS), "*"}


@pytest.mark.parametrize(
    ("heading", "keys"),
    [("Keys", KEYS), ("images", ROW_KEYS), ("rules", SETTING_KEYS), ("exceptions", EXCEPTION_KEYS), ("Roles", ROLES)],
)
def test_every_key_and_role_is_on_the_page(heading: str, keys: tuple[str, ...]) -> None:
    assert {key for row in table(heading) for key in row[0]} == set(keys)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_section_with_type_default_example_and_errors(key: str) -> None:
    text = section(key)
    assert re.search(r"^Type: .* Default: ", text, re.MULTILINE | re.DOTALL)
    assert f"\n{key}:" in text
    assert "\nErrors: " in text


def test_every_kind_is_on_the_page() -> None:
    assert all(f"`{kind}`" in section("kinds") for kind in kinds())
