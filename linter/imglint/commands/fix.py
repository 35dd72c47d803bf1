"""`--fix` and `--diff`: makes the fixes of a report in the files that the user named or a walk found."""

from __future__ import annotations

import os
import sys

from imglint.engine.discover import Found
from imglint.engine.facts import STDIN, files
from imglint.engine.fix import FixedFile, fix_file
from imglint.engine.results import Findings
from imglint.output import encoded, replace_content, warn
from imglint.printable import counted, printable_line
from imglint.records import replace
from imglint.source import UnreadFile, keep_stdin, read_bytes, set_stdin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imglint.commands.options import CommandOptions
    from imglint.engine.facts import Settings
    from imglint.model import Finding, Report


def fix(
    options: CommandOptions,
    settings: Settings,
    shows: Callable[[Finding], bool],
    report_of: Callable[[CommandOptions], Report],
) -> tuple[Report, bytes | None]:
    """Fix the findings that are shown, and return the report on what remains; with `--diff`, only compute the difference, and return the report.

    Also return what stdout has in place of the report: the difference, or the fixed text of stdin; None if it has the report. `report_of` runs a check.

    Raises UsageError if a file cannot be written.
    """
    stdin = keep_stdin() if options.paths == (STDIN,) else None
    report = report_of(replace(options, write_baseline=None, quiet=True))

    def is_wanted(finding: Finding) -> bool:
        return finding.fix is not None and (finding.fix.safe or options.unsafe_fixes) and shows(finding)

    fixed = _fixed_files(report, options.paths or ("",), settings, is_wanted, stdin or b"")
    if options.diff:
        if stdin is not None:
            set_stdin(stdin)
        return _with_failures(report, fixed, is_wanted), b"".join(_diff(fixed))
    changed = [file for file in fixed if file.after != file.before]
    if stdin is not None:
        set_stdin(changed[0].after if changed else stdin)
    else:
        for file in changed:
            replace_content(file.path, file.before, file.after)
    if changed and not options.quiet:
        warn(f"fixed {counted(sum([file.fixed for file in changed]), 'finding')} in {counted(len(changed), 'file')}")
    if changed or options.baseline or options.write_baseline or stdin is not None:
        report = report_of(options)
    report = _with_failures(report, fixed, is_wanted)
    return report, (changed[0].after if changed else stdin) if stdin is not None else None


def _fixed_files(
    report: Report, paths: Sequence[str], settings: Settings, is_wanted: Callable[[Finding], bool], stdin: bytes
) -> list[FixedFile]:
    """Return the files with wanted fixes, with these made as far as that is possible. Nothing is written."""
    wanted: dict[str, set[tuple[str, int]]] = {}
    for finding in report.findings:
        if is_wanted(finding):
            wanted.setdefault(finding.location.path, set()).add((finding.rule, finding.location.line))

    def fixed(found: Found, path: str) -> FixedFile:
        if found.path != STDIN and os.path.islink(path):
            return FixedFile(path, b"", b"", failure="the file is a symbolic link")
        try:
            before = stdin if found.path == STDIN else read_bytes(path)
            # The findings that a baseline or --since leaves out are not in the report.
            return fix_file(found, before, settings, lambda finding: _line(finding) in wanted[path] and is_wanted(finding))
        except UnreadFile as error:
            return FixedFile(path, b"", b"", failure=error.reason)

    return [
        fixed(found, path)
        for found in (files(paths, settings) if wanted else ())
        if isinstance(found, Found) and (path := settings.stdin_filename if found.path == STDIN else found.path) in wanted
    ]


def _line(finding: Finding) -> tuple[str, int]:
    return finding.rule, finding.location.line


def _with_failures(report: Report, fixed: Sequence[FixedFile], is_wanted: Callable[[Finding], bool]) -> Report:
    """Return the report with the reason why a fix was not made in the messages of the findings concerned."""
    failures = {file.path: file.failure for file in fixed if file.failure}
    if not failures:
        return report
    findings = Findings()
    findings.extend(
        replace(finding, message=f"{finding.message}; not fixed: {failures[finding.location.path]}", fix=None)
        if finding.location.path in failures and is_wanted(finding)
        else finding
        for finding in report.findings
    )
    return replace(report, findings=findings)


def _diff(fixed: Sequence[FixedFile]) -> Iterator[bytes]:
    """Yield the lines of a unified diff, as `git apply` and `patch -p1` read it. On a terminal, control characters are escaped."""
    from difflib import diff_bytes, unified_diff

    for file in fixed:
        name = os.path.relpath(file.path).replace(os.sep, "/")
        before, after = _lines(file.before), _lines(file.after)
        for line in diff_bytes(unified_diff, before, after, _quoted(f"a/{name}"), _quoted(f"b/{name}"), lineterm=b"\n"):
            whole = line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
            yield _shown(whole) if sys.stdout is not None and sys.stdout.isatty() else whole


def _lines(data: bytes) -> list[bytes]:
    """Return the lines with their line feeds. Nothing else ends a line in a diff."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop().removesuffix(b"\n")
    return [*lines, last] if last else lines


def _quoted(name: str) -> bytes:
    """Return a file name as Git writes it in a diff: in quotes and with octal escapes if it has control characters, quotes or backslashes."""
    data = os.fsencode(name)
    if not any(byte < 32 or byte in b'"\\\x7f' for byte in data):
        return data
    return b'"' + b"".join([_octal(byte) if byte < 32 or byte in b'"\\\x7f' else bytes([byte]) for byte in data]) + b'"'


def _octal(byte: int) -> bytes:
    return b"\\%03o" % byte


def _shown(lines: bytes) -> bytes:
    return b"".join([encoded(printable_line(line) + "\n") for line in lines.decode(errors="replace").split("\n")[:-1]])
