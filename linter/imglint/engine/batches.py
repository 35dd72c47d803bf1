"""Checking with registries: the questions of many files are collected, and asked at the same time.

A rule asks as if every answer were available. If one is not, Pending ends the rule, and its file is judged again after the questions of all files of a
batch were asked. So rules need no threads, and only the network is used concurrently.
"""

from __future__ import annotations

from itertools import islice

from imglint.engine.facts import read_file
from imglint.engine.online import Waiting
from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imglint.engine.discover import Found, WalkError
    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.online import Online
    from imglint.engine.results import FileReport

BATCH = 500
"""Files whose questions are asked together."""
ROUNDS = 50
"""Times that a file is judged again. After that, its questions are asked one by one, as a rule may have others each time that it runs."""


def reports(
    found: Iterable[Found | WalkError], settings: Settings, online: Online, report_of: Callable[[FileFacts, Settings], FileReport]
) -> Iterator[tuple[Found | WalkError, FileReport]]:
    """Yield the files with their reports, in order. `report_of` judges the facts of a file."""
    left = iter(found)
    while batch := list(islice(left, BATCH)):
        waiting = Waiting(online.answers)
        settings = replace(settings, online=waiting)
        files = [(number, read_file(entry, settings)) for number, entry in enumerate(batch)]
        done: dict[int, FileReport] = {}
        rounds = 0
        while files:
            waiting.is_over = rounds == ROUNDS
            rounds += 1
            again = []
            for number, file in files:
                waiting.is_waiting = False
                done[number] = report_of(file, settings)
                if waiting.is_waiting:
                    again.append((number, file))
            online.answers.ask_all(waiting.questions)
            waiting.questions.clear()
            files = again
        yield from [(entry, done[number]) for number, entry in enumerate(batch)]
