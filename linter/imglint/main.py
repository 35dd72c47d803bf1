"""The entry point of the `imglint` command. Imports click only if there are options, because that takes half the time of a small run."""

from __future__ import annotations

import gc
import os
import sys

from imglint._start import INTERRUPTED, raise_on_interrupt
from imglint.commands import COMMANDS
from imglint.errors import UsageError
from imglint.output import flush_stdout, warn, warn_traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

CLOSED = 141
"""The exit status if the reader of stdout is gone: that of shells, 128 and the number of SIGPIPE."""


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    status = INTERRUPTED
    try:
        raise_on_interrupt()
        # Importing modules leaves little garbage. The engine enables collection again for many files.
        gc.disable()
        status = run(sys.argv[1:])
    finally:
        # An orderly shutdown of the interpreter would take a tenth of the time of a small run. A second interrupt ends here, too.
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
        flush_stdout()
    except BrokenPipeError:
        # The reader of the output is gone. Without this, Python would report it again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except UsageError as error:
        warn(f"imglint: {error}")
        return 2
    except Exception as error:
        return _failed(error, "--debug" in arguments)
    return status


def _failed(error: Exception, debug: bool) -> int:
    """Report an unexpected exception: help could not be written, or imglint has a bug. Return the exit status."""
    if debug:
        warn_traceback(error)
    report = "" if isinstance(error, OSError) else "; this is a bug in imglint, please report it with the output of --debug"
    warn(f"imglint: {type(error).__name__}: {error}{report}")
    return 2
