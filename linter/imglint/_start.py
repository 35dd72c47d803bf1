"""What comes before the first import of a run: no module is imported from the current folder, and an interrupt prints no traceback.

Python imports the package `imglint` first, also for `python -m imglint`, and the package imports this module first. It imports only modules that Python
has imported already, or that are part of the interpreter: `__future__` is neither.
"""

import os
import sys

INTERRUPTED = 130
"""The exit status of a run that was interrupted: that of shells, 128 and the number of the signal."""

# Without the module `signal`, which makes enumerations of the same names.
_signal = __import__("_signal")


def _exit(_number: int, _frame: object) -> None:
    os._exit(INTERRUPTED)


def _is_module(arguments: list[str], original: list[str]) -> bool:
    """Return whether this is the start of `python -m imglint`: then the arguments begin with `-m` until Python has found `imglint.__main__`."""
    if arguments[:1] != ["-m"]:
        return False
    name = original[-len(arguments)]
    return name == "imglint" or (name.startswith("-") and name.endswith("mimglint"))


def _start(arguments: list[str]) -> None:
    is_module = _is_module(arguments, sys.orig_argv)
    parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if is_module and not sys.flags.safe_path and sys.path[0] != parent:
        # Python looks for modules in the current folder first, which may be untrusted: a re.py in it would be executed by the next import.
        del sys.path[0]
    is_command = is_module or (bool(arguments) and os.path.basename(arguments[0]) == "imglint")
    if is_command and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """Raise KeyboardInterrupt for interrupts from now on, unless they are ignored."""
    if _signal.getsignal(_signal.SIGINT) is _exit:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


_start(getattr(sys, "argv", []))
