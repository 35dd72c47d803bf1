"""`imglint check`: a request from the command line to a report and an exit status. Imports the engine; other modules where they are asked for."""

from __future__ import annotations

import os
import sys
from io import StringIO
from time import gmtime, strftime

from imglint.engine import INTERNAL_ERROR, Settings, run
from imglint.model import Severity
from imglint.output import CallError, check_target, tell, write_whole
from imglint.plugins import PluginError, formats, kinds, output_format, rules
from imglint.policy import PolicyError, default_policy, find, load
from imglint.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from imglint.engine import Watch
    from imglint.model import Report
    from imglint.plugins import Format, Rule
    from imglint.policy import Policy

CLEAN, FINDINGS, FAILED = 0, 1, 2
"""The exit statuses."""


@record
class Request:
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


def check(request: Request) -> int:
    """Check what is asked for, write the reports, and return the exit status. What is wrong with the call goes to stderr, nothing to stdout."""
    return answered(request, _check)


def answered(request: Request, answer: Callable[[Request], int]) -> int:
    """Return the exit status of a command, with whatever is wrong with the call, the policy or a plugin told on stderr."""
    try:
        return answer(request)
    except PolicyError as error:
        for fault in error.faults:
            tell(str(fault))
    except (CallError, PluginError) as error:
        tell(f"imglint: {error}")
    return FAILED


def _check(request: Request) -> int:
    settings = settings_for(request)
    if request.verbose:
        tell(f"policy: {settings.policy.path or 'none; the defaults hold'}")
    targets = [(request.format, request.output), *request.reports]
    writers = [(output_format(known_name("format", name, formats())), target) for name, target in targets]
    files = [target for _, target in writers if target]
    for file in files:
        check_target(file)
    if len({os.path.realpath(file) for file in files}) < len(files):
        raise CallError("two reports would be written to one file; name a file for each")
    settings = replace(settings, fingerprints=any(writer.fingerprints for writer, _ in writers))
    report = _report(request, settings)
    texts = [(_rendered(writer, report, target, request), target) for writer, target in writers]
    # Stdout comes last: where a file cannot be written, it stays empty.
    for text, target in sorted(texts, key=lambda entry: entry[1] is None):
        _write(text, target)
    return _status(report, request.fail_on or settings.policy.fail_on)


def _report(request: Request, settings: Settings) -> Report:
    """Run, and leave out what a baseline holds: the one given, or the one now written."""
    if not request.baseline and not request.write_baseline:
        return run(request.paths or ("",), settings, _watch(request))
    from imglint.baseline import read_baseline, without_known, write_baseline

    known = read_baseline(request.baseline) if request.baseline else {}
    if request.write_baseline:
        check_target(request.write_baseline)
    report = run(request.paths or ("",), settings, _watch(request))
    if request.write_baseline:
        write_baseline(request.write_baseline, report)
        report, _ = without_known(report, read_baseline(request.write_baseline), request.write_baseline, ())
    elif request.baseline:
        report, gone = without_known(report, known, request.baseline, request.paths or ("",))
        narrowed = request.select or request.ignore or request.exclude
        if gone and not request.quiet and not narrowed:
            tell(
                f"{request.baseline}: {gone} of its findings {'is' if gone == 1 else 'are'} no longer there; write it again to forget them"
            )
    return report


def _watch(request: Request) -> Watch | None:
    """Return what shows the progress of a run, where somebody sees it."""
    if request.quiet or not sys.stderr.isatty():
        return None
    from imglint.progress import progress

    return progress


def settings_for(request: Request) -> Settings:
    """Return what a run over the request's paths is held to.

    Raises CallError, PluginError or PolicyError.
    """
    for path in request.paths:
        if path != "-" and not os.path.lexists(path):
            raise CallError(f"{path}: there is no such file or folder")
    if request.stdin_filename is not None and request.paths != ("-",):
        raise CallError("--stdin-filename names the text of stdin: give the path '-' and no other")
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

    Raises CallError, with the nearest known name or all of them, where it is not.
    """
    if name in known:
        return name
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    raise CallError(
        f"there is no {what} {name}; " + (f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}")
    )


def _policy(request: Request, rules_by_id: dict[str, Rule]) -> Policy:
    path = request.config or find("")
    if path is None:
        return default_policy()
    return load(path, rules_by_id, kinds())


def _excluded(patterns: tuple[str, ...]) -> Callable[[str, bool], bool] | None:
    """Return whether a path is left out by the patterns of the command line, which are relative to the current folder."""
    if not patterns:
        return None
    from imglint.globs import BadPattern
    from imglint.paths import PathPattern, PathPatterns

    read: list[PathPattern] = []
    for pattern in patterns:
        try:
            read.append(PathPattern("/" + pattern.removeprefix("./") if pattern.startswith("./") else pattern))
        except BadPattern as error:
            raise CallError(f"--exclude {pattern}: {error.reason}") from None
    excluding = PathPatterns(read)
    return lambda path, is_folder: excluding.fit(os.path.relpath(path).replace(os.sep, "/"), is_folder)


def _rendered(writer: Format, report: Report, target: str | None, request: Request) -> str:
    """Return a report in a format.

    Raises PluginError where the format fails.
    """
    out = StringIO()
    style = {"colour": target is None and _is_colourful(request.color), "summary": not request.quiet} if writer.terminal else {}
    try:
        writer.write(report, out, **style)
    except Exception as error:
        if request.debug:
            raise
        raise PluginError(
            f"the format {writer.name} failed: {type(error).__name__}: {error}; --debug gives the traceback"
        ) from error
    return out.getvalue()


def _write(text: str, target: str | None) -> None:
    """Write a report to stdout or to a file, whole or not at all."""
    if target is None:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    else:
        write_whole(target, text)


def _is_colourful(asked: bool | None) -> bool:
    if asked is not None:
        return asked
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _status(report: Report, fail_on: str) -> int:
    if any(finding.rule == INTERNAL_ERROR for finding in report.findings):
        return FAILED
    if fail_on == "never":
        return CLEAN
    worst = max((finding.level for finding in report.findings), default=Severity.OFF)
    return FINDINGS if worst >= Severity[fail_on.upper()] else CLEAN
