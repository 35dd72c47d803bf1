"""The answers of a run: each question is asked once, several at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from imglint.errors import Unverified
from imglint.registry.questions import BLOB, MANIFEST, REFERRERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imglint.registry.questions import Answer, Question

    Progress = Callable[[int, int], object]
    """Takes the number of questions that were answered so far in a run, and of all that are known so far."""

SIZE_MAX = 1 << 29
"""Bytes of the manifests, configurations and signatures of a run, which are kept in memory."""
THREADS = 32
"""Questions that are asked at the same time. The client limits the connections to each host."""


class Answers:
    """What registries answered in this run. `ask` asks one of them, from any thread, and raises Unverified if it could not be asked."""

    def __init__(self, ask: Callable[[Question], Answer], progress: Progress | None = None) -> None:
        self._ask, self._progress = ask, progress or (lambda _answered, _all: None)
        self._known: dict[Question, Answer | Unverified] = {}
        self._size = 0

    def __contains__(self, question: Question) -> bool:
        return question in self._known

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises Unverified if the registry could not be asked, now or before.
        """
        if question not in self._known:
            self._keep(question, self._answer(question))
        answer = self._known[question]
        if isinstance(answer, Unverified):
            raise Unverified(answer.registry, answer.reason)
        return answer

    def ask_all(self, questions: Iterable[Question]) -> None:
        """Ask questions at the same time, and remember the answers."""
        left = [question for question in questions if question not in self._known]
        if not left:
            return
        left = _in_turn(left)
        total = len(self._known) + len(left)
        pool = ThreadPoolExecutor(min(THREADS, len(left)))
        try:
            asked = {pool.submit(self._answer, question): question for question in left}
            for future in as_completed(asked):
                self._keep(asked.pop(future), future.result())
                self._progress(len(self._known), total)
        finally:
            # An interrupt does not wait for answers.
            pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, question: Question, answer: Answer | Unverified) -> None:
        """Remember an answer, unless there is too much to remember."""
        if isinstance(answer, bytes):
            self._size += len(answer)
            if self._size > SIZE_MAX:
                answer = _too_much(question)
        self._known[question] = answer

    def _answer(self, question: Question) -> Answer | Unverified:
        if self._size > SIZE_MAX and question.kind in (MANIFEST, BLOB, REFERRERS):
            return _too_much(question)
        try:
            return self._ask(question)
        except Unverified as error:
            return error


def _too_much(question: Question) -> Unverified:
    return Unverified(question.endpoint.registry, f"the answers of this run take up more than {SIZE_MAX} bytes")


def _in_turn(questions: Iterable[Question]) -> list[Question]:
    """Return questions with one to each host in turn, so that hosts that do not answer are waited for at the same time."""
    asked: dict[str, int] = {}
    turns = []
    for question in questions:
        turn = asked[question.endpoint.host] = asked.get(question.endpoint.host, 0) + 1
        turns.append((turn, question))
    return [question for _, question in sorted(turns, key=lambda one: one[0])]
