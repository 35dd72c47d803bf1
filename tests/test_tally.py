"""The results of a run take little memory for any number of files, and are complete."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint import output
from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import results as tally
from imglint.engine import run as engine
from imglint.engine.facts import files
from imglint.engine.results import LOOSE, FileReport, Findings, RunResults
from imglint.model import Finding, Severity
from imglint.output import SpooledReport
from imglint.source import Location

if TYPE_CHECKING:
    from tests.conftest import Imglint

FIXTURES = Path(__file__).parent.parent / "fixtures"


def finding(number: int) -> Finding:
    place = Location(f"deploy/{number}.yaml", number, 1, number, 9)
    return Finding(f"message {number}", place, "text", "a line", (place,), "latest-tag", Severity.WARNING, "hash")


@pytest.mark.parametrize("count", [0, 1, LOOSE, LOOSE + 1, 3 * LOOSE])
def test_findings_can_be_iterated_repeatedly(count: int) -> None:
    expected = [finding(number) for number in range(count)]
    kept = Findings()
    kept.extend(expected)
    assert len(kept) == count
    assert list(kept) == expected
    assert list(kept) == expected
    assert finding(count) not in kept
    assert not count or expected[-1] in kept


@pytest.mark.parametrize("sizes", [(0, 3, 0), (2, LOOSE + 1, 3), (LOOSE + 1, 1, 2 * LOOSE)])
def test_results_of_processes_are_joined_in_order(sizes: tuple[int, ...]) -> None:
    whole, expected = RunResults(), list[Finding]()
    for size in sizes:
        part, found = RunResults(), [finding(len(expected) + number) for number in range(size)]
        part.add(FileReport(tuple(found), "kubernetes", size, frozenset({("policy", size, 1)}), failed=size == 3))
        part.add(FileReport())
        whole.join(pickle.loads(pickle.dumps(part)))  # noqa: S301  it comes from here
        expected += found
    assert list(whole.findings) == expected
    assert len(whole.findings) == len(expected)
    assert (whole.files, whole.places, whole.failed) == (3, sum(sizes), 3 in sizes)
    assert whole.used_exceptions == {("policy", size, 1) for size in sizes}


def test_many_findings_take_a_tenth_of_their_size() -> None:
    kept = Findings()
    kept.extend([finding(number) for number in range(10 * LOOSE)])
    kept.pack()
    assert len(pickle.dumps(kept)) < 10 * LOOSE * 60


@pytest.mark.parametrize("limit", [0, 7, 1 << 20])
def test_a_spooled_report_equals_the_text_written(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "BUFFER_SIZE", limit)
    held, texts = SpooledReport(), ["a", "", "☃" * 9, "\udce9", "z\n"]
    assert [held.write(text) for text in texts] == [1, 0, 9, 1, 2]
    assert b"".join(held.pieces()) == "a☃☃☃☃☃☃☃☃☃\\udce9z\n".encode()
    assert b"".join(held.pieces()).endswith(b"z\n")


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github", "gitlab"])
def test_packing_changes_no_report(name: str, imglint: Imglint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    call = ("--format", name, "--jobs", "1", "readers", "policies", "demo")
    loose = imglint(*call, cwd=FIXTURES)
    monkeypatch.setattr(tally, "LOOSE", 3)
    monkeypatch.setattr(output, "BUFFER_SIZE", 100)
    assert imglint(*call, cwd=FIXTURES) == loose
    file = tmp_path / "report"
    imglint(*call, "--output", file, cwd=FIXTURES)
    assert file.read_text(encoding="utf-8") == loose.out


def test_findings_about_exceptions_are_sorted_among_the_others(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        "exceptions:\n- {rules: [latest-tag], match: docker.io/acme/*, reason: old, until: 2020-01-01}\n"
    )
    for name in ("-first.dockerfile", "last.dockerfile"):
        (tmp_path / name).write_text("FROM nginx:latest\n")
    outcome = imglint("check", "--select", "latest-tag", "--select", "expired-exception")
    assert [line.partition(":")[0] for line in outcome.out.splitlines() if ": error " in line or ": warning " in line] == [
        "-first.dockerfile",
        ".imglint.yaml",
        "last.dockerfile",
    ]


def test_checking_a_file_leaves_no_reference_cycles() -> None:
    settings = settings_for(CommandOptions())
    found = [
        *files((str(FIXTURES / "demo"),), settings),
        *files((str(FIXTURES / "readers" / "dockerfile"),), settings),
    ]
    assert len(found) > 20
    for one in found:
        engine.check_file(one, settings)
    gc.collect()
    gc.disable()
    try:
        for one in found:
            engine.check_file(one, settings)
        assert gc.collect() == 0
    finally:
        gc.enable()
