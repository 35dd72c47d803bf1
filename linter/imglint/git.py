"""Run Git on a repository, in a way that no file, configuration or variable of the repository runs a program or reads another repository.

Imported only where Git is needed. The only module that starts a program.
"""

from __future__ import annotations

import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTIONS = (
    "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "safe.bareRepository=explicit",
)  # fmt: skip
_ENVIRONMENT = {
    "LC_ALL": "C",
    # Replacement objects and missing objects of partial clones would come from elsewhere, the latter by running a program of the configuration.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


class GitError(Exception):
    """Git cannot be started, or it failed. The text is the reason."""


class GitMissing(GitError):
    """Git is not installed."""


def git(
    folder: str,
    *arguments: str,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run Git in a folder, which is the root of a repository or in none.

    Raises GitMissing if Git is not installed, and GitError if it takes more than `timeout_s` seconds.
    """
    # Variables such as GIT_DIR, which Git sets for hooks, would make it read another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT
    environment["GIT_CEILING_DIRECTORIES"] = os.path.dirname(folder)
    # A relative folder of PATH would let the repository provide the program.
    programs = [os.path.join(entry, "git") for entry in os.get_exec_path() if os.path.isabs(entry)]
    program = next((path for path in programs if os.path.isfile(path) and os.access(path, os.X_OK)), None)
    if program is None:
        raise GitMissing("Git is not installed; install it")
    command = [program, "-C", folder, *_OPTIONS, *arguments]
    environment |= dict(variables or {})
    try:
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise GitError(f"git: not done after {timeout_s} seconds") from None


def output(folder: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return the output of Git. Raises GitError if it fails."""
    found = git(folder, *arguments, stdin=stdin)
    if found.returncode:
        raise GitError(f"git: {reason(found)}")
    return found.stdout


def commit_of(root: str, ref: str) -> str:
    """Return the commit that a revision names. Raises GitError if there is none."""
    if ref.startswith("-"):
        raise GitError("invalid revision")
    found = git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        failed = reason(found)
        raise GitError("no such revision in this clone; fetch it first" if "single revision" in failed else f"git: {failed}")
    return found.stdout.decode().strip()


def reason(found: subprocess.CompletedProcess[bytes]) -> str:
    """Return the error of Git in one line."""
    lines = os.fsdecode(found.stderr).splitlines()
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return [*fatal, *lines, f"exit status {found.returncode}"][0]
