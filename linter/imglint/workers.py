"""Worker processes for large trees. Imports concurrent.futures, which costs as much as checking some hundred files does."""

from __future__ import annotations

import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from imglint.output import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from imglint.engine import Watch

CHUNKS_PER_WORKER = 8
"""Pieces of work for each worker: few enough to send, enough that none of the workers waits long for the last."""


def mapped(check: Callable[[Any], Any], found: Sequence[Any], jobs: int, watch: Watch) -> Iterator[Any]:
    """Yield what `check` gives for each file, in the order of the files, from that many processes.

    Raises CallError where a process dies, as it would of a fault in a parser written in C.
    """
    size = max(len(found) // (jobs * CHUNKS_PER_WORKER), 1)
    chunks = [found[start : start + size] for start in range(0, len(found), size)]
    # A forked process has the function and all that is imported already: nothing has to be sent or loaded again.
    with ProcessPoolExecutor(jobs, get_context("fork"), _take, (check,)) as pool:
        waiting = deque([pool.submit(_check_chunk, chunk) for chunk in chunks])
        try:
            for _ in watch(range(len(chunks))):
                # A future holds its result for as long as it is held itself.
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise CallError("a worker process died; run with --jobs 1 to find the file that it died of, and report it") from None


_taken: list[Callable[[Any], Any]] = []


def _take(check: Callable[[Any], Any]) -> None:
    # An interrupt is the main process's to handle; the workers end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _taken[:] = [check]


def _check_chunk(found: Sequence[Any]) -> list[Any]:
    return [_taken[0](one) for one in found]
