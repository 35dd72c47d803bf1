"""The options of the command line, and the engine's settings for them."""

from __future__ import annotations

import os
from time import gmtime, strftime

from imglint.engine.facts import Settings
from imglint.engine.tree import Trees
from imglint.errors import PluginError, PolicyError, UsageError
from imglint.output import warn
from imglint.plugins.load import kinds, rules
from imglint.policy.lookup import default_policy, find
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from imglint.plugins.load import Rule
    from imglint.policy.lookup import Policy

CLEAN, FINDINGS, FAILED = 0, 1, 2
"""The exit statuses."""


@record
class CommandOptions:
    """The options of a command, by name. `color` is None if it depends on the terminal."""

    paths: tuple[str, ...] = ()
    config: str | None = None
    config_from: str | None = None
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


def run_command(options: CommandOptions, command: Callable[[CommandOptions], int]) -> int:
    """Run a command and return its exit status. Print errors in the call, the policy or a plugin to stderr."""
    try:
        return command(options)
    except PolicyError as error:
        for diagnostic in error.diagnostics:
            warn(str(diagnostic))
    except (UsageError, PluginError) as error:
        warn(f"imglint: {error}")
    return FAILED


def settings_for(options: CommandOptions) -> Settings:
    """Return the engine's settings for the options.

    Raises UsageError, PluginError or PolicyError.
    """
    for path in options.paths:
        if path != "-" and not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    if options.stdin_filename is not None and options.paths != ("-",):
        raise UsageError("--stdin-filename requires '-' as the only path")
    rules_by_id = rules()
    policy = _policy(options, rules_by_id)
    for name in (*options.select, *options.ignore):
        known_name("rule", name, rules_by_id)
    if options.environment is not None and policy.path is not None:
        known_name("environment", options.environment, policy.environments)
    excluded = _excluded(options.exclude)
    return Settings(
        policy,
        rules_by_id,
        options.environment,
        frozenset(options.select),
        frozenset(options.ignore),
        excluded,
        options.comments,
        stdin_filename=options.stdin_filename or "-",
        today=strftime("%Y-%m-%d", gmtime()),
        jobs=options.jobs,
        verbose=options.verbose,
        debug=options.debug,
        tree=Trees(lambda path: policy.excluded(path) or (excluded is not None and excluded(path, False))),
    )


def known_name(what: str, name: str, known: Collection[str]) -> str:
    """Return a name that is among the known ones.

    Raises UsageError, with the closest known name or a list of all, if it is not.
    """
    if name in known:
        return name
    from imglint.spelling import closest

    close = closest(name, known)
    listed = "run `imglint rules` for a list" if what == "rule" else f"known {what}s: {', '.join(sorted(known))}"
    advice = f"did you mean `{close}`?" if close else listed
    raise UsageError(f"unknown {what} `{name}`; {advice}")


def _policy(options: CommandOptions, rules_by_id: dict[str, Rule]) -> Policy:
    if options.config_from is not None:
        return _policy_at(options.config_from, options.config, rules_by_id)
    path = options.config or find("")
    if path is None:
        return default_policy()
    from imglint.policy.load import load

    return load(path, rules_by_id, kinds(), found=not options.config)


def _policy_at(ref: str, config: str | None, rules_by_id: dict[str, Rule]) -> Policy:
    """Return the policy that would be found, at a Git revision."""
    if config is not None:
        raise UsageError("--config and --config-from exclude each other; leave one out")
    from imglint.policy.load import load
    from imglint.policy.revision import Revision

    revision = Revision(ref)
    return load(revision.find(), rules_by_id, kinds(), revision)


def _excluded(patterns: tuple[str, ...]) -> Callable[[str, bool], bool] | None:
    """Return a function that returns whether `--exclude` matches a path; None without patterns. Patterns are relative to the current folder."""
    if not patterns:
        return None
    from imglint.patterns.matcher import InvalidPattern
    from imglint.patterns.path import PathPattern, PathPatterns

    parsed: list[PathPattern] = []
    for pattern in patterns:
        try:
            parsed.append(PathPattern("/" + pattern.removeprefix("./") if pattern.startswith("./") else pattern))
        except InvalidPattern as error:
            raise UsageError(f"--exclude {pattern}: {error.reason}") from None
    excluding = PathPatterns(parsed)
    return lambda path, is_folder: excluding.fit(os.path.relpath(path).replace(os.sep, "/"), is_folder)
