"""The engine: paths to a report, and files to facts. Imports the model, the policy's lookup, the plugins; knows no rule by name but its own.

path -> Source -> reader -> facts -> policy -> rules -> findings -> comments and exceptions -> Report
"""

from __future__ import annotations

import gc
import os
from itertools import chain, islice

from imglint.engine import ignore_comments as ignore
from imglint.engine.discover import Found, WalkError
from imglint.engine.facts import INTERNAL_ERROR, STDIN, UNREAD_FILE, facts_of, failure, files, problem_at
from imglint.engine.results import FileReport, Findings, RunResults
from imglint.model import Comment, Finding, ImageUse, Problem, ReferenceProblem, Report, RunUser, Severity
from imglint.output import warn
from imglint.policy.lookup import Decision
from imglint.record import replace
from imglint.source import Source, UnreadFile, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Protocol, TypeVar

    from imglint.engine.facts import Facts, Settings
    from imglint.model import Fact, Place
    from imglint.plugins import Rule
    from imglint.policy.lookup import PolicyException
    from imglint.source import Location

    T = TypeVar("T")

    class Progress(Protocol):
        """What is given the pieces of work, and passes them on while it shows how far the run has come."""

        def __call__(self, work: Iterable[T], /) -> Iterable[T]:
            """Pass on each piece."""
            ...


FINDINGS_MAX = 10_000
"""Findings of one file; what follows is not judged, which is reported."""
FEW_FILES = 20
"""Files whose garbage a run can afford to keep to its end."""
GARBAGE = 100_000
"""Objects after which garbage is looked for: the trees of YAML have none, and are many objects."""
FILES_PER_JOB = 200
"""Files for each worker process, where the command line does not say how many: fewer are checked before another is started."""
FILES_PER_PIECE = 40
"""Files that a worker is given at a time: many enough that asking costs nothing, few enough that none waits long for the last."""


def run(paths: Sequence[str], settings: Settings, watch: Progress | None = None) -> Report:
    """Check files and folders. `watch` is given the work, and passes it on while it shows how far the run has come.

    Raises PluginError where a reader breaks its contract.
    """
    found: Iterable[Found | WalkError] = files(paths, settings)
    if len(paths) > 1:
        # A walk goes in the order of the paths by itself.
        found = sorted(found, key=lambda one: _named(one, settings))
    tally = _tally(iter(found), settings, watch or iter)
    apart = about_exceptions(paths, settings, tally.excepted)
    return Report(_with(tally.findings, apart), tally.files, tally.places, tally.failed)


def _tally(found: Iterator[Found | WalkError], settings: Settings, watch: Progress) -> RunResults:
    """Check files, in processes of their own where there are many."""
    first = list(islice(found, _cores() * FILES_PER_JOB))
    if len(first) > FEW_FILES:
        gc.set_threshold(GARBAGE)
        gc.enable()
    jobs = min(settings.jobs, len(first)) if settings.jobs else len(first) // FILES_PER_JOB
    if jobs <= 1:
        return _check_all(watch(chain(first, found)), settings, warn)
    from imglint.engine.workers import mapped

    def work(piece: list[Found | WalkError]) -> tuple[RunResults, list[str]]:
        told: list[str] = []
        tally = _check_all(piece, settings, told.append)
        tally.findings.pack()
        return tally, told

    whole = RunResults()
    for tally, told in mapped(work, watch(_pieces(chain(first, found))), jobs):
        whole.join(tally)
        for line in told:
            warn(line)
    return whole


def _pieces(found: Iterator[T]) -> Iterator[list[T]]:
    while piece := list(islice(found, FILES_PER_PIECE)):
        yield piece


def _check_all(found: Iterable[Found | WalkError], settings: Settings, say: Callable[[str], object]) -> RunResults:
    """Check files one by one. `say` is told what was made of each, where that is asked for."""
    tally = RunResults()
    for one in found:
        report = check_file(one, settings)
        tally.add(report)
        if settings.verbose:
            say(_made_of(one, report, settings))
    return tally


def _made_of(one: Found | WalkError, report: FileReport, settings: Settings) -> str:
    path = _named(one, settings)
    environment = settings.environment or settings.policy.environment_of(path)
    return (
        f"{path}: {f'read as {report.kind}, {environment}' if report.kind else 'passed over: not of a known kind, or not read'}"
    )


def _named(one: Found | WalkError, settings: Settings) -> str:
    """Return the path by which a file is reported."""
    return settings.stdin_filename if one.path == STDIN else one.path


def _cores() -> int:
    """Return the processor cores that this process may use; not every system tells them apart from those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _with(findings: Findings, apart: list[Finding]) -> Collection[Finding]:
    """Return findings in file and line order with some more at their places among them."""
    if not apart:
        return findings
    from heapq import merge

    merged = Findings()
    merged.extend(merge(findings, sorted(apart, key=_order), key=_order))
    return merged


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return finding.location.path, finding.location.line, finding.location.column, finding.rule, finding.message


def check_file(found: Found | WalkError, settings: Settings) -> FileReport:
    """Check one file; whatever goes wrong with it is a finding."""
    check = _Check(settings)
    file = facts_of(found, settings)
    check.judge_all(file.facts)
    findings = check.without_ignored(_merged(check.findings), file) if settings.comments else _merged(check.findings)
    if settings.fingerprints and findings:
        findings = _fingerprinted(findings, file.source)
    places = sum([isinstance(fact, ImageUse) for fact in file.facts])
    return FileReport(tuple(sorted(findings, key=_order)), file.source.kind, places, frozenset(check.excepted), check.failed)


def decision_for(rule: Rule, subject: ImageUse | RunUser | Problem, settings: Settings) -> Decision:
    """Return at which level a rule speaks about a subject in this run, and who says so: the command line, then the policy."""
    if rule.id == INTERNAL_ERROR:
        # What failed was not checked: no level can make that good.
        return Decision(Severity.ERROR, None, "default")
    if rule.id in settings.ignored or (settings.selected and rule.id not in settings.selected and rule.id not in ignore.NOT_READ):
        return Decision(Severity.OFF, None, "call")
    decision = settings.policy.decision(rule, subject)
    if not decision.level and rule.id in settings.selected and decision.by in ("rules", "default"):
        return Decision(Severity.WARNING, decision.options, "call")
    return decision


class _Check:
    """The rules at work on one file: what they found, which of them were applied, and which exceptions silenced something."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.findings: list[Finding] = []
        self.ran: set[str] = set()
        self.excepted: set[Place] = set()
        self.failed = False

    def judge_all(self, facts: Iterable[Fact]) -> None:
        """Judge facts until there are FINDINGS_MAX findings; what was not read, or failed, comes first and is never left out."""
        for fact in sorted(
            facts, key=lambda fact: not (isinstance(fact, Problem) and fact.rule in (UNREAD_FILE, INTERNAL_ERROR))
        ):
            if len(self.findings) >= FINDINGS_MAX:
                message = f"more than {FINDINGS_MAX} findings in this file; what follows was not judged"
                problem = problem_at(fact.source, fact.span, message, UNREAD_FILE, self.settings)
                self._report(UNREAD_FILE, problem, [problem.finding()])
                break
            self.judge(fact)

    def judge(self, fact: Fact) -> None:
        """Apply to a fact every rule that speaks about it."""
        if isinstance(fact, Problem):
            self._report(fact.rule, fact, [fact.finding()])
        elif isinstance(fact, ImageUse):
            if fact.problem:
                self._report(fact.problem.rule, fact, [_problem(fact, fact.problem)])
            elif self.settings.policy.judges(fact):
                self._apply(fact)
        elif isinstance(fact, RunUser):
            self._apply(fact)

    def _apply(self, fact: ImageUse | RunUser) -> None:
        for rule in self.settings.rules.values():
            check = rule.check_image if isinstance(fact, ImageUse) else rule.check_user
            if check is not None:
                decision = decision_for(rule, fact, self.settings)
                if decision.level:
                    self._apply_rule(rule.id, check, fact, decision)

    def _apply_rule(
        self, rule_id: str, check: Callable[..., Iterable[Finding]], fact: ImageUse | RunUser, decision: Decision
    ) -> None:
        try:
            self._keep(rule_id, fact, list(check(fact, decision.options)), decision)
        except Exception as error:
            problem = failure(fact.source, f"the rule {rule_id}", error, self.settings)
            self._report(INTERNAL_ERROR, problem, [problem.finding()])

    def _report(self, rule_id: str, subject: ImageUse | RunUser | Problem, found: list[Finding]) -> None:
        """Take findings that are the engine's own, at the level that their rule has here."""
        decision = decision_for(self.settings.rules[rule_id], subject, self.settings)
        if decision.level:
            self.failed = self.failed or rule_id == INTERNAL_ERROR
            self._keep(rule_id, subject, found, decision)

    def _keep(self, rule_id: str, subject: ImageUse | RunUser | Problem, found: list[Finding], decision: Decision) -> None:
        """Keep what a rule found, but for what an exception silences."""
        self.ran.add(rule_id)
        image = subject.image if isinstance(subject, RunUser) else subject if isinstance(subject, ImageUse) else None
        for finding in found:
            exception = self.settings.policy.exception_for(rule_id, image, subject.source.path, self.settings.today)
            if exception and rule_id != INTERNAL_ERROR:
                self.excepted.add(exception.key)
            else:
                policy = finding.policy or (decision.at if decision.by in ("row", "rules") else "")
                self.findings.append(replace(finding, rule=rule_id, level=decision.level, policy=policy))

    def judge_exception(self, rule_id: str, exception: PolicyException, message: str) -> None:
        """Report an entry of the policy file."""
        try:
            source = Source(exception.path, read_text(exception.path))
        except UnreadFile:
            source = Source(exception.path, "")
        start = source.offset(exception.line, exception.column)
        end = start + len(source.text[start:].partition("\n")[0].rstrip())
        problem = problem_at(source, (start, end), message, rule_id, self.settings)
        self._report(rule_id, problem, [problem.finding()])

    def without_ignored(self, findings: list[Finding], file: Facts) -> list[Finding]:
        """Return the findings that no comment silences, and those about comments that silence nothing."""
        ignores = [ignore.parse(fact) for fact in file.facts if isinstance(fact, Comment)]
        if not ignores:
            return findings
        kept, unused = ignore.silence(findings, ignores, self.ran, self.settings.rules)
        self.findings = []
        self._report(ignore.UNUSED, problem_at(file.source, (0, 0), "", ignore.UNUSED, self.settings), unused)
        return kept + ignore.silence(self.findings, ignores, (), self.settings.rules)[0]


def about_exceptions(paths: Sequence[str], settings: Settings, excepted: Collection[Place]) -> list[Finding]:
    """Return what is to be said of the policy's exceptions: those that are over, and, after a run over all of its folder, those not needed."""
    policy, check = settings.policy, _Check(settings)
    narrowed = settings.selected or settings.ignored or settings.excluded or settings.environment
    whole = not narrowed and any(_holds(path, policy.folder) for path in paths)
    for exception in policy.exceptions:
        if exception.expired(settings.today):
            by = f", approved by {exception.approved_by}" if exception.approved_by else ""
            why = f": {exception.reason}" if exception.reason else ""
            check.judge_exception("expired-exception", exception, f"this exception ended on {exception.until}{by}{why}")
        elif whole and exception.key not in excepted:
            check.judge_exception(
                "unused-exception", exception, "this exception silences nothing; delete it, or correct what it names"
            )
    return check.findings


def _holds(path: str, folder: str) -> bool:
    """Whether a path is a folder, or one above it."""
    return os.path.isdir(path or ".") and os.path.join(folder, "").startswith(os.path.join(os.path.abspath(path), ""))


def _problem(use: ImageUse, problem: ReferenceProblem) -> Finding:
    return Problem(use.source, problem.span, problem.message).finding()


def _fingerprinted(findings: list[Finding], source: Source) -> list[Finding]:
    from imglint.engine.fingerprint import line_hashes

    hashes = line_hashes(source.text, {finding.location.line for finding in findings})
    return [replace(finding, fingerprint=hashes.get(finding.location.line, "")) for finding in findings]


def _merged(findings: list[Finding]) -> list[Finding]:
    """Make one of the findings of a rule that stand at one place, with all their related places."""
    alike: dict[object, tuple[Finding, dict[Location, None]]] = {}
    for finding in findings:
        _, related = alike.setdefault((finding.rule, finding.location), (finding, {}))
        related.update(dict.fromkeys(finding.related))
    return [
        first if len(related) == len(first.related) else replace(first, related=tuple(related))
        for first, related in alike.values()
    ]
