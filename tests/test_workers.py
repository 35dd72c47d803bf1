"""Worker processes answer in turn, fail as a single process would, and are gone when the run is over."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.engine.workers import mapped
from imglint.errors import PluginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Imglint


def processes() -> list[str]:
    """Return the processes that this one has started and not seen the end of."""
    me = os.getpid()
    return Path(f"/proc/{me}/task/{me}/children").read_text().split()


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = processes()
    yield
    assert processes() == before


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_answers_come_in_the_order_of_the_pieces(jobs: int, count: int) -> None:
    def work(piece: int) -> tuple[int, int]:
        time.sleep(0.01 * (piece % 3))
        return piece, os.getpid()

    answers = list(mapped(work, iter(range(count)), jobs))
    assert [piece for piece, _ in answers] == list(range(count))
    assert len({process for _, process in answers} - {os.getpid()}) == min(jobs, count)


def test_pieces_and_answers_may_be_larger_than_a_pipe() -> None:
    pieces = [bytes([number]) * 300_000 for number in range(6)]
    assert list(mapped(lambda piece: piece * 2, pieces, 2)) == [piece * 2 for piece in pieces]


def test_pieces_are_taken_when_they_are_needed() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(100):
            taken.append(piece)
            yield piece

    def work(piece: int) -> int:
        time.sleep(0.05)
        return piece

    answers = mapped(work, pieces(), 2)
    assert next(answers) == 0
    assert len(taken) < 50
    answers.close()


def test_what_is_raised_in_a_process_is_raised_here() -> None:
    def work(piece: int) -> int:
        if piece == 3:
            raise PluginError("imglint_rules.odd: write a docstring")
        return piece

    with pytest.raises(PluginError, match=r"^imglint_rules\.odd: write a docstring$"):
        list(mapped(work, range(9), 2))


@pytest.mark.parametrize("piece_of_death", [0, 5])
def test_a_process_that_dies_is_told_of_with_the_way_out(piece_of_death: int) -> None:
    def work(piece: int) -> int:
        if piece == piece_of_death:
            os.kill(os.getpid(), signal.SIGKILL)
        return piece

    with pytest.raises(UsageError, match="a worker process died; run with --jobs 1 to find the file"):
        list(mapped(work, range(9), 2))


def test_an_interrupt_is_left_to_the_main_process() -> None:
    def work(piece: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return piece

    assert list(mapped(work, range(4), 2)) == [0, 1, 2, 3]


def test_a_run_in_which_a_process_dies_writes_no_report(
    imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.dockerfile").write_text("FROM nginx\n")
    (tmp_path / "b.dockerfile").write_text("FROM nginx\n")
    monkeypatch.setattr("imglint.engine.run.check_file", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    outcome = imglint("--jobs", "2")
    assert (outcome.status, outcome.out) == (2, "")
    assert "a worker process died" in outcome.err


def test_processes_that_cannot_be_started_are_told_of_with_the_way_out() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 12, limits[1]))
    try:
        with pytest.raises(UsageError, match="no more worker processes can be started: Too many open files; run with --jobs 1"):
            list(mapped(lambda piece: piece, range(9), 50))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
