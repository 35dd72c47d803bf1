"""Worker processes return results in order, report errors as a single process does, and end with the run."""

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
    """Return the ids of the running child processes."""
    me = os.getpid()
    return Path(f"/proc/{me}/task/{me}/children").read_text().split()


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = processes()
    yield
    left = [process for process in processes() if process not in before]
    for process in left:
        os.kill(int(process), signal.SIGKILL)
    assert left == []


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_results_come_in_the_order_of_the_pieces(jobs: int, count: int) -> None:
    def work(piece: int) -> tuple[int, int]:
        time.sleep(0.01 * (piece % 3))
        return piece, os.getpid()

    results = list(mapped(work, iter(range(count)), jobs))
    assert [piece for piece, _ in results] == list(range(count))
    assert len({process for _, process in results} - {os.getpid()}) == min(jobs, count)


def test_pieces_and_results_larger_than_a_pipe() -> None:
    pieces = [bytes([number]) * 300_000 for number in range(6)]
    assert list(mapped(lambda piece: piece * 2, pieces, 2)) == [piece * 2 for piece in pieces]


def test_pieces_are_taken_on_demand() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(100):
            taken.append(piece)
            yield piece

    def work(piece: int) -> int:
        time.sleep(0.05)
        return piece

    results = mapped(work, pieces(), 2)
    assert next(results) == 0
    assert len(taken) < 50
    results.close()


def test_exception_of_a_worker_is_raised() -> None:
    def work(piece: int) -> int:
        if piece == 3:
            raise PluginError("imglint_rules.odd: write a docstring")
        return piece

    with pytest.raises(PluginError, match=r"^imglint_rules\.odd: write a docstring$"):
        list(mapped(work, range(9), 2))


@pytest.mark.parametrize("fatal_piece", [0, 5])
def test_worker_that_dies(fatal_piece: int) -> None:
    def work(piece: int) -> int:
        if piece == fatal_piece:
            os.kill(os.getpid(), signal.SIGKILL)
        return piece

    message = "a worker process crashed; run with --jobs 1 to find the file that causes it, and report the bug"
    with pytest.raises(UsageError, match=f"^{message}$"):
        list(mapped(work, range(9), 2))


def test_workers_ignore_interrupts() -> None:
    def work(piece: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return piece

    assert list(mapped(work, range(4), 2)) == [0, 1, 2, 3]


def test_run_with_a_worker_that_dies_writes_no_report(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.dockerfile").write_text("FROM nginx\n")
    (tmp_path / "b.dockerfile").write_text("FROM nginx\n")
    monkeypatch.setattr("imglint.engine.run.check_file", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    outcome = imglint("--jobs", "2")
    assert (outcome.status, outcome.out) == (2, "")
    assert "a worker process crashed" in outcome.err


def test_workers_that_cannot_be_started() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 12, limits[1]))
    try:
        with pytest.raises(UsageError, match=r"^cannot start worker processes: Too many open files; run with --jobs 1$"):
            list(mapped(lambda piece: piece, range(9), 50))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
