"""Measuring commands: they run in turns, so that other load on the machine affects all of them equally."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))
FINE = (0, 1)
"""The exit statuses of a linter that succeeded, with or without findings."""
ROUNDS_MIN, ROUNDS_MAX = 3, 81
LONG = 45.0
"""Seconds. In a round that takes longer, only the shorter commands are repeated."""


class Failed(Exception):
    """A command failed."""


@record
class Command:
    """A program with its arguments, and its working folder."""

    argv: tuple[str, ...]
    folder: str


@record
class Measured:
    """The measurements of a command: the median of its time in seconds, and its highest peak memory in KiB."""

    seconds: float
    memory: int


def side_by_side(commands: Sequence[Command], seconds: float) -> list[Measured]:
    """Run commands in turns for about the given number of seconds.

    Raises Failed if one of them fails.
    """
    runs = [[_run(command)] for command in commands]
    taken = sum([seconds for [(seconds, _)] in runs])
    rounds = ROUNDS_MIN if taken > seconds / ROUNDS_MIN else min(int(seconds / taken), ROUNDS_MAX)
    for _ in range(rounds - 1):
        for command, run in zip(commands, runs, strict=True):
            if taken <= LONG or run[0][0] < LONG / 6:
                run.append(_run(command))
    return [Measured(median([seconds for seconds, _ in run]), max([memory for _, memory in run])) for run in runs]


def _run(command: Command) -> tuple[float, int]:
    done = subprocess.run((*LAUNCH, *command.argv), cwd=command.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{command.argv[0]} cannot be run: {done.stderr.strip().splitlines()[-1]}")
    seconds, memory, status = done.stdout.split()
    if int(status) not in FINE:
        raise Failed(f"{' '.join(command.argv)[:200]} left with status {status} in {command.folder}")
    return float(seconds), int(memory)
