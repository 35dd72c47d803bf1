"""Asks Docker's credential helpers, the programs `docker-credential-NAME`, for the credentials of a registry.

The protocol: https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from imglint.printable import clipped, printable
from imglint.registry.logins import Login
from imglint.repository import is_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S = 20.0
"""Seconds that a helper has to answer. Some ask a service of a cloud."""
OUTPUT_MAX = 1 << 16
"""Bytes of an answer."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NOT_FOUND = "credentials not found in native keychain"
"""What a helper answers if it has no credentials for a registry."""
IDENTITY_TOKEN = "<token>"  # noqa: S105
"""The user if the secret is an identity token."""


class HelperError(Exception):
    """A credential helper that is missing or failed. The text is the reason."""


def ask_helper(name: str, server: str, roots: Sequence[str]) -> Login | None:
    """Return the credentials that a helper has for a server, None if it has none. No program below `roots` is run.

    Raises HelperError if there is no such helper, or if it fails.
    """
    if not NAME.fullmatch(name):
        raise HelperError(f"`{clipped(printable(name))}` is not the name of a credential helper")
    program, folders = f"docker-credential-{name}", _folders(roots)
    paths = [path for folder in folders if _is_program(path := os.path.join(folder, program), roots)]
    if not paths:
        raise HelperError(f"credential helper {program} not found; install it in a folder of PATH")
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    # The current folder may contain files that the helper looks for. In its own session, it cannot use the terminal.
    try:
        started = subprocess.Popen(
            [paths[0], "get"],
            cwd=os.sep,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise HelperError(f"credential helper {program} cannot be started: {error.strerror}") from None
    with started as process:
        try:
            output = _exchange(process, server.encode())
        except HelperError as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise HelperError(f"credential helper {program} {error}") from None
    text = output.decode("utf-8", "replace")
    if process.returncode:
        if NOT_FOUND in text:
            return None
        why = f": {clipped(printable(text.strip()))}" if text.strip() else f" with status {process.returncode}"
        raise HelperError(f"credential helper {program} failed{why}")
    return _login(text, program)


def _folders(roots: Sequence[str]) -> list[str]:
    """Return the folders of PATH that neither depend on the current folder nor belong to the checked files."""
    return [folder for folder in os.get_exec_path() if os.path.isabs(folder) and is_outside(folder, roots)]


def _is_program(path: str, roots: Sequence[str]) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK) and is_outside(path, roots)


def _exchange(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    """Write a question to a process, and return its answer after it has ended. Raises HelperError if it takes too long or the answer is too large."""
    end = monotonic() + DEADLINE_S
    assert process.stdin
    assert process.stdout
    # A text this short fits into the buffer of the pipe.
    with suppress(OSError), process.stdin as stdin:
        stdin.write(question)
    output = b""
    with process.stdout as stdout:
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        while len(output) <= OUTPUT_MAX and poll.poll(max(0.0, end - monotonic()) * 1000):
            piece = os.read(stdout.fileno(), OUTPUT_MAX + 1)
            output += piece
            if not piece:
                break
        else:
            raise HelperError(
                "did not answer in time" if len(output) <= OUTPUT_MAX else f"answered with more than {OUTPUT_MAX:,} bytes"
            )
    try:
        process.wait(max(0.0, end - monotonic()))
    except subprocess.TimeoutExpired:
        raise HelperError("did not exit in time") from None
    return output


def _login(text: str, program: str) -> Login | None:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    user, secret = (answer.get("Username"), answer.get("Secret")) if isinstance(answer, dict) else (None, None)
    if not isinstance(user, str) or not isinstance(secret, str):
        raise HelperError(f"credential helper {program} did not answer with credentials")
    if user == IDENTITY_TOKEN:
        return Login("", "", secret)
    return Login(user, secret) if user or secret else None
