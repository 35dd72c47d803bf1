"""Judge the facts of a file: apply the rules, then exceptions and ignore comments, then what rules cover.

`check` and `explain` both print the resulting verdicts.
"""

from __future__ import annotations

from imglint.engine.facts import failure, problem_at
from imglint.errors import Pending, Unverified
from imglint.model import (
    INTERNAL_ERROR,
    UNREAD_FILE,
    UNSILENCEABLE,
    UNUSED_IGNORE,
    UNVERIFIED_IMAGE,
    Comment,
    ImageUse,
    Problem,
    RunUser,
    Severity,
)
from imglint.records import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.ignore_comments import IgnoreComment
    from imglint.model import Fact, Finding, Fix
    from imglint.plugins.load import Rule
    from imglint.policy.lookup import Decision, Policy, PolicyException

    Subject = ImageUse | RunUser | Problem

ALWAYS_RUN = (*UNSILENCEABLE, UNVERIFIED_IMAGE)
"""Rules that run although `--select` does not name them: what was not checked must not look clean."""
FINDINGS_MAX = 10_000
"""Findings of one file that no exception silences, covered ones included. Facts beyond them are not judged, which is reported."""


@record
class Verdict:
    """One finding, and whether it is reported.

    `subjects` are the facts that the finding is about; there are several if they share its location. `silenced_by` is the exception or the ignore
    comment that silences the finding, if any. `covered_by` is the rule whose finding about the same subjects makes this one redundant, or empty.
    `expects` is what each of several subjects reads as after the fix, which is the same edits for all of them.
    """

    finding: Finding
    subjects: tuple[Subject, ...]
    silenced_by: PolicyException | IgnoreComment | None = None
    covered_by: str = ""
    expects: tuple[str, ...] = ()

    @property
    def expected(self) -> dict[int, str]:
        """What each subject reads as after the fix, by its id; empty for one that reads as before."""
        alike = (self.finding.fix.expects if self.finding.fix else "",) * len(self.subjects)
        return dict(zip(map(id, self.subjects), self.expects or alike, strict=True))

    @property
    def is_reported(self) -> bool:
        """Whether the finding is reported."""
        return self.silenced_by is None and not self.covered_by


def judge_file(file: FileFacts, settings: Settings) -> tuple[list[Verdict], bool]:
    """Return the verdicts on all facts of a file, those that are not reported included, and whether it was read and checked completely."""
    verdicts: list[Verdict] = []
    judged: list[Subject] = []
    reported = 0
    subjects = _unread_first(file.facts)
    is_complete = not any(_rule_of(subject) in UNSILENCEABLE for subject in subjects)
    for subject in subjects:
        found = judge(subject, settings)
        reported += sum([verdict.silenced_by is None for verdict in found])
        if reported > FINDINGS_MAX:
            message = f"more than {FINDINGS_MAX} findings in this file; the rest was not checked"
            verdicts += judge(problem_at(subject.source, subject.span, message, UNREAD_FILE, settings), settings)
            is_complete = False
            break
        verdicts += found
        judged.append(subject)
    comments = [fact for fact in file.facts if isinstance(fact, Comment)]
    if comments and settings.comments:
        verdicts = _with_comments(verdicts, comments, judged, settings)
    return _fixable([_merged(group) for group in _alike(_covered(verdicts, settings.rules))], file.facts), is_complete


def judge(subject: Subject, settings: Settings) -> list[Verdict]:
    """Return the verdicts of all rules on one fact. Neither comments nor what rules cover are considered."""
    return [verdict for rule, decision in _active(subject, settings) for verdict in _apply(rule, decision, subject, settings)]


def _active(subject: Subject, settings: Settings) -> list[tuple[Rule, Decision]]:
    """Return the rules that are not off for a fact, with their levels and options. Most facts of a run have the same ones."""
    policy = settings.policies.of(subject.source.path)
    image = subject if isinstance(subject, ImageUse) else subject.image if isinstance(subject, RunUser) else None
    row = image.row if image is not None else None
    # Only settings under `rules` depend on the file.
    path = subject.source.path if policy.rules else ""
    role = subject.role if isinstance(subject, ImageUse) else ""
    key = (
        subject.__class__,
        _rule_of(subject),
        role,
        subject.source.kind,
        subject.environment,
        row and row.key,
        path,
        settings.selected,
        settings.ignored,
    )
    active = policy.active.get(key)
    if active is None:
        active = policy.active[key] = [(rule, decision) for rule, decision in decisions(subject, settings) if decision.level]
    return active


def decisions(subject: Subject, settings: Settings) -> list[tuple[Rule, Decision]]:
    """Return the rules of this run that can flag a fact, each with its level and options there. The level may be off."""
    policy = settings.policies.of(subject.source.path)
    return [
        (rule, _decision(rule, subject, policy, settings))
        for rule in _rules_for(subject, policy, settings.rules)
        if _is_in_run(rule, settings)
    ]


def online_decisions(subject: Subject, settings: Settings) -> list[tuple[Rule, Decision]]:
    """Return the rules that could flag a fact with registries, each with its level and options there, in a run without them."""
    policy = settings.policies.of(subject.source.path)
    rules = [rule for rule in _rules_for(subject, policy, settings.rules) if rule.online and settings.online is None]
    return [(rule, _decision(rule, subject, policy, settings)) for rule in rules]


def _rules_for(subject: Subject, policy: Policy, rules: dict[str, Rule]) -> list[Rule]:
    if own := _rule_of(subject):
        return [rules[own]]
    wanted = [rule for rule in rules.values() if not rule.kinds or subject.source.kind in rule.kinds]
    if isinstance(subject, RunUser):
        return [rule for rule in wanted if rule.check_user]
    is_judged = isinstance(subject, ImageUse) and policy.judges(subject)
    return [rule for rule in wanted if rule.check_image] if is_judged else []


def _rule_of(subject: Subject) -> str:
    """Return the engine rule that reports a subject which could not be read; empty for one that other rules check."""
    if isinstance(subject, Problem):
        return subject.rule
    return subject.problem.rule if isinstance(subject, ImageUse) and subject.problem else ""


def _is_in_run(rule: Rule, settings: Settings) -> bool:
    if rule.id == INTERNAL_ERROR:
        return True
    if rule.online and settings.online is None:
        return False
    return rule.id not in settings.ignored and (not settings.selected or rule.id in settings.selected or rule.id in ALWAYS_RUN)


def _decision(rule: Rule, subject: Subject, policy: Policy, settings: Settings) -> Decision:
    decision = policy.decision(rule, subject)
    if rule.id == INTERNAL_ERROR:
        # The file was not checked, and no level can change that.
        return replace(decision, level=Severity.ERROR)
    if not decision.level and rule.id in settings.selected and decision.by in ("rules", "default"):
        return replace(decision, level=Severity.WARNING, at="")
    return decision


def _apply(rule: Rule, decision: Decision, subject: Subject, settings: Settings) -> Sequence[Verdict]:
    findings: list[Finding] = []
    try:
        findings.extend(_findings(rule, subject, decision.options))
    except Pending:
        return ()
    except Unverified as error:
        # Findings that need no registry are kept.
        found = _verdicts(rule, decision, subject, findings, settings)
        return [*found, *_unverified(error, subject, settings)]
    except Exception as error:
        problem = failure(subject.source, f"rule {rule.id}", error, settings)
        [(rule, decision)] = decisions(problem, settings)
        findings = [problem.finding()]
    return _verdicts(rule, decision, subject, findings, settings) if findings else ()


def _unverified(error: Unverified, subject: Subject, settings: Settings) -> Sequence[Verdict]:
    """Return the verdict on an image that a registry could not be asked about."""
    rule = settings.rules[UNVERIFIED_IMAGE]
    image = subject.image if isinstance(subject, RunUser) else subject
    decision = _decision(rule, subject, settings.policies.of(subject.source.path), settings)
    if not isinstance(image, ImageUse) or not decision.level or not _is_in_run(rule, settings):
        return ()
    return _verdicts(rule, decision, image, [image.finding(f"cannot ask {error.registry}: {error.reason}")], settings)


def _verdicts(rule: Rule, decision: Decision, subject: Subject, findings: list[Finding], settings: Settings) -> Sequence[Verdict]:
    """Return the verdicts on what a rule found."""
    if not findings:
        return ()
    exception = None
    if rule.id != INTERNAL_ERROR:
        image = subject.image if isinstance(subject, RunUser) else subject if isinstance(subject, ImageUse) else None
        path = subject.source.path
        exception = settings.policies.of(path).exception_for(rule.id, image, path, settings.today)
        if decision.by == "row" and image is not None and image.row is not None:
            findings = [_with_reason(finding, image.row.reason) for finding in findings]
    return [
        Verdict(replace(finding, rule=rule.id, level=decision.level, policy=finding.policy or decision.at), (subject,), exception)
        for finding in findings
    ]


def _with_reason(finding: Finding, reason: str) -> Finding:
    """Return a finding whose message has the reason of the row that sets its level, after the problem and before the advice."""
    clause = f": {reason}"
    if not reason or clause in finding.message:
        return finding
    problem, separator, advice = finding.message.partition("; ")
    return replace(finding, message=f"{problem}{clause}{separator}{advice}")


def _findings(rule: Rule, subject: Subject, options: object) -> Iterable[Finding]:
    if isinstance(subject, Problem):
        return (subject.finding(),)
    if isinstance(subject, RunUser):
        return rule.check_user(subject, options) if rule.check_user else ()
    if subject.problem:
        return (Problem(subject.source, subject.problem.span, subject.problem.message).finding(),)
    return rule.check_image(subject, options) if rule.check_image else ()


def _unread_first(facts: Iterable[Fact]) -> list[Subject]:
    """Return the facts to judge. Those about unread content and failures come first, so that FINDINGS_MAX never cuts them off."""
    subjects = [fact for fact in facts if not isinstance(fact, Comment)]
    subjects.sort(key=lambda subject: _rule_of(subject) not in (UNREAD_FILE, INTERNAL_ERROR))
    return subjects


def _alike(verdicts: Iterable[Verdict]) -> Collection[list[Verdict]]:
    """Group the verdicts of one rule at one location: an image that several uses share, as through an anchor, is one finding."""
    alike: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        key = (verdict.finding.rule, verdict.finding.location, id(verdict.silenced_by), verdict.covered_by)
        alike.setdefault(key, []).append(verdict)
    return alike.values()


def _merged(group: list[Verdict]) -> Verdict:
    """Return one verdict for a group of them."""
    if len(group) == 1:
        return group[0]
    first = group[0].finding
    related = dict.fromkeys([location for verdict in group for location in verdict.finding.related])
    known_by = dict.fromkeys([name for verdict in group for name in verdict.finding.known_by])
    subjects = tuple([subject for verdict in group for subject in verdict.subjects])
    fixes = [verdict.finding.fix for verdict in group if verdict.finding.fix]
    # Images of a matrix can share a part of their names, so that the same edits have another result for each of them.
    is_same = len(fixes) == len(group) and all((fix.edits, fix.safe) == (fixes[0].edits, fixes[0].safe) for fix in fixes)
    return replace(
        group[0],
        finding=replace(first, related=tuple(related), known_by=tuple(known_by), fix=first.fix if is_same else None),
        subjects=subjects,
        expects=tuple([fix.expects for fix in fixes]) if is_same else (),
    )


def _fixable(verdicts: list[Verdict], facts: Iterable[Fact]) -> list[Verdict]:
    """Return the verdicts, without the fixes of text that other facts share, unless these have the same fix: it would change the others, too."""
    if all(verdict.finding.fix is None for verdict in verdicts):
        return verdicts
    sharing: dict[int, list[Fact]] = {}
    for fact in facts:
        spans = fact.parts.values() if isinstance(fact, ImageUse) else (fact.span,)
        # What is added to a part is at its end.
        for place in {place for span in spans for place in span}:
            sharing.setdefault(place, []).append(fact)
    alike: dict[tuple[str, Fix], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.finding.fix:
            alike.setdefault((verdict.finding.rule, verdict.finding.fix), []).append(verdict)
    disagreeing = {key for key, group in alike.items() if not _is_agreed(key[1], group, sharing)}
    return [
        replace(verdict, finding=replace(verdict.finding, fix=None))
        if verdict.finding.fix and (verdict.finding.rule, verdict.finding.fix) in disagreeing
        else verdict
        for verdict in verdicts
    ]


def _is_agreed(fix: Fix, verdicts: Iterable[Verdict], sharing: Mapping[int, list[Fact]]) -> bool:
    """Return whether a fix, which all of these verdicts have, changes no text that other facts share."""
    subjects = [subject for verdict in verdicts for subject in verdict.subjects if verdict.is_reported]
    if not subjects:
        return True
    own, kinds = {id(subject) for subject in subjects}, {type(subject) for subject in subjects}
    places = [subjects[0].source.offset(edit.location.line, edit.location.column) for edit in fix.edits]
    return not any(type(fact) in kinds and id(fact) not in own for place in places for fact in sharing.get(place, ()))


def _covered(verdicts: list[Verdict], rules: Mapping[str, Rule]) -> list[Verdict]:
    """Return the verdicts, marking each that no exception or comment silences if such a verdict on the same fact covers its rule.

    The verdicts must not be merged yet: of uses that share a location, the one rule may be reported for some only.
    """
    by: dict[tuple[int, str], str] = {}
    for verdict in verdicts:
        if verdict.silenced_by is None:
            for name in rules[verdict.finding.rule].covers:
                by.setdefault((id(verdict.subjects[0]), name), verdict.finding.rule)
    if not by:
        return verdicts
    return [
        replace(verdict, covered_by=rule)
        if verdict.silenced_by is None and (rule := by.get((id(verdict.subjects[0]), verdict.finding.rule)))
        else verdict
        for verdict in verdicts
    ]


def _with_comments(
    verdicts: list[Verdict], facts: list[Comment], judged: Collection[Subject], settings: Settings
) -> list[Verdict]:
    """Return the verdicts, marking those that a comment silences, and verdicts on the comments that silence nothing."""
    from imglint.engine import ignore_comments

    comments = [ignore_comments.parse(fact) for fact in facts]
    verdicts, used = _silenced(verdicts, comments)
    ran = {rule.id for subject in judged for rule, _ in _active(subject, settings)}
    source = facts[0].source
    unused = [
        verdict
        for span, message, fix in ignore_comments.unused(comments, used, ran, settings.rules)
        for verdict in judge(replace(problem_at(source, span, message, UNUSED_IGNORE, settings), fix=fix), settings)
    ]
    return verdicts + _silenced(unused, comments)[0]


def _silenced(verdicts: list[Verdict], comments: list[IgnoreComment]) -> tuple[list[Verdict], set[tuple[int, int]]]:
    """Return the verdicts, silenced if a comment covers them and no exception does, and the spans of the rule names that silenced one.

    A comment on the line of any use silences the finding for all uses that share its location.
    """
    from imglint.engine.ignore_comments import silencing

    groups = [group for group in _alike(verdicts) if group[0].silenced_by is None]
    silenced_by, used = silencing({number: _merged(group).finding for number, group in enumerate(groups)}, comments)
    comment_of = {id(verdict): comment for number, comment in silenced_by.items() for verdict in groups[number]}
    after = [
        replace(verdict, silenced_by=comment_of[id(verdict)]) if id(verdict) in comment_of else verdict for verdict in verdicts
    ]
    return after, used
