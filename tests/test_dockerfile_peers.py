"""dockerfile-parse finds the same base images in every fixture that it supports.

It does not implement all of BuildKit's rules. UNSUPPORTED lists the fixtures that it reads differently and the missing rule; a test checks that they
still differ, so that the list stays correct.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from imglint.dockerfile.facts import read_dockerfile
from imglint.model import ImageUse
from imglint.reference import InvalidReference, parse
from imglint.source import Source, read_text

ROOT = Path(__file__).parent.parent / "fixtures" / "readers" / "dockerfile"
CASES = {path.parent.name: Path(str(path).removesuffix(".facts.json")) for path in sorted(ROOT.glob("*/*.facts.json"))}
UNSUPPORTED = {
    "argument-forms": "no ${NAME:-default} and no patterns",
    "argument-forms-refused": "no ${NAME:-default} and no patterns",
    "arguments": "no arguments in the defaults of others",
    "byte-order-mark": "no byte order mark",
    "continuation": "no blank lines in a continued instruction",
    "ends-in-a-continuation": "no continuation at the end of the file",
    "heredocs": "no heredocs",
    "images-with-a-platform": "no platform arguments",
    "line-ends": "no heredocs",
    "redeclared-arguments": "no ARG without a default after one with a default",
    "stages-chosen-by-a-variable": "no ${NAME:-default}, and an empty string for an argument without a value",
    "templated": "no template expressions",
    "templated-stages": "no template expressions",
    "templated-without-an-end": "no template expressions",
    "unresolved-arguments": "an empty string for an argument without a value",
    "unterminated-heredoc": "no heredocs",
    "variables-of-the-policy": "no policy",
}


@pytest.mark.parametrize("case", sorted(CASES.keys() - UNSUPPORTED))
def test_both_parsers_find_the_same_base_images(case: str) -> None:
    assert _ours(CASES[case]) == _theirs(CASES[case])


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_fixtures_still_differ(case: str) -> None:
    assert _ours(CASES[case]) != _theirs(CASES[case])


def _ours(path: Path) -> list[str]:
    text = read_text(str(path))
    found = read_dockerfile(Source(str(path), text, kind="dockerfile", variables=_given(path)))
    uses = sorted([fact for fact in found if isinstance(fact, ImageUse) and fact.place == "from"], key=lambda use: use.span)
    return [str(use.reference) if use.reference else "none" for use in uses]


def _given(path: Path) -> dict[str, str]:
    given: dict[str, dict[str, str]] = json.loads(Path(f"{path}.facts.json").read_text(encoding="utf-8")).get("given", {})
    return given.get("variables", {})


def _theirs(path: Path) -> list[str]:
    parser = DockerfileParser(fileobj=io.BytesIO(path.read_bytes()))
    stages = ["scratch"]
    found = []
    lines = [entry["value"] for entry in parser.structure if entry["instruction"] == "FROM" and entry["value"]]
    for line, image in zip(lines, parser.parent_images, strict=True):
        if image.lower() not in stages:
            found.append(_normal(image))
        words = line.lower().split()
        stages += words[-1:] if words[-2:-1] == ["as"] else []
    return found


def _normal(image: str) -> str:
    try:
        return str(parse(image))
    except InvalidReference:
        return "none"
