"""The answers of a run: each question is asked once, several at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from imglint.errors import Unverified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imglint.registry.questions import Answer, Question

THREADS = 32
"""Questions that are asked at the same time. The client limits the connections to each host."""


class Answers:
    """What registries answered in this run. `ask` asks one of them, from any thread, and raises Unverified if it could not be asked."""

    def __init__(self, ask: Callable[[Question], Answer]) -> None:
        self._ask = ask
        self._known: dict[Question, Answer | Unverified] = {}

    def __contains__(self, question: Question) -> bool:
        return question in self._known

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises Unverified if the registry could not be asked, now or before.
        """
        if question not in self._known:
            self._known[question] = self._answer(question)
        answer = self._known[question]
        if isinstance(answer, Unverified):
            raise Unverified(answer.registry, answer.reason)
        return answer

    def ask_all(self, questions: Iterable[Question]) -> None:
        """Ask questions at the same time, and remember the answers."""
        left = [question for question in questions if question not in self._known]
        if not left:
            return
        with ThreadPoolExecutor(min(THREADS, len(left))) as pool:
            self._known.update(zip(left, pool.map(self._answer, left), strict=True))

    def _answer(self, question: Question) -> Answer | Unverified:
        try:
            return self._ask(question)
        except Unverified as error:
            return error
