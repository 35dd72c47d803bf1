"""Running: from paths to a report, in several processes if there are many files.

paths -> discover -> facts -> judge -> Report
"""

from __future__ import annotations

import gc
import os
from itertools import chain, islice

from imglint.engine.discover import IGNORED, LINK, Found, WalkError
from imglint.engine.facts import STDIN, files, new_files, problem_at, read_file
from imglint.engine.judge import judge, judge_file
from imglint.engine.results import FileReport, Findings, RunResults
from imglint.model import (
    EXPIRED_EXCEPTION,
    INTERNAL_ERROR,
    UNSILENCEABLE,
    UNUSED_EXCEPTION,
    Finding,
    ImageUse,
    Report,
    SkippedFiles,
)
from imglint.output import warn
from imglint.policy.lookup import PolicyException
from imglint.records import replace
from imglint.source import Source, UnreadFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Protocol, TypeVar

    from imglint.engine.discover import Skipped
    from imglint.engine.facts import Settings
    from imglint.engine.judge import Verdict
    from imglint.model import PolicyLocation

    T = TypeVar("T")

    class Progress(Protocol):
        """Passes on the pieces of work it is given, and shows how far the run has come."""

        def __call__(self, work: Iterable[T], /) -> Iterable[T]:
            """Pass on each piece."""
            ...


FEW_FILES = 20
"""Files up to which the garbage collector stays off for the whole run."""
GARBAGE = 100_000
"""Allocations between garbage collections. YAML trees are many objects without cycles, so frequent collections find nothing."""
FILES_PER_JOB = 200
"""Files for each worker process, unless the command line sets the number of processes."""
FILES_PER_PIECE = 40
"""Files that a worker gets at a time: enough to make the overhead negligible, few enough to keep all workers busy until the end."""


def run(paths: Sequence[str], settings: Settings, progress: Progress | None = None) -> Report:
    """Check files and folders.

    Raises PluginError if a reader breaks its contract.
    """
    skipped = _SkippedSoFar(settings)
    found: Iterable[Found | WalkError] = files(paths, settings, skipped.add)
    if len(paths) > 1:
        # A single walk already yields sorted paths.
        found = sorted(found, key=lambda file: _shown_path(file, settings))
    results = _check(iter(found), settings, progress or iter)
    more: list[Finding] = []
    seen: set[str] = set()
    named: Iterable[Found] = results.named_files
    while named := new_files(named, paths, seen, settings):
        others = _check(iter(named), settings, iter)
        more += others.findings
        named = others.named_files
        others.findings = Findings()
        results.join(others)
    on_exceptions = _judge_exceptions(paths, settings, results.used_exceptions)
    findings = _with(results.findings, more + on_exceptions)
    return Report(findings, results.files, results.places, results.failed, skipped.counts(), results.incomplete)


class _SkippedSoFar:
    """Counts the files and folders that a walk skips, and names each if the run is verbose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers = {False: 0, True: 0}
        self._reasons: set[str] = set()

    def add(self, skipped: Skipped) -> None:
        self._numbers[skipped.is_folder] += 1
        self._reasons.add(skipped.reason)
        if self._settings.verbose:
            known = {IGNORED: "ignored by Git", LINK: "a symbolic link that does not lead to a file of this repository"}
            warn(f"{skipped.path}: skipped; {known.get(skipped.reason, 'folders of this name are not walked')}")

    def counts(self) -> SkippedFiles:
        return SkippedFiles(self._numbers[False], self._numbers[True], tuple(sorted(self._reasons)))


def _check(found: Iterator[Found | WalkError], settings: Settings, progress: Progress) -> RunResults:
    """Check files, in several processes if there are many."""
    first = list(islice(found, _cores() * FILES_PER_JOB))
    if len(first) > FEW_FILES:
        gc.set_threshold(GARBAGE)
        gc.enable()
    jobs = min(settings.jobs, len(first)) if settings.jobs else len(first) // FILES_PER_JOB
    if jobs <= 1:
        return _check_all(progress(chain(first, found)), settings, warn)
    from imglint.engine.workers import mapped

    def work(piece: list[Found | WalkError]) -> tuple[RunResults, list[str]]:
        log: list[str] = []
        results = _check_all(piece, settings, log.append)
        results.findings.pack()
        return results, log

    whole = RunResults()
    for results, log in mapped(work, progress(_pieces(chain(first, found))), jobs):
        whole.join(results)
        for line in log:
            warn(line)
    return whole


def _pieces(found: Iterator[T]) -> Iterator[list[T]]:
    while piece := list(islice(found, FILES_PER_PIECE)):
        yield piece


def _check_all(found: Iterable[Found | WalkError], settings: Settings, log: Callable[[str], object]) -> RunResults:
    """Check files one by one. `log` gets a line for each if the run is verbose."""
    results = RunResults()
    for file in found:
        report = check_file(file, settings)
        results.add(report)
        if settings.verbose:
            log(_log_line(file, report, settings))
    return results


def _log_line(file: Found | WalkError, report: FileReport, settings: Settings) -> str:
    path = _shown_path(file, settings)
    if not report.kind:
        return f"{path}: skipped; not a known kind of file, or unreadable"
    return f"{path}: {report.kind}, {settings.environment or settings.policy.environment_of(path)}"


def _shown_path(file: Found | WalkError, settings: Settings) -> str:
    """Return the path under which a file is reported."""
    return settings.stdin_filename if file.path == STDIN else file.path


def _cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _with(findings: Findings, more: list[Finding]) -> Collection[Finding]:
    """Return findings in file and line order, with more of them merged in."""
    if not more:
        return findings
    from heapq import merge

    merged = Findings()
    merged.extend(merge(findings, sorted(more, key=_order), key=_order))
    return merged


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return finding.location.path, finding.location.line, finding.location.column, finding.rule, finding.message


def check_file(found: Found | WalkError, settings: Settings) -> FileReport:
    """Check one file. Whatever goes wrong with it is a finding."""
    file = read_file(found, settings)
    verdicts, is_complete = judge_file(file, settings)
    findings = [verdict.finding for verdict in verdicts if verdict.silenced_by is None]
    if settings.fingerprints and findings:
        findings = _fingerprinted(findings, file.source)
    used = frozenset([verdict.silenced_by.key for verdict in verdicts if isinstance(verdict.silenced_by, PolicyException)])
    places = sum([isinstance(fact, ImageUse) for fact in file.facts])
    rules = {finding.rule for finding in findings}
    return FileReport(
        tuple(sorted(findings, key=_order)),
        file.source.kind,
        places,
        used,
        INTERNAL_ERROR in rules,
        not is_complete and rules.isdisjoint(UNSILENCEABLE),
        file.named_files,
    )


def _judge_exceptions(paths: Sequence[str], settings: Settings, used: Collection[PolicyLocation]) -> list[Finding]:
    """Return the findings on the policy's exceptions: those that have expired, and those that a run over the whole folder did not need."""
    policy = settings.policy
    is_partial = bool(settings.selected or settings.ignored or settings.excluded or settings.environment)
    is_whole = not is_partial and any(_contains(path, policy.folder) for path in paths)
    verdicts: list[Verdict] = []
    for exception in policy.exceptions:
        if exception.expired(settings.today):
            by = f", approved by {exception.approved_by}" if exception.approved_by else ""
            why = f": {exception.reason}" if exception.reason else ""
            message = f"exception expired on {exception.until}{by}{why}"
            verdicts += _judge_exception(EXPIRED_EXCEPTION, exception, message, settings)
        elif is_whole and not exception.shared and exception.key not in used:
            verdicts += _judge_exception(
                UNUSED_EXCEPTION, exception, "unused exception; remove it, or correct its patterns", settings
            )
    return [verdict.finding for verdict in verdicts if verdict.silenced_by is None]


def _judge_exception(rule: str, exception: PolicyException, message: str, settings: Settings) -> list[Verdict]:
    try:
        source = Source(exception.path, settings.policy.read(exception.path))
    except UnreadFile:
        source = Source(exception.path, "")
    start = source.offset(exception.line, exception.column)
    end = start + len(source.text[start:].partition("\n")[0].rstrip())
    return judge(problem_at(source, (start, end), message, rule, settings), settings)


def _contains(path: str, folder: str) -> bool:
    """Whether a path is a folder, or one above it."""
    return os.path.isdir(path or ".") and os.path.join(folder, "").startswith(os.path.join(os.path.abspath(path), ""))


def _fingerprinted(findings: list[Finding], source: Source) -> list[Finding]:
    from imglint.engine.fingerprint import line_hashes

    hashes = line_hashes(source.text, {finding.location.line for finding in findings})
    return [replace(finding, fingerprint=hashes[finding.location.line]) for finding in findings]
