"""Run one command, and print the seconds that it took, the peak of its memory in KiB, and its exit status.

A process of its own, and a small one: a process starts out with the peak of the one that starts it.
"""

import os
import sys
import time


def main() -> None:
    """Run the command that the arguments are, with nothing to read and its output thrown away."""
    null = os.open(os.devnull, os.O_RDWR)
    away = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    # How Python is set up here is of no concern: whether it buffers its output, for one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    begin = time.perf_counter()
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], environment, file_actions=away)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    sys.stdout.write(f"{seconds} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


main()
