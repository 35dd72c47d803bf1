"""The `imglint` command's front door. Imports click only where the arguments are more than paths: that is half of the time of a small run."""

from __future__ import annotations

import gc
import os
import sys

from imglint.commands import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave with its exit status."""
    # Loading modules makes no garbage worth looking for; the engine looks again where there are many files.
    gc.disable()
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Taking the process apart piece by piece would be a tenth of the time of a small run.
        os._exit(status)


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and return its exit status."""
    only_paths = all(argument[:1] != "-" for argument in arguments) and arguments[:1] not in [[name] for name in COMMANDS]
    try:
        if only_paths and "_IMGLINT_COMPLETE" not in os.environ:
            from imglint.commands.check import check
            from imglint.commands.options import CommandOptions

            status = check(CommandOptions(tuple(arguments)))
        else:
            from imglint.commands.cli import run as run_cli

            status = run_cli(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has gone; Python would complain about it once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error, "--debug" in arguments)
    return status


def _failed(error: Exception, debug: bool) -> int:
    """Tell of a failure that nothing else has caught: a stdout that cannot be written, or a fault of imglint itself."""
    from imglint.output import warn

    if debug:
        from traceback import print_exc

        print_exc()
    report = "" if isinstance(error, OSError) else "; this is a fault in imglint: please report it, with what --debug says"
    warn(f"imglint: {type(error).__name__}: {error}{report}")
    return 2
