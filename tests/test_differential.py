"""Reports do not depend on the YAML parser, the number of processes, the order of the files, or the word filter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fuzz.targets import TARGETS, YAML_READERS, ViolationError, contents, python_parser, seeds

from imglint.readers import kubernetes
from imglint.source import Source, UnreadFile, read_text
from imglint.traced import literal
from imglint.yaml import documents as yamltree
from imglint.yaml import facts as yamlfacts

if TYPE_CHECKING:
    from tests.conftest import Imglint

    from imglint.model import Fact, Span
    from imglint.traced import Traced
    from imglint.yaml.nodes import Scalar

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
YAML_FILES = sorted(
    path.relative_to(FIXTURES).as_posix()
    for path in FIXTURES.rglob("*")
    if path.suffix in (".yaml", ".yml", ".json", ".tpl") and not path.name.endswith(".facts.json") and path.is_file()
)


def facts(path: str) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Return the facts of a file, for each reader that claims it."""
    try:
        text = read_text(str(FIXTURES / path))
    except UnreadFile:
        return []
    found = []
    for reader in YAML_READERS:
        source = Source(str(FIXTURES / path), text, reader.__name__)
        if reader.claims(source):
            read: list[Fact] = list(reader.read(source))
            found.append((reader.__name__, contents(read)))
    return found


@pytest.mark.parametrize("path", YAML_FILES)
def test_both_yaml_parsers_give_the_same_facts(path: str) -> None:
    by_c = facts(path)
    with python_parser():
        assert facts(path) == by_c


def test_c_parser_is_used_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def pure(_text: str) -> object:
        raise AssertionError("the Python parser was used")

    monkeypatch.setattr(yamltree, "_pure_parser", pure)
    assert yamltree.parse_document("{a: b}") is not None


@pytest.mark.parametrize("path", YAML_FILES)
def test_documents_skipped_by_the_word_filter_have_no_facts(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filtered = facts(path)
    monkeypatch.setattr(kubernetes, "_may_name_images", lambda _document: True)
    assert facts(path) == filtered


@pytest.fixture(scope="module")
def everything() -> list[str]:
    """Return the folders of one large run."""
    return [str(FIXTURES / name) for name in ("readers", "explain", "policies", "demo")]


FORMATS = ["text", "json", "sarif", "github", "gitlab"]


@pytest.mark.parametrize("output", FORMATS)
def test_report_does_not_depend_on_the_number_of_processes(output: str, everything: list[str], imglint: Imglint) -> None:
    one = imglint(*everything, "--format", output, "--jobs", "1")
    assert len(one.out) > 10_000
    for jobs in ("2", "3"):
        assert imglint(*everything, "--format", output, "--jobs", jobs) == one


@pytest.mark.parametrize("output", FORMATS)
def test_report_does_not_depend_on_the_order_of_folders(output: str, everything: list[str], imglint: Imglint) -> None:
    one = imglint(*everything, "--format", output)
    assert imglint(*reversed(everything), "--format", output) == one
    assert imglint(*everything, everything[0], "--format", output) == one


def test_report_does_not_depend_on_the_order_of_files(imglint: Imglint) -> None:
    files = [str(path) for path in sorted((FIXTURES / "readers").rglob("*")) if path.is_file()]
    listed = imglint("images", "--format", "json", *files)
    assert listed.out.count("\n") > 300
    assert imglint("images", "--format", "json", *reversed(files)) == listed


def test_second_run_gives_the_same_report(everything: list[str], imglint: Imglint) -> None:
    assert imglint(*everything) == imglint(*everything)


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz_targets_pass_for_their_seeds(name: str) -> None:
    inputs = list(seeds(name))
    assert inputs
    for data in inputs:
        TARGETS[name](data)


@pytest.mark.parametrize(("before", "shift"), [("x", 0), ("", 1), ("", -1)], ids=["other text", "later span", "earlier span"])
def test_fuzz_target_fails_for_a_wrong_fact(before: str, shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(_source: Source, value: Scalar) -> tuple[Traced, Span]:
        return literal(before + value.value, value.start + shift), (value.start + shift, value.end + shift)

    monkeypatch.setattr(yamlfacts, "traced_text", odd)
    with pytest.raises(ViolationError, match="at its span"):
        TARGETS["yaml"](b"\1apiVersion: v1\nkind: Pod\nspec: {containers: [{image: acme/app:v1 }]}\n")
