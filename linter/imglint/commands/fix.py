"""`--fix` and `--diff`: makes the fixes of a report in the files that the user named or a walk found."""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from contextlib import suppress
from itertools import accumulate

from imglint.commands.options import settings_for
from imglint.engine.discover import Found
from imglint.engine.facts import STDIN, files
from imglint.engine.fix import FixedFile, fix_file
from imglint.engine.results import Findings
from imglint.errors import PluginError, UsageError
from imglint.output import UnwrittenFile, check_replaceable, encoded, replace_content, warn, warn_traceback
from imglint.printable import counted, printable_line
from imglint.records import record, replace
from imglint.source import CHUNK, FILE_SIZE_MAX, UnreadFile, keep_stdin, read_bytes, set_stdin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imglint.commands.options import CommandOptions
    from imglint.engine.facts import Settings
    from imglint.engine.fix import Key
    from imglint.model import Finding, Report

CONTEXT = 3
"""Unchanged lines of a diff before and after each change."""


def fix(
    options: CommandOptions,
    settings: Settings,
    shows: Callable[[Finding], bool],
    report_of: Callable[[CommandOptions, Settings], Report],
) -> tuple[Report, Iterable[bytes] | None]:
    """Fix the findings that are shown, and return the report on what remains; with `--diff`, only compute the difference, and return the report.

    Also return what stdout has in place of the report: the difference, empty if there is none, or the fixed text of stdin; None if it has the report.
    A file that cannot be written does not keep the others from being fixed; the report has failed then. `report_of` runs a check.

    Raises UsageError if stdin is one of several paths.
    """
    if STDIN in options.paths and len(options.paths) > 1:
        raise UsageError("--fix and --diff take '-' as the only path")
    stdin = _Stdin() if options.paths == (STDIN,) else None
    report = report_of(replace(options, write_baseline=None, quiet=True), settings)
    fixing = _Fixing(options, settings, shows)
    fixed = fixing.files(report, stdin.data if stdin else None)
    if options.diff:
        numbers: list[int] = []
        difference = list(_differences(fixed, numbers))
        _announce("would fix", numbers, options)
        if stdin:
            stdin.reset(None)
        return fixing.marked(report), difference
    changed = [file.fixed for file in fixed if _is_written(file, fixing, stdin)]
    _announce("fixed", changed, options)
    if changed or options.baseline or options.write_baseline:
        if stdin:
            stdin.reset(stdin.fixed)
        # The files and the policies have changed, and what the settings know of them.
        # The answers of registries are still valid.
        again = replace(settings_for(options, settings.online), fingerprints=settings.fingerprints, verbose=False)
        report = report_of(options, again)
    return fixing.marked(report), stdin.pieces() if stdin else None


def _announce(what: str, numbers: Sequence[int], options: CommandOptions) -> None:
    """Print how many findings are fixed, given the number of each changed file."""
    if numbers and not options.quiet:
        warn(f"{what} {counted(sum(numbers), 'finding')} in {counted(len(numbers), 'file')}")


class _Stdin:
    """The text on stdin, and its fixed text: at first that which is there."""

    def __init__(self) -> None:
        self._rest: int | None = None
        # Reading a closed one is reported.
        with suppress(OSError):
            self._rest = os.dup(0)
        self.data = keep_stdin()
        self.fixed: bytes | None = None

    def reset(self, data: bytes | None) -> None:
        """Put a text on stdin, by default that which was there. What cannot be read stays so."""
        data = self.data if data is None else data
        if data is not None:
            set_stdin(data)

    def pieces(self) -> Iterator[bytes]:
        """Yield the fixed text. One that is too large to be read is passed on."""
        data = self.data if self.fixed is None else self.fixed
        yield data or b""
        if self._rest is not None and len(data or b"") > FILE_SIZE_MAX:
            while chunk := os.read(self._rest, CHUNK):
                yield chunk


def _is_written(file: FixedFile, fixing: _Fixing, stdin: _Stdin | None) -> bool:
    """Write a file if it has changed, and return whether it was written."""
    if file.after == file.before:
        return False
    if stdin is not None:
        stdin.fixed = file.after
        return True
    try:
        replace_content(file.path, file.before, file.after)
    except UnwrittenFile as error:
        warn(f"imglint: {file.path}: {error}")
        fixing.fail(file.path, f"the file {error}", is_fatal=True)
        return False
    return True


class _Fixing:
    """The fixes that the options ask for, and why some were not made."""

    def __init__(self, options: CommandOptions, settings: Settings, shows: Callable[[Finding], bool]) -> None:
        self._options, self._settings, self._shows = options, settings, shows
        self._failures: dict[str, str] = {}
        self._has_failed = False

    def is_wanted(self, finding: Finding) -> bool:
        """Return whether the options ask for the fix of a finding."""
        return finding.fix is not None and (finding.fix.safe or self._options.unsafe_fixes) and self._shows(finding)

    def files(self, report: Report, stdin: bytes | None) -> Iterator[FixedFile]:
        """Yield the files with wanted fixes, with these made. Nothing is written."""
        reported: dict[str, set[Key]] = {finding.location.path: set() for finding in report.findings if self.is_wanted(finding)}
        for finding in report.findings:
            if finding.location.path in reported:
                reported[finding.location.path].add((finding.rule, finding.location.line, finding.location.column))
        for found in files(self._options.paths or ("",), self._settings) if reported else ():
            path = self._settings.stdin_filename if found.path == STDIN else found.path
            if isinstance(found, Found) and path in reported:
                file = self._fixed(found, path, reported[path], stdin)
                if file is not None:
                    yield file

    def _fixed(self, found: Found, path: str, reported: set[Key], stdin: bytes | None) -> FixedFile | None:
        """Return a file with the wanted fixes of reported findings made, None if that fails."""
        try:
            if stdin is None:
                check_replaceable(path)
            before = read_bytes(path) if stdin is None else stdin
            file = fix_file(found, before, self._settings, self.is_wanted, reported)
        except UnwrittenFile as error:
            self.fail(path, f"the file {error}")
        except UnreadFile as error:
            self.fail(path, f"the file cannot be read: {error.reason}")
        except PluginError:
            raise
        except Exception as error:
            if self._settings.debug:
                warn_traceback(error)
            reason = f"fixing failed with {type(error).__name__}: {error}; run again with --debug and report the traceback"
            warn(f"imglint: {path}: {reason}")
            self.fail(path, reason, is_fatal=True)
        else:
            if file.failure:
                self.fail(path, file.failure)
            return file
        return None

    def fail(self, path: str, reason: str, *, is_fatal: bool = False) -> None:
        """Remember why a file was not fixed. `is_fatal` is whether the run has failed then."""
        self._failures[path] = reason
        self._has_failed |= is_fatal

    def marked(self, report: Report) -> Report:
        """Return the report with the reason why a fix was not made in the messages of the findings concerned."""
        if not self._failures:
            return report
        findings = Findings()
        findings.extend(self._marked(finding) for finding in report.findings)
        return replace(report, findings=findings, failed=report.failed or self._has_failed)

    def _marked(self, finding: Finding) -> Finding:
        reason = self._failures.get(finding.location.path)
        if reason is None or not self.is_wanted(finding):
            return finding
        return replace(finding, message=f"{finding.message}; not fixed: {reason}", fix=None)


@record
class _Hunk:
    """Lines of a file, from the first to before the last, and the lines that replace them."""

    first: int
    last: int
    new: list[bytes]


def _differences(fixed: Iterable[FixedFile], numbers: list[int]) -> Iterator[bytes]:
    """Yield the lines of a unified diff of files, and add the number of fixed findings of each changed one to a list."""
    for file in fixed:
        if file.after != file.before:
            numbers.append(file.fixed)
            yield from _diff(file)


def _diff(file: FixedFile) -> Iterator[bytes]:
    """Yield the lines of a unified diff, as `git apply` and `patch -p1` read it. On a terminal, control characters are escaped."""
    name = os.path.relpath(file.path).replace(os.sep, "/")
    shown = _shown if sys.stdout is not None and sys.stdout.isatty() else bytes
    yield shown(b"--- " + _quoted(f"a/{name}") + b"\n")
    yield shown(b"+++ " + _quoted(f"b/{name}") + b"\n")
    lines = _lines(file.before)
    shift = 0
    for group in _grouped(_hunks(file, lines)):
        first, last = max(group[0].first - CONTEXT, 0), min(group[-1].last + CONTEXT, len(lines))
        body: list[bytes] = []
        at = first
        for hunk in group:
            body += [b" " + line for line in lines[at : hunk.first]]
            body += [b"-" + line for line in lines[hunk.first : hunk.last]]
            body += [b"+" + line for line in hunk.new]
            at = hunk.last
        body += [b" " + line for line in lines[at:last]]
        more = sum([len(hunk.new) - (hunk.last - hunk.first) for hunk in group])
        yield b"@@ -%s +%s @@\n" % (_range(first, last - first), _range(first + shift, last - first + more))
        for line in body:
            yield shown(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n")
        shift += more


def _lines(data: bytes) -> list[bytes]:
    """Return the lines with their line feeds. Nothing else ends a line in a diff."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop().removesuffix(b"\n")
    return [*lines, last] if last else lines


def _hunks(file: FixedFile, lines: Sequence[bytes]) -> Iterator[_Hunk]:
    """Yield the lines that the changes of a file replace. The time is linear in the length of the file, which no general comparison ensures."""
    starts = [0, *accumulate(map(len, lines))]
    spans: list[tuple[int, int, list[tuple[int, int, bytes]]]] = []
    for change in file.changes:
        first, last = _line_of(change[0], starts, lines), _line_of(change[1], starts, lines)
        if spans and first <= spans[-1][1]:
            first, _, changes = spans.pop()
            changes.append(change)
            spans.append((first, last, changes))
        else:
            spans.append((first, last, [change]))
    for first, last, changes in spans:
        end = starts[min(last + 1, len(lines))]
        pieces, at = [], starts[first]
        for start, stop, new in changes:
            pieces += [file.before[at:start], new]
            at = stop
        yield from _trimmed(first, lines[first : last + 1], _lines(b"".join([*pieces, file.before[at:end]])))


def _line_of(offset: int, starts: Sequence[int], lines: Sequence[bytes]) -> int:
    """Return the number of the line with an offset, from 0. The end of a file is on its last line, or after that if it ends with a line feed."""
    line = bisect_right(starts, offset) - 1
    return line - 1 if line == len(lines) and lines and not lines[-1].endswith(b"\n") else line


def _trimmed(first: int, old: Sequence[bytes], new: list[bytes]) -> Iterator[_Hunk]:
    """Yield a hunk without the lines at its ends that stay, unless nothing is left."""
    shorter = min(len(old), len(new))
    front = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    shorter -= front
    back = next((at for at in range(shorter) if old[-1 - at] != new[-1 - at]), shorter)
    if front + back < max(len(old), len(new)):
        yield _Hunk(first + front, first + len(old) - back, new[front : len(new) - back])


def _grouped(hunks: Iterable[_Hunk]) -> Iterator[list[_Hunk]]:
    """Yield the hunks with context in common together."""
    group: list[_Hunk] = []
    for hunk in hunks:
        if group and hunk.first - group[-1].last > 2 * CONTEXT:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _range(first: int, count: int) -> bytes:
    """Return lines as a diff names them, counted from 1; without lines, the one before."""
    return b"%d" % (first + 1) if count == 1 else b"%d,%d" % (first + 1 if count else first, count)


def _quoted(name: str) -> bytes:
    """Return a file name as Git writes it in a diff: in quotes and with octal escapes if it has control characters, quotes or backslashes.

    A tab after a name with spaces shows where it ends.
    """
    data = os.fsencode(name)
    if any(byte < 32 or byte in b'"\\\x7f' for byte in data):
        return b'"' + b"".join([_octal(byte) if byte < 32 or byte in b'"\\\x7f' else bytes([byte]) for byte in data]) + b'"'
    return data + b"\t" if b" " in data else data


def _octal(byte: int) -> bytes:
    return b"\\%03o" % byte


def _shown(lines: bytes) -> bytes:
    return b"".join([encoded(printable_line(line) + "\n") for line in lines.decode(errors="replace").split("\n")[:-1]])
