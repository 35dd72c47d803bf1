"""Checks of the files that a run would write, before it starts. Imported only if there are such files.

A report may replace a report, and a baseline a baseline. Otherwise, no file is replaced that imglint reads, or that has a name by which it finds files:
that would be a file of the user's, named by accident.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase

from imglint.engine.discover import GITIGNORE
from imglint.errors import UsageError
from imglint.output import check_target, is_device
from imglint.plugins.load import readers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.commands.options import CommandOptions
    from imglint.engine.facts import Settings

READ_BESIDE = (".env", GITIGNORE)
"""Names of files that are read for others, beside those that the patterns of readers match, such as Chart.yaml and .imglint.yaml."""

START = 4096
"""Bytes in which a report shows what it is."""

_BASELINE = re.compile(rb'\s*\{\s*"version":\s*\d+,\s*"findings":\s*\[')
_REPORT = re.compile(
    rb"\s*$"
    rb'|\s*\{\s*"version":\s*"[^"]*",\s*"findings":\s*\['  # json
    rb'|\s*\{\s*"runs":\s*\[\s*\{\s*"tool":\s*\{\s*"driver":\s*\{\s*"name":\s*"imglint"'  # sarif
    rb'|\s*\[\s*(?:\]\s*$|\{\s*"description":\s*"[^\n]*",\s*"check_name":\s*"[a-z-]+",\s*"fingerprint":)'  # gitlab
    rb"|::(?:error|warning|notice) file=[^\n]*,title=imglint "  # github
    rb"|[^\n]*:\d+:\d+: (?:error|warning|note) [a-z-]+: "  # text
    rb"| *\d+  (?:error|warning|note) +[a-z-]+\n"  # text with --statistics
    rb"|\d+ (?:error|warning|note)s?[^\n]* not shown: "
    rb"|(?:No findings|Found [^\n]*) in (?:\d+ of )?\d+ files? \(\d+ images?\)(?:; [^\n]*)?\.\s*$|Nothing was checked[:;] "
)


def check_targets(reports: list[str], options: CommandOptions, settings: Settings) -> None:
    """Check the files of reports and the baseline of the options, before anything is written.

    Raises UsageError if one cannot be written, if two are the same file, or if one is a file that must not be replaced.
    """
    baselines = [options.write_baseline] if options.write_baseline else []
    for target in (*reports, *baselines):
        check_target(target)
    targets = [os.path.realpath(target) for target in (*reports, *baselines)]
    if len(set(targets)) < len(targets):
        raise UsageError("two reports have the same output file; use a different file for each")
    policies = [path for policy in settings.policies.used() for path in policy.sources]
    for path in (*options.paths, *policies):
        if os.path.realpath(path) in targets:
            raise UsageError(f"{path}: cannot write a report to a file that is read; choose another file")
    for target in reports:
        if options.baseline and os.path.realpath(options.baseline) == os.path.realpath(target):
            raise UsageError(f"{target}: cannot write a report to a file that is read; choose another file")
        _check_replaced(target, _REPORT, "report", settings)
    for target in baselines:
        _check_replaced(target, _BASELINE, "baseline", settings)


def _check_replaced(target: str, earlier: re.Pattern[bytes], what: str, settings: Settings) -> None:
    if not os.path.lexists(target) or is_device(target) or not _is_read(target, settings):
        return
    start = _start_of(target)
    if start is None or (start and not earlier.match(start)):
        raise UsageError(f"{target}: this file exists and is not a {what} by imglint; choose another file")


def _is_read(target: str, settings: Settings) -> bool:
    """Return whether imglint reads files of this name."""
    for path in (target, os.path.realpath(target)):
        name = os.path.basename(path).lower()
        if name in READ_BESIDE or any(fnmatchcase(name, pattern) for reader in readers() for pattern in reader.files):
            return True
        if settings.policies.of(path).kind_of(path) is not None:
            return True
    return False


def _start_of(path: str) -> bytes | None:
    """Return the first bytes of a regular file, None if it is none or cannot be read."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read(START)
    except OSError:
        return None
