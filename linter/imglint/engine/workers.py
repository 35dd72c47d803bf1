"""Worker processes for large trees. They are forked, so that they share all imported modules, and receive work through pipes.

`concurrent.futures` would do the same, but importing it takes as long as checking several hundred files.
"""

from __future__ import annotations

import os
import pickle
import signal
from select import select

from imglint.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any, NoReturn

_SIZE = 8
"""Bytes of the length in front of a message."""


def mapped(work: Callable[[Any], Any], pieces: Iterable[Any], jobs: int) -> Generator[Any, None, None]:
    """Yield the result of `work` for each piece, in order, computed by `jobs` processes. A piece is taken when a process is free.

    Raises the exceptions of `work`, and UsageError if a process cannot be started or crashes, for example in a parser written in C.
    """
    workers: list[_Worker] = []
    try:
        try:
            for _ in range(jobs):
                workers.append(_Worker(work, workers))
        except OSError as error:
            raise UsageError(f"cannot start worker processes: {error.strerror}; run with --jobs 1") from None
        yield from _in_turn(workers, enumerate(pieces))
    finally:
        for worker in workers:
            worker.stop()


def _in_turn(workers: list[_Worker], pieces: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    done: dict[int, Any] = {}
    turn = 0
    free = list(workers)
    # The next piece is prepared while all workers are busy, so that no worker has to wait for it.
    ahead = next(pieces, None)
    while ahead or len(free) < len(workers):
        while ahead and free:
            free.pop().send(ahead)
            ahead = next(pieces, None)
        ready, _, _ = select([worker for worker in workers if worker not in free], [], [])
        for worker in ready:
            number, result = worker.receive()
            done[number] = result
            free.append(worker)
        while turn in done:
            yield done.pop(turn)
            turn += 1


class _Worker:
    """A process that works on one piece at a time, so that neither side blocks on a full pipe."""

    def __init__(self, work: Callable[[Any], Any], others: list[_Worker]) -> None:
        tasks, self._tasks = os.pipe()
        self._results, results = os.pipe()
        self._process = os.fork()
        if not self._process:
            # A pipe is closed only when every process that inherited its ends has closed them.
            for worker in (self, *others):
                worker.close()
            _serve(work, tasks, results)
        os.close(tasks)
        os.close(results)

    def fileno(self) -> int:
        """Return the file descriptor on which the result arrives."""
        return self._results

    def send(self, piece: tuple[int, Any]) -> None:
        """Send a piece with its number to the process."""
        try:
            _send(self._tasks, piece)
        except BrokenPipeError:
            raise _crashed() from None

    def receive(self) -> tuple[int, Any]:
        """Return the number of the piece and its result."""
        try:
            number, result = _receive(self._results)
        except EOFError:
            raise _crashed() from None
        if isinstance(result, Exception):
            raise result
        return number, result

    def stop(self) -> None:
        """Kill the process and close its pipes."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self.close()

    def close(self) -> None:
        """Close this side of the pipes."""
        os.close(self._tasks)
        os.close(self._results)


def _serve(work: Callable[[Any], Any], tasks: int, results: int) -> NoReturn:
    try:
        # The main process handles interrupts, and the workers end with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            number, piece = _receive(tasks)
            try:
                result = work(piece)
            except Exception as error:
                result = error
            _send(results, (number, result))
    finally:
        # Skip exit handlers and buffers that were inherited from the main process.
        os._exit(1)


def _crashed() -> UsageError:
    return UsageError("a worker process crashed; run with --jobs 1 to find the file that causes it, and report the bug")


def _send(pipe: int, message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    rest = memoryview(len(data).to_bytes(_SIZE, "big") + data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _receive(pipe: int) -> Any:
    """Return the next message. Raises EOFError if the pipe is closed."""
    size = int.from_bytes(_read(pipe, _SIZE), "big")
    return pickle.loads(_read(pipe, size))  # noqa: S301  sent by a process of this run


def _read(pipe: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(pipe, size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
