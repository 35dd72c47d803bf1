"""Run one command, and print the seconds that it took, its peak memory in KiB, and its exit status.

This is a separate, small process, because a new process starts with the peak memory of its parent.
"""

import os
import sys
import time


def main() -> None:
    """Run the command in the arguments, with empty input and its output discarded."""
    null = os.open(os.devnull, os.O_RDWR)
    away = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    # Settings of this Python, such as unbuffered output, must not affect the command.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    begin = time.perf_counter()
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], environment, file_actions=away)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    sys.stdout.write(f"{seconds} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


main()
