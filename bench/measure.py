"""Commands run side by side, in turns, so that whatever else the machine does falls on all of them alike. Imports imglint's records."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))
FINE = (0, 1)
"""The exit statuses of a linter that did its work."""
ROUNDS_MIN, ROUNDS_MAX = 3, 41
LONG = 30.0
"""Seconds; a round that takes longer is not repeated."""


class Failed(Exception):
    """A command that did not do its work."""


@record
class Command:
    """A program with its arguments, and the folder it runs in."""

    argv: tuple[str, ...]
    folder: str


@record
class Measured:
    """What a command took: the median of its seconds, and the highest peak of its memory, in KiB."""

    seconds: float
    memory: int


def side_by_side(commands: Sequence[Command], seconds: float) -> list[Measured]:
    """Run commands in turns for about so many seconds.

    Raises Failed where one of them fails.
    """
    runs: list[list[tuple[float, int]]] = []
    begin = time.monotonic()
    while len(runs) < ROUNDS_MAX:
        runs.append([_run(command) for command in commands])
        taken = time.monotonic() - begin
        if taken > LONG or (len(runs) >= ROUNDS_MIN and taken * (1 + 1 / len(runs)) > seconds):
            break
    return [Measured(median([time for time, _ in run]), max([memory for _, memory in run])) for run in zip(*runs, strict=True)]


def _run(command: Command) -> tuple[float, int]:
    done = subprocess.run((*LAUNCH, *command.argv), cwd=command.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{command.argv[0]} cannot be run: {done.stderr.strip().splitlines()[-1]}")
    seconds, memory, status = done.stdout.split()
    if int(status) not in FINE:
        raise Failed(f"{' '.join(command.argv)[:200]} left with status {status} in {command.folder}")
    return float(seconds), int(memory)
