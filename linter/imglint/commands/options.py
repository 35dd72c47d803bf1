"""What a command is asked for, and what it is then held to: from the options to the engine's settings. Imports the engine and the policy's lookup."""

from __future__ import annotations

import os
from time import gmtime, strftime

from imglint.engine.facts import Settings
from imglint.errors import PluginError, PolicyError, UsageError
from imglint.output import warn
from imglint.plugins import kinds, rules
from imglint.policy.lookup import default_policy, find
from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from imglint.plugins import Rule
    from imglint.policy.lookup import Policy

CLEAN, FINDINGS, FAILED = 0, 1, 2
"""The exit statuses."""


@record
class CommandOptions:
    """What the command line asks for; the fields are its options. `color` is None where the terminal decides."""

    paths: tuple[str, ...] = ()
    config: str | None = None
    format: str = "text"
    output: str | None = None
    reports: tuple[tuple[str, str], ...] = ()
    environment: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: str | None = None
    comments: bool = True
    baseline: str | None = None
    write_baseline: str | None = None
    stdin_filename: str | None = None
    jobs: int | None = None
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    color: bool | None = None


def run_command(request: CommandOptions, answer: Callable[[CommandOptions], int]) -> int:
    """Return the exit status of a command, with whatever is wrong with the call, the policy or a plugin told on stderr."""
    try:
        return answer(request)
    except PolicyError as error:
        for diagnostic in error.diagnostics:
            warn(str(diagnostic))
    except (UsageError, PluginError) as error:
        warn(f"imglint: {error}")
    return FAILED


def settings_for(request: CommandOptions) -> Settings:
    """Return what a run over the request's paths is held to.

    Raises UsageError, PluginError or PolicyError.
    """
    for path in request.paths:
        if path != "-" and not os.path.lexists(path):
            raise UsageError(f"{path}: there is no such file or folder")
    if request.stdin_filename is not None and request.paths != ("-",):
        raise UsageError("--stdin-filename names the text of stdin: give the path '-' and no other")
    rules_by_id = rules()
    policy = _policy(request, rules_by_id)
    for name in (*request.select, *request.ignore):
        known_name("rule", name, rules_by_id)
    if request.environment is not None and policy.path is not None:
        known_name("environment", request.environment, policy.environments)
    return Settings(
        policy,
        rules_by_id,
        request.environment,
        frozenset(request.select),
        frozenset(request.ignore),
        _excluded(request.exclude),
        request.comments,
        stdin_filename=request.stdin_filename or "-",
        today=strftime("%Y-%m-%d", gmtime()),
        jobs=request.jobs,
        verbose=request.verbose,
        debug=request.debug,
    )


def known_name(what: str, name: str, known: Collection[str]) -> str:
    """Return name where it is among the known ones.

    Raises UsageError, with the nearest known name or all of them, where it is not.
    """
    if name in known:
        return name
    from imglint.spelling import did_you_mean

    raise UsageError(f"there is no {what} {name}{did_you_mean(name, known) or '; known are ' + ', '.join(sorted(known))}")


def _policy(request: CommandOptions, rules_by_id: dict[str, Rule]) -> Policy:
    path = request.config or find("")
    if path is None:
        return default_policy()
    from imglint.policy.load import load

    return load(path, rules_by_id, kinds())


def _excluded(patterns: tuple[str, ...]) -> Callable[[str, bool], bool] | None:
    """Return whether a path is left out by the patterns of the command line, which are relative to the current folder."""
    if not patterns:
        return None
    from imglint.patterns.matcher import InvalidPattern
    from imglint.patterns.path import PathPattern, PathPatterns

    read: list[PathPattern] = []
    for pattern in patterns:
        try:
            read.append(PathPattern("/" + pattern.removeprefix("./") if pattern.startswith("./") else pattern))
        except InvalidPattern as error:
            raise UsageError(f"--exclude {pattern}: {error.reason}") from None
    excluding = PathPatterns(read)
    return lambda path, is_folder: excluding.fit(os.path.relpath(path).replace(os.sep, "/"), is_folder)
