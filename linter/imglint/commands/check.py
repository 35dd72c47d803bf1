"""`imglint check`: checks files, writes the reports, and computes the exit status. Imports baselines and the progress bar only when used."""

from __future__ import annotations

import os
import sys

from imglint.commands import COMMANDS
from imglint.commands.options import (
    CLEAN,
    FAILED,
    FINDINGS,
    CommandOptions,
    known_name,
    run_command,
    settings_for,
    shows_progress,
)
from imglint.engine.facts import Settings
from imglint.engine.results import Findings
from imglint.engine.run import run
from imglint.errors import PluginError, UsageError
from imglint.model import Severity, View
from imglint.output import SpooledReport, warn, write_stdout, write_whole
from imglint.plugins.load import formats, output_format
from imglint.printable import counted
from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.engine.run import Progress
    from imglint.model import Finding, Report
    from imglint.plugins.load import Format
    from imglint.policy.find import Policies

COMMAND_SIMILAR = 0.8
"""The similarity, from 0 to 1, from which a word is taken for a misspelled command."""
STDERR = "-"
"""The target of a report on stderr, where stdout has something else."""
NO_POLICY = "No policy found; run `imglint init` to write one from the images in use."


def check(options: CommandOptions) -> int:
    """Check the paths of the options, write the reports, and return the exit status. If the call fails, stdout stays empty."""
    return run_command(options, _check)


def _check(options: CommandOptions) -> int:
    _check_word(options.paths)
    _check_fixes(options)
    settings = settings_for(options)
    if options.verbose:
        for policy in settings.policies.used():
            warn(f"policy: {policy.path or 'none; using the defaults'}")
    writers = _writers(options)
    files = [target for _, target in writers if target]
    if files or options.write_baseline:
        from imglint.commands.targets import check_targets

        check_targets(files, options, settings)
    settings = replace(settings, fingerprints=any(writer.fingerprints for writer, _ in writers))
    fails = _fails(options.fail_on, settings.policies)
    # What --statistics counts, but a report does not show, is not fixed.
    fixes = _shows(replace(options, statistics=False), fails)
    if options.fix or options.diff:
        from imglint.commands.fix import fix

        report, printed = fix(options, settings, fixes, _reported)
    else:
        report, printed = _reported(options, settings), None
    advice = "" if any(policy.path for policy in settings.policies.used()) else NO_POLICY
    view = View(_shows(options, fails), _width(), advice, fixes)
    if printed is not None and not options.output:
        writers[:1] = _on_stderr(writers)
    rendered = [(_rendered(writer, report, target, view, options), target) for writer, target in writers]
    # Stdout comes last, so that it stays empty if a file cannot be written.
    for output, target in sorted(rendered, key=lambda entry: entry[1] is None):
        _write(output, target)
    for piece in printed or ():
        write_stdout(piece)
    if options.diff and not report.failed:
        return FINDINGS if printed else CLEAN
    return _status(report, fails)


def _check_fixes(options: CommandOptions) -> None:
    """Raise UsageError if an option for fixes contradicts the others."""
    if options.unsafe_fixes and not (options.fix or options.diff):
        raise UsageError("--unsafe-fixes has no effect alone; add --fix or --diff")
    if options.refresh and not options.online:
        raise UsageError("--refresh has no effect alone; add --online")
    if options.diff and options.write_baseline:
        raise UsageError("--diff writes no files; leave out --write-baseline, or use --fix")


def _on_stderr(writers: list[tuple[Format, str | None]]) -> list[tuple[Format, str | None]]:
    """Return what takes the place of the first report where stdout has something else: nothing if there are others, else a report as text."""
    if len(writers) > 1:
        return []
    writer = writers[0][0]
    return [(writer if writer.view else output_format("text"), STDERR)]


def _reported(options: CommandOptions, settings: Settings) -> Report:
    """Return the report of a run, without the findings that the options leave out."""
    return _report(options, settings) if options.since is None else _report_since(options.since, options, settings)


def _check_word(paths: tuple[str, ...]) -> None:
    """Raise UsageError if the first path does not exist, but is almost the name of a command."""
    if not paths or not paths[0].isalpha() or os.path.lexists(paths[0]):
        return
    from imglint.spelling import closest

    close = closest(paths[0], COMMANDS, COMMAND_SIMILAR)
    if close:
        raise UsageError(f"{paths[0]}: no such file or folder; did you mean the command `{close}`?")


def _writers(options: CommandOptions) -> list[tuple[Format, str | None]]:
    """Return the formats of the reports, each with its file, None for stdout.

    Raises UsageError or PluginError.
    """
    targets = [(options.format, options.output), *options.reports]
    writers = [(output_format(known_name("format", name, formats())), target) for name, target in targets]
    if options.statistics:
        writers[0] = _statistics(writers[0][0]), options.output
    return writers


def _statistics(writer: Format) -> Format:
    """Return the format that writes the numbers of findings in place of those that a format for people writes.

    Raises UsageError if it is another format.
    """
    if not writer.view:
        raise UsageError(f"--statistics prints text; use it with the format text or concise, not {writer.name}")
    from imglint.formats import _statistics as statistics

    return replace(writer, write=statistics.write)


def _report(options: CommandOptions, settings: Settings) -> Report:
    """Return the report of a run, without the findings of the baseline that is given or written."""
    if not options.baseline and not options.write_baseline:
        return run(options.paths or ("",), settings, _progress(options))
    from imglint.engine.baseline import read_baseline, without_known, write_baseline

    known = read_baseline(options.baseline) if options.baseline else {}
    report = run(options.paths or ("",), settings, _progress(options))
    if options.write_baseline:
        written = write_baseline(options.write_baseline, report)
        if not options.quiet:
            warn(f"wrote {counted(written, 'finding')} to {options.write_baseline}")
        report, _ = without_known(report, read_baseline(options.write_baseline), options.write_baseline, ())
    elif options.baseline:
        not_run = [rule.id for rule in settings.rules.values() if rule.online and not options.online]
        report, gone = without_known(report, known, options.baseline, options.paths or ("",), not_run)
        narrowed = options.select or options.ignore or options.exclude
        if gone and not options.quiet and not narrowed:
            found = "1 finding no longer occurs" if gone == 1 else f"{gone} findings no longer occur"
            warn(f"{options.baseline}: {found}; update the baseline with --write-baseline")
    return report


def _report_since(ref: str, options: CommandOptions, settings: Settings) -> Report:
    """Return the report of a run, without the findings on lines that did not change since the merge base with a revision."""
    from imglint.commands.since import Since

    since = Since(ref, options, settings)
    return since.changed(_report(options, settings))


def _progress(options: CommandOptions) -> Progress | None:
    """Return the progress bar of the files if it is to be shown. With registries, there is one of their answers instead."""
    if options.online or not shows_progress(options):
        return None
    from imglint.commands.progress import progress

    return progress


def _fails(fail_on: str | None, policies: Policies) -> Callable[[Finding], bool]:
    """Return whether a finding makes the exit status 1. `fail_on` overrides that of the policy of each finding's file."""

    def fails(finding: Finding) -> bool:
        threshold = fail_on or policies.of(finding.location.path).fail_on
        return threshold != "never" and finding.level >= _level(threshold)

    return fails


def _shows(options: CommandOptions, fails: Callable[[Finding], bool]) -> Callable[[Finding], bool]:
    """Return whether a format for people shows a finding: from the level of the options, or else all but notes that nobody asked for."""
    if options.min_level or options.statistics:
        lowest = _level(options.min_level or "note")
        return lambda finding: finding.level >= lowest
    return lambda finding: finding.level >= Severity.WARNING or finding.rule in options.select or fails(finding)


def _level(name: str) -> Severity:
    return Severity[name.upper()]


def _from_level(report: Report, lowest: Severity) -> Report:
    """Return the report without the findings below a level."""
    findings = Findings()
    findings.extend(finding for finding in report.findings if finding.level >= lowest)
    return replace(report, findings=findings)


def _rendered(writer: Format, report: Report, target: str | None, view: View, options: CommandOptions) -> SpooledReport:
    """Return a report in a format. One that does not take the view gets only the findings that it is to write.

    Raises PluginError if the format fails.
    """
    output, style = SpooledReport(), dict[str, object]()
    if writer.view:
        style["view"] = view if target is None else replace(view, width=0)
    elif options.min_level:
        report = _from_level(report, _level(options.min_level))
    if writer.terminal:
        style |= {"color": target is None and _uses_color(options.color), "summary": not options.quiet}
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
    """Write a report to stdout, to stderr or to a file, whole or not at all."""
    if target == STDERR:
        for line in b"".join(output.pieces()).decode().splitlines():
            warn(line)
        return
    if target is not None:
        write_whole(target, output.pieces())
        return
    for piece in output.pieces():
        write_stdout(piece)


def _uses_color(option: bool | None) -> bool:
    if option is not None:
        return option
    if os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR"):
        return not os.environ.get("NO_COLOR")
    return _is_terminal() and os.environ.get("TERM") != "dumb"


def _width() -> int:
    """Return the number of columns of the terminal that stdout is, 0 if it is none."""
    if not _is_terminal():
        return 0
    given = os.environ.get("COLUMNS", "")
    try:
        return int(given) if given.isdecimal() else os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 0


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _status(report: Report, fails: Callable[[Finding], bool]) -> int:
    if report.failed:
        return FAILED
    return FINDINGS if any(fails(finding) for finding in report.findings) else CLEAN
