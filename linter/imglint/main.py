"""The `imglint` command's front door. Imports click only where the arguments are more than paths: that is half of the time of a small run."""

from __future__ import annotations

import os
import sys

COMMANDS = ("check", "images", "rules", "explain", "init", "schema")


def main() -> None:
    """Run the command line and leave with its exit status."""
    arguments = sys.argv[1:]
    only_paths = all(argument[:1] != "-" for argument in arguments) and arguments[:1] not in [[name] for name in COMMANDS]
    try:
        if only_paths and "_IMGLINT_COMPLETE" not in os.environ:
            from imglint.check import Request, check

            status = check(Request(tuple(arguments)))
        else:
            from imglint.cli import run

            status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has gone; Python would complain about it once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
