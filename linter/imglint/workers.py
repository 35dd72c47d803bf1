"""Worker processes for large trees. Imports concurrent.futures, which costs as much as checking some hundred files does."""

from __future__ import annotations

import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from imglint.engine import check_file, kept_small
from imglint.output import CallError
from imglint.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imglint.discover import Found, Unlisted
    from imglint.engine import FileReport, Settings, Watch

CHUNKS_PER_WORKER = 8
"""Pieces of work for each worker: few enough to send, enough that none of the workers waits long for the last."""


def check_all(found: Sequence[Found | Unlisted], settings: Settings, jobs: int, watch: Watch) -> Iterator[FileReport]:
    """Check files in that many processes, and yield their reports in the order of the files.

    Raises CallError where a process dies, as it would of a fault in a parser written in C.
    """
    size = max(len(found) // (jobs * CHUNKS_PER_WORKER), 1)
    chunks = [found[start : start + size] for start in range(0, len(found), size)]
    # A forked process has the settings and all that is imported already: nothing has to be sent or loaded again.
    with ProcessPoolExecutor(jobs, get_context("fork"), _take, (settings,)) as pool:
        waiting = deque([pool.submit(_check, chunk) for chunk in chunks])
        try:
            for _ in watch(range(len(chunks))):
                # A future holds its result for as long as it is held itself.
                yield from [_received(report) for report in waiting.popleft().result()]
        except BrokenProcessPool:
            raise CallError("a worker process died; run with --jobs 1 to find the file that it died of, and report it") from None


def _received(report: FileReport) -> FileReport:
    return replace(report, findings=tuple([kept_small(finding) for finding in report.findings]))


_settings: list[Settings] = []


def _take(settings: Settings) -> None:
    # An interrupt is the main process's to handle; the workers end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _settings[:] = [settings]


def _check(found: Sequence[Found | Unlisted]) -> list[FileReport]:
    return [check_file(one, _settings[0]) for one in found]
