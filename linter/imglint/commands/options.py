"""The options of the command line, and the engine's settings for them."""

from __future__ import annotations

import os
import sys
from time import gmtime, strftime

from imglint.engine.facts import Settings
from imglint.engine.tree import Trees
from imglint.errors import Diagnostic, PluginError, PolicyError, UsageError
from imglint.output import warn
from imglint.plugins.load import kinds, offline_rules, rules
from imglint.policy.find import WorkingTree, found, given
from imglint.policy.lookup import PACKAGE
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from imglint.engine.online import Online
    from imglint.plugins.load import Rule
    from imglint.policy.find import Place, Policies
    from imglint.policy.lookup import Policy
    from imglint.policy.packages import Package

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
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    comments: bool = True
    baseline: str | None = None
    write_baseline: str | None = None
    since: str | None = None
    stdin_filename: str | None = None
    jobs: int | None = None
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    color: bool | None = None
    min_level: str | None = None
    statistics: bool = False
    online: bool = False
    refresh: bool = False


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


def settings_for(options: CommandOptions, online: Online | None = None) -> Settings:
    """Return the engine's settings for the options. `online` has the answers of registries so far, if there are any.

    Raises UsageError, PluginError or PolicyError.
    """
    for path in options.paths:
        if path != "-" and not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    if options.stdin_filename is not None and options.paths != ("-",):
        raise UsageError("--stdin-filename requires '-' as the only path")
    rules_by_id = rules() if options.online else offline_rules()
    policies = _policies(options, rules_by_id)
    for name in (*options.select, *options.ignore):
        known_name("rule", name, rules_by_id)
    excluded = _excluded(options.exclude)
    return Settings(
        policies,
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
        tree=Trees(policies, excluded),
        online=online or (_online(options) if options.online else None),
    )


def _online(options: CommandOptions) -> Online:
    """Return the registries of the run. Credentials and cached answers are the user's; none are read from the checked folders."""
    from imglint.engine.online import Online
    from imglint.registry.answers import Answers
    from imglint.registry.cache import Cache, UnusableCache, cache_folder
    from imglint.registry.client import Client
    from imglint.registry.credentials import DockerCredentials

    roots = _roots(options)
    credentials = DockerCredentials(roots)
    ask = Client(credentials).ask
    try:
        ask = Cache(cache_folder(roots), ask, credentials, refresh=options.refresh).ask
    except UnusableCache as error:
        if options.verbose:
            warn(f"answers of registries are not cached: {error}")
    progress = None
    if shows_progress(options):
        from imglint.commands.progress import Asking

        progress = Asking()
    return Online(Answers(ask, progress))


def shows_progress(options: CommandOptions) -> bool:
    """Return whether a progress bar is to be shown: if stderr is a terminal."""
    return not options.quiet and sys.stderr is not None and sys.stderr.isatty()


def _roots(options: CommandOptions) -> list[str]:
    """Return the roots of the checked paths. Where one contains the user's home folder and is no repository, the named folder counts instead.

    A named folder that contains the user's home folder does not count.
    """
    from imglint.repository import is_outside, repository_root, root_of

    home = os.path.expanduser("~")
    roots = set[str]()
    for path in _named(options):
        absolute = os.path.abspath(path)
        folder = absolute if os.path.isdir(absolute) else os.path.dirname(absolute)
        places = [place for place in (root_of(path), folder) if repository_root(place) == place or is_outside(home, (place,))]
        roots.update(places[:1])
    return sorted(roots)


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


def _policies(options: CommandOptions, rules_by_id: dict[str, Rule]) -> Policies:
    """Return the policies of the files in the paths: that of --config, or those that are found."""
    named = _named(options)
    if options.config is not None:
        if options.config_from is not None:
            raise UsageError("--config and --config-from exclude each other; leave one out")
        from imglint.policy.load import load

        place = _package_of(options.config) if options.config.startswith(PACKAGE) else None
        policy = load(options.config, rules_by_id, kinds(), place)
        _check_environment(options.environment, policy)
        _check_keys(options, policy)
        return _looked_up(given(policy, named), named, options.environment)

    def place_of(root: str) -> Place:
        if options.config_from is None:
            return WorkingTree(root)
        from imglint.policy.revision import Revision

        return Revision(options.config_from, root)

    def load_found(path: str, place: Place) -> Policy:
        from imglint.policy.load import load

        policy = load(path, rules_by_id, kinds(), place, found=True, online=options.online)
        _check_environment(options.environment, policy)
        _check_keys(options, policy)
        return policy

    return _looked_up(found(place_of, load_found, named), named, options.environment)


def _check_keys(options: CommandOptions, policy: Policy) -> None:
    """Check the keys for signatures if the run asks registries.

    Raises UsageError if the package `cryptography` is missing, PolicyError if a key cannot be used.
    """
    keys = [row.signed for row in policy.table.rows if row.signed] if options.online and policy.table else []
    if not keys:
        return
    from imglint.registry.signatures import check_key

    errors = []
    for key in dict.fromkeys(keys):
        try:
            check_key(key)
        except ValueError as error:
            path, line, column = key.at.rsplit(":", 2)
            errors.append(Diagnostic(path, int(line), int(column), f"key: {error}"))
    if errors:
        raise PolicyError(errors)


def _named(options: CommandOptions) -> tuple[str, ...]:
    """Return the checked paths, to find the policies and roots around them."""
    return (options.stdin_filename or os.curdir,) if options.paths == ("-",) else options.paths or (os.curdir,)


def _looked_up(policies: Policies, named: Sequence[str], environment: str | None) -> Policies:
    """Return policies after those of the named paths were looked up, so that an error comes before the run."""
    for path in named:
        _check_environment(environment, policies.of(os.path.join(path, "") if os.path.isdir(path) else path))
    return policies


def _package_of(config: str) -> Package:
    """Return the package that a policy file is in. Raises UsageError if it is not installed."""
    from imglint.policy.packages import Package

    try:
        return Package(config)
    except UsageError as error:
        raise UsageError(f"--config {config}: {error}") from None


def _check_environment(name: str | None, policy: Policy) -> None:
    """Raise UsageError for an environment that the policy does not know. Without a policy, that is any other name for production."""
    if name is None:
        return
    from imglint.spelling import MEAN_PRODUCTION

    if policy.path is not None or not name or name.lower() in MEAN_PRODUCTION:
        known_name("environment", name, policy.environments)


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
