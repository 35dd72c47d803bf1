"""`imglint check`: checks files, writes the reports, and computes the exit status. Imports baselines and the progress bar only when used."""

from __future__ import annotations

import os
import sys

from imglint.commands.options import CLEAN, FAILED, FINDINGS, CommandOptions, known_name, run_command, settings_for
from imglint.engine.facts import Settings
from imglint.engine.run import run
from imglint.errors import PluginError
from imglint.model import Severity
from imglint.output import SpooledReport, warn, write_stdout, write_whole
from imglint.plugins.load import formats, output_format
from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.engine.run import Progress
    from imglint.model import Report
    from imglint.plugins.load import Format
    from imglint.policy.find import Policies


def check(options: CommandOptions) -> int:
    """Check the paths of the options, write the reports, and return the exit status. If the call fails, stdout stays empty."""
    return run_command(options, _check)


def _check(options: CommandOptions) -> int:
    settings = settings_for(options)
    if options.verbose:
        for policy in settings.policies.used():
            warn(f"policy: {policy.path or 'none; using the defaults'}")
    targets = [(options.format, options.output), *options.reports]
    writers = [(output_format(known_name("format", name, formats())), target) for name, target in targets]
    files = [target for _, target in writers if target]
    if files or options.write_baseline:
        from imglint.commands.targets import check_targets

        check_targets(files, options, settings)
    settings = replace(settings, fingerprints=any(writer.fingerprints for writer, _ in writers))
    report = _report(options, settings)
    rendered = [(_rendered(writer, report, target, options), target) for writer, target in writers]
    # Stdout comes last, so that it stays empty if a file cannot be written.
    for output, target in sorted(rendered, key=lambda entry: entry[1] is None):
        _write(output, target)
    return _status(report, options.fail_on, settings.policies)


def _report(options: CommandOptions, settings: Settings) -> Report:
    """Return the report of a run, without the findings of the baseline that is given or written."""
    if not options.baseline and not options.write_baseline:
        return run(options.paths or ("",), settings, _progress(options))
    from imglint.engine.baseline import read_baseline, without_known, write_baseline

    known = read_baseline(options.baseline) if options.baseline else {}
    report = run(options.paths or ("",), settings, _progress(options))
    if options.write_baseline:
        write_baseline(options.write_baseline, report)
        report, _ = without_known(report, read_baseline(options.write_baseline), options.write_baseline, ())
    elif options.baseline:
        report, gone = without_known(report, known, options.baseline, options.paths or ("",))
        narrowed = options.select or options.ignore or options.exclude
        if gone and not options.quiet and not narrowed:
            found = "1 finding no longer occurs" if gone == 1 else f"{gone} findings no longer occur"
            warn(f"{options.baseline}: {found}; update the baseline with --write-baseline")
    return report


def _progress(options: CommandOptions) -> Progress | None:
    """Return the progress bar if stderr is a terminal."""
    if options.quiet or sys.stderr is None or not sys.stderr.isatty():
        return None
    from imglint.commands.progress import progress

    return progress


def _rendered(writer: Format, report: Report, target: str | None, options: CommandOptions) -> SpooledReport:
    """Return a report in a format.

    Raises PluginError if the format fails.
    """
    output = SpooledReport()
    style = {"color": target is None and _uses_color(options.color), "summary": not options.quiet} if writer.terminal else {}
    try:
        writer.write(report, output, **style)
    except Exception as error:
        if options.debug:
            raise
        raise PluginError(
            f"the format {writer.name} failed: {type(error).__name__}: {error}; run with --debug for the traceback"
        ) from error
    return output


def _write(output: SpooledReport, target: str | None) -> None:
    """Write a report to stdout or to a file, whole or not at all."""
    if target is not None:
        write_whole(target, output.pieces())
        return
    for piece in output.pieces():
        write_stdout(piece)


def _uses_color(option: bool | None) -> bool:
    if option is not None:
        return option
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _status(report: Report, fail_on: str | None, policies: Policies) -> int:
    """Return the exit status. `fail_on` overrides that of the policy of each finding's file."""
    if report.failed:
        return FAILED
    for finding in report.findings:
        threshold = fail_on or policies.of(finding.location.path).fail_on
        if threshold != "never" and finding.level >= Severity[threshold.upper()]:
            return FINDINGS
    return CLEAN
