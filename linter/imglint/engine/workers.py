"""Worker processes for large trees: forked, so that they have all that is imported, and asked over pipes.

Imports pickle. `concurrent.futures` does the same, and takes as long to import as checking some hundred files does.
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
"""Bytes of the number that says how long a message is."""


def mapped(work: Callable[[Any], Any], pieces: Iterable[Any], jobs: int) -> Generator[Any, None, None]:
    """Yield what `work` gives for each piece, in the order of the pieces, from that many processes. A piece is taken when one of them is free.

    Raises what `work` raises, and UsageError where a process cannot be started, or dies, as it would of a fault in a parser written in C.
    """
    workers: list[_Worker] = []
    try:
        try:
            for _ in range(jobs):
                workers.append(_Worker(work, workers))
        except OSError as error:
            raise UsageError(f"no more worker processes can be started: {error.strerror}; run with --jobs 1") from None
        yield from _in_turn(workers, enumerate(pieces))
    finally:
        for worker in workers:
            worker.stop()


def _in_turn(workers: list[_Worker], pieces: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    done: dict[int, Any] = {}
    turn = 0
    free = list(workers)
    # The next piece is looked for while all are at work: none has to wait for it.
    ahead = next(pieces, None)
    while ahead or len(free) < len(workers):
        while ahead and free:
            free.pop().ask(ahead)
            ahead = next(pieces, None)
        ready, _, _ = select([worker for worker in workers if worker not in free], [], [])
        for worker in ready:
            number, answer = worker.answer()
            done[number] = answer
            free.append(worker)
        while turn in done:
            yield done.pop(turn)
            turn += 1


class _Worker:
    """A process that is asked and answers, one piece at a time, so that neither side ever waits for the other to read."""

    def __init__(self, work: Callable[[Any], Any], others: list[_Worker]) -> None:
        asked, self._asking = os.pipe()
        self._answers, answering = os.pipe()
        self._process = os.fork()
        if not self._process:
            # An end that another process holds open too is never seen to close.
            for worker in (self, *others):
                worker.close()
            _serve(work, asked, answering)
        os.close(asked)
        os.close(answering)

    def fileno(self) -> int:
        """Return the descriptor at which to wait for an answer."""
        return self._answers

    def ask(self, piece: tuple[int, Any]) -> None:
        """Hand a piece and its number over."""
        try:
            _send(self._asking, piece)
        except BrokenPipeError:
            raise _died() from None

    def answer(self) -> tuple[int, Any]:
        """Return the number of a piece and what came of it."""
        try:
            number, answer = _receive(self._answers)
        except EOFError:
            raise _died() from None
        if isinstance(answer, Exception):
            raise answer
        return number, answer

    def stop(self) -> None:
        """End the process, whatever it is at."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self.close()

    def close(self) -> None:
        """Let go of the ends of its pipes."""
        os.close(self._asking)
        os.close(self._answers)


def _serve(work: Callable[[Any], Any], asked: int, answering: int) -> NoReturn:
    try:
        # An interrupt is the main process's to handle; the workers end with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            number, piece = _receive(asked)
            try:
                answer = work(piece)
            except Exception as error:
                answer = error
            _send(answering, (number, answer))
    finally:
        # What the main process has begun is not to be ended here once more: it has buffers to flush.
        os._exit(1)


def _died() -> UsageError:
    return UsageError("a worker process died; run with --jobs 1 to find the file that it died of, and report it")


def _send(pipe: int, message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    rest = memoryview(len(data).to_bytes(_SIZE, "big") + data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _receive(pipe: int) -> Any:
    """Return the next message. Raises EOFError where nobody is left to send one."""
    size = int.from_bytes(_read(pipe, _SIZE), "big")
    return pickle.loads(_read(pipe, size))  # noqa: S301  the other end is a process of this run


def _read(pipe: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(pipe, size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
