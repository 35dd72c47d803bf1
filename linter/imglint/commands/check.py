"""`imglint check`: a request from the command line to a report and an exit status. Imports the engine; other modules where they are asked for."""

from __future__ import annotations

import os
import sys

from imglint.commands.options import CLEAN, FAILED, FINDINGS, CommandOptions, known_name, run_command, settings_for
from imglint.engine.facts import Settings
from imglint.engine.run import run
from imglint.errors import PluginError, UsageError
from imglint.model import Severity
from imglint.output import SpooledReport, check_target, warn, write_stdout, write_whole
from imglint.plugins import formats, output_format
from imglint.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.engine.run import Progress
    from imglint.model import Report
    from imglint.plugins import Format


def check(request: CommandOptions) -> int:
    """Check what is asked for, write the reports, and return the exit status. What is wrong with the call goes to stderr, nothing to stdout."""
    return run_command(request, _check)


def _check(request: CommandOptions) -> int:
    settings = settings_for(request)
    if request.verbose:
        warn(f"policy: {settings.policy.path or 'none; the defaults hold'}")
    targets = [(request.format, request.output), *request.reports]
    writers = [(output_format(known_name("format", name, formats())), target) for name, target in targets]
    files = [target for _, target in writers if target]
    for file in files:
        check_target(file)
    _keep_apart([*files, *([request.write_baseline] if request.write_baseline else [])], request, settings)
    settings = replace(settings, fingerprints=any(writer.fingerprints for writer, _ in writers))
    report = _report(request, settings)
    written = [(_rendered(writer, report, target, request), target) for writer, target in writers]
    # Stdout comes last: where a file cannot be written, it stays empty.
    for held, target in sorted(written, key=lambda entry: entry[1] is None):
        _write(held, target)
    return _status(report, request.fail_on or settings.policy.fail_on)


def _keep_apart(files: list[str], request: CommandOptions, settings: Settings) -> None:
    """Refuse to write two reports to one file, or one over what is read."""
    targets = [os.path.realpath(file) for file in files]
    if len(set(targets)) < len(targets):
        raise UsageError("two reports would be written to one file; name a file for each")
    for path in filter(None, (*request.paths, settings.policy.path)):
        if os.path.realpath(path) in targets:
            raise UsageError(f"{path}: this file is read; a report would overwrite it")


def _report(request: CommandOptions, settings: Settings) -> Report:
    """Run, and leave out what a baseline holds: the one given, or the one now written."""
    if not request.baseline and not request.write_baseline:
        return run(request.paths or ("",), settings, _watch(request))
    from imglint.engine.baseline import read_baseline, without_known, write_baseline

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
            warn(
                f"{request.baseline}: {gone} of its findings {'is' if gone == 1 else 'are'} no longer there; write it again to forget them"
            )
    return report


def _watch(request: CommandOptions) -> Progress | None:
    """Return what shows the progress of a run, where somebody sees it."""
    if request.quiet or not sys.stderr.isatty():
        return None
    from imglint.commands.progress import progress

    return progress


def _rendered(writer: Format, report: Report, target: str | None, request: CommandOptions) -> SpooledReport:
    """Return a report in a format.

    Raises PluginError where the format fails.
    """
    held = SpooledReport()
    style = {"color": target is None and _is_colorful(request.color), "summary": not request.quiet} if writer.terminal else {}
    try:
        writer.write(report, held, **style)
    except Exception as error:
        if request.debug:
            raise
        raise PluginError(
            f"the format {writer.name} failed: {type(error).__name__}: {error}; --debug gives the traceback"
        ) from error
    return held


def _write(held: SpooledReport, target: str | None) -> None:
    """Write a report to stdout or to a file, whole or not at all."""
    if target is not None:
        write_whole(target, held.pieces())
        return
    for piece in held.pieces():
        write_stdout(piece)


def _is_colorful(asked: bool | None) -> bool:
    if asked is not None:
        return asked
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _status(report: Report, fail_on: str) -> int:
    if report.failed:
        return FAILED
    if fail_on == "never":
        return CLEAN
    least = Severity[fail_on.upper()]
    return FINDINGS if any(finding.level >= least for finding in report.findings) else CLEAN
