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
    UNUSED_POLICY,
    Finding,
    ImageUse,
    Report,
    SkippedFiles,
)
from imglint.output import warn
from imglint.policy.find import one_for_all
from imglint.policy.lookup import FILE_NAME, PolicyException
from imglint.printable import clipped
from imglint.records import replace
from imglint.repository import is_below
from imglint.source import Source, UnreadFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Protocol, TypeVar

    from imglint.engine.discover import Skipped
    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.judge import Verdict
    from imglint.engine.online import Online
    from imglint.model import PolicyLocation
    from imglint.policy.lookup import Policy

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
    paths = [*paths, *_folders_of_changed_policies(paths, settings)]
    skipped = _SkippedSoFar(settings)
    errors: list[WalkError] = []
    found = _without_errors(files(paths, settings, skipped.add), errors)
    if len(paths) > 1:
        # A single walk already yields sorted paths, except for errors.
        found = iter(sorted(found, key=lambda file: _shown_path(file, settings)))
    results = _check(found, settings, progress or iter)
    more: list[Finding] = []
    seen: set[str] = set()
    named: Iterable[Found] = results.named_files | _check_more(errors, settings, results, more)
    while named := new_files(named, paths, seen, settings):
        named = _check_more(named, settings, results, more)
    on_policies = _judge_policies(paths, settings, results.used_exceptions)
    findings = _with(results.findings, more + on_policies)
    return Report(findings, results.files, results.places, results.failed, skipped.counts(), results.incomplete)


def _check_more(found: Sequence[Found | WalkError], settings: Settings, results: RunResults, more: list[Finding]) -> set[Found]:
    """Check files outside of the order of the others. Add the findings to `more`, and all else to the results. Return the files that they name."""
    others = _check(iter(found), settings, iter)
    more += others.findings
    others.findings = Findings()
    results.join(others)
    return others.named_files


def _without_errors(found: Iterable[Found | WalkError], errors: list[WalkError]) -> Iterator[Found | WalkError]:
    """Yield the files, and collect the errors, which belong elsewhere in the order of the findings."""
    for entry in found:
        if isinstance(entry, WalkError):
            errors.append(entry)
        else:
            yield entry


def _folders_of_changed_policies(paths: Sequence[str], settings: Settings) -> list[str]:
    """Return the folders of the policies with a file among the paths: all files there may have other findings now."""
    folders: dict[str, None] = {}
    for path in paths:
        if path == STDIN or os.path.isdir(path or os.curdir):
            continue
        policy = settings.policies.of(path)
        alike = [source for source in policy.sources if os.path.basename(source) == os.path.basename(path)]
        if any(os.path.realpath(source) == os.path.realpath(path) for source in alike):
            folder = os.path.relpath(policy.folder)
            folders["" if folder == os.curdir else folder] = None
    return list(folders)


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
    """Check files, in several processes if there are many. With registries, only the network is used concurrently."""
    if settings.online is not None:
        return _check_online(found, settings, settings.online)
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

    pieces = iter(progress(_pieces(chain(first, found))))
    whole = RunResults()
    if len(first) > jobs * FILES_PER_PIECE:
        # The first piece is checked before the workers are forked, so that they share the modules that it imports.
        whole = _check_all(next(pieces), settings, warn)
    for results, log in mapped(work, pieces, jobs):
        whole.join(results)
        for line in log:
            warn(line)
    return whole


def _check_online(found: Iterable[Found | WalkError], settings: Settings, online: Online) -> RunResults:
    from imglint.engine.batches import reports

    results = RunResults()
    for file, report in reports(found, settings, online, _report):
        results.add(report)
        if settings.verbose:
            warn(_log_line(file, report, settings))
    return results


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
    environment = settings.environment or settings.policies.of(path).environment_of(path, report.environment)
    return f"{path}: {report.kind}, {environment}"


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
    return _report(read_file(found, settings), settings)


def _report(file: FileFacts, settings: Settings) -> FileReport:
    verdicts, is_complete = judge_file(file, settings)
    findings = [verdict.finding for verdict in verdicts if verdict.is_reported]
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
        file.source.environment,
    )


def _judge_policies(paths: Sequence[str], settings: Settings, used: Collection[PolicyLocation]) -> list[Finding]:
    """Return the findings on the policies of the checked files: on their exceptions, and on policy files that do not apply to their folders."""
    verdicts: list[Verdict] = []
    judged: set[PolicyLocation] = set()
    for policy in settings.policies.used():
        exceptions = [exception for exception in policy.exceptions if exception.key not in judged]
        judged.update([exception.key for exception in exceptions])
        verdicts += _judge_exceptions(exceptions, policy, paths, settings, used)
    for unused in settings.policies.unused:
        policy = unused.policy
        if not policy.excluded(os.path.join(unused.folder, FILE_NAME)):
            entry = clipped(f"{policy.relative(unused.folder)}/")
            message = f"unused policy; {policy.path} applies here; add `{entry}` to its `delegates`, or remove this file"
            verdicts += _judge_entry(UNUSED_POLICY, (unused.path, 1, 1), message, policy, settings)
    return [verdict.finding for verdict in verdicts if verdict.is_reported]


def _judge_exceptions(
    exceptions: Iterable[PolicyException],
    policy: Policy,
    paths: Sequence[str],
    settings: Settings,
    used: Collection[PolicyLocation],
) -> Iterator[Verdict]:
    """Yield the verdicts on exceptions that have expired, and on those that a run over their whole policy did not need."""
    is_partial = bool(settings.selected or settings.ignored or settings.excluded or settings.environment)
    for exception in exceptions:
        folders = (policy.folder, os.path.dirname(os.path.abspath(exception.path)))
        if exception.expired(settings.today):
            by = f", approved by {exception.approved_by}" if exception.approved_by else ""
            why = f": {exception.reason}" if exception.reason else ""
            message = f"exception expired on {exception.until}{by}{why}"
            yield from _judge_entry(EXPIRED_EXCEPTION, exception.key, message, policy, settings)
        elif (
            not is_partial
            and not exception.shared
            and exception.key not in used
            and any(_contains_all(path, folders) for path in paths)
        ):
            message = "unused exception; remove it, or correct its patterns"
            yield from _judge_entry(UNUSED_EXCEPTION, exception.key, message, policy, settings)


def _judge_entry(rule: str, at: PolicyLocation, message: str, policy: Policy, settings: Settings) -> list[Verdict]:
    """Return the verdicts of a policy on an entry of one of its files, from its first character to the end of the line."""
    path, line, column = at
    settings = replace(settings, policies=one_for_all(policy))
    try:
        source = Source(path, policy.read(path))
    except UnreadFile:
        source = Source(path, "")
    start = source.offset(line, column)
    end = start + len(source.text[start:].partition("\n")[0].rstrip())
    return judge(problem_at(source, (start, end), message, rule, settings), settings)


def _contains_all(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path is a folder that contains all of these."""
    return os.path.isdir(path or ".") and all(is_below(folder, os.path.abspath(path)) for folder in folders)


def _fingerprinted(findings: list[Finding], source: Source) -> list[Finding]:
    from imglint.engine.fingerprint import line_hashes

    hashes = line_hashes(source.text, {finding.location.line for finding in findings})
    return [replace(finding, fingerprint=hashes[finding.location.line]) for finding in findings]
