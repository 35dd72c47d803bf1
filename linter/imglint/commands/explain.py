"""`imglint explain`: what stands in a file, which row, rules and levels speak about it, and why. Imports the engine and check's settings.

Nothing is decided here: what the engine and the policy decide is asked of them, and told.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from textwrap import wrap

from imglint.commands.options import CLEAN, CommandOptions, run_command, settings_for
from imglint.engine import ignore_comments as ignore
from imglint.engine.discover import PASSED_OVER, Found, discover
from imglint.engine.facts import STDIN, facts_of
from imglint.engine.run import decision_for
from imglint.errors import UsageError
from imglint.model import Comment, Finding, ImageUse, Problem, RunUser
from imglint.output import encoded, write_stdout
from imglint.plugins import readers
from imglint.printable import printable
from imglint.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.engine.facts import Facts, Settings
    from imglint.model import Row, Severity, Span
    from imglint.plugins import Rule
    from imglint.policy.lookup import Policy

    Subject = ImageUse | RunUser | Problem

WIDTH = 80
"""Columns of the output; a name that is longer stands on a line of its own."""
LABEL_WIDTH = 15
TEXT_MIN = 30
"""Characters of a text that are shown beside its place, however long the path is."""
LINES_MAX = 50
"""Lines with uses that are named where the line asked for has none."""
ROWS_MAX = 10
"""Rows that are told of a use beside its own."""


def explain(place: str, request: CommandOptions) -> int:
    """Explain what stands in a file, or on a line of it (`FILE:LINE`, `FILE:LINE:COLUMN`), and return the exit status."""
    return run_command(request, lambda asked: _explain(place, asked))


def _explain(place: str, request: CommandOptions) -> int:
    path, line = _split(place)
    settings = settings_for(replace(request, paths=(path,)))
    text = "".join([printable(told) + "\n" for told in _told(path, line, settings)])
    write_stdout(encoded(text))
    return CLEAN


def _split(place: str) -> tuple[str, int | None]:
    """Return the file and the line, from 1, that a place names. A file whose own name ends in `:NUMBER` is that file.

    Raises UsageError where there is no such file.
    """
    path, line = place, None
    if not os.path.lexists(place):
        path, line = _cut(place.removesuffix(":"))
    if path in ("", STDIN):
        raise UsageError(f"{place}: there is no such file; expected FILE or FILE:LINE")
    if os.path.isdir(path):
        raise UsageError(f"{path}: this is a folder; name a file in it")
    return path, line


def _cut(place: str) -> tuple[str, int | None]:
    """Return the file that exists in front of `:LINE` or `:LINE:COLUMN`, and the line; no file where there is none."""
    for _ in range(2):
        place, _, number = place.rpartition(":")
        if not (number.isascii() and number.isdigit()):
            break
        if os.path.lexists(place):
            return place, int(number[:9])
    return "", None


def _told(path: str, line: int | None, settings: Settings) -> Iterator[str]:
    """Yield the lines of the answer."""
    yield path
    exclusion = settings.policy.exclusion(path)
    if exclusion is not None:
        yield from _field("excluded", f"by the pattern {exclusion.text} of `exclude` in {exclusion.at}: nothing in it is checked")
        return
    file = facts_of(Found(path, True), settings)
    yield from _about_file(file, settings)
    verdicts = _Verdicts(file, settings)
    subjects = [fact for fact in file.facts if not isinstance(fact, Comment)]
    asked = [subject for subject in subjects if line is None or line in _lines(subject)]
    for subject in sorted(asked, key=lambda one: (one.span, isinstance(one, RunUser))):
        yield ""
        yield from _about(subject, settings)
        yield from verdicts.told(subject)
    if not asked and file.source.kind:
        yield from _nothing(line, subjects)


def _nothing(line: int | None, subjects: list[Subject]) -> Iterator[str]:
    """Say that there is nothing to explain, and where there is something."""
    yield ""
    lines = sorted({number for subject in subjects for number in _lines(subject)})
    if line is not None and lines:
        listed = ", ".join([str(number) for number in lines[:LINES_MAX]])
        more = ", ..." if len(lines) > LINES_MAX else ""
        yield from wrap(f"Line {line} names no image and no user; in this file these lines do: {listed}{more}", WIDTH)
    else:
        yield "This file names no image and no user."


def _lines(subject: Subject) -> set[int]:
    """Return the lines on which a subject stands, its parts and its defaults included."""
    places = [subject.source.location(*span) for span in _spans(subject)]
    return {line for place in places for line in range(place.line, place.end_line + 1)}


def _spans(subject: Subject) -> list[Span]:
    if not isinstance(subject, ImageUse):
        return [subject.span]
    problem = [subject.problem.span] if subject.problem else []
    return [subject.span, *subject.parts.values(), *problem]


def _about_file(file: Facts, settings: Settings) -> Iterator[str]:
    path, policy = file.source.path, settings.policy
    if file.source.kind:
        _, said = policy.kind_reason(path)
        why = f"by the pattern {said.text} of `kinds` in {said.at}" if said else "by its name or content"
        yield from _field("kind", f"{file.source.kind}, {why}")
    elif not file.facts:
        yield from _kinds(path)
        return
    yield from _field("environment", _environment(path, settings))
    yield from _field("policy", policy.path or "none: there is no .imglint.yaml here or above")
    alone = _named_only(path, policy)
    if alone:
        yield from _field("walk", f"checked only where it is named, because {alone}")


def _environment(path: str, settings: Settings) -> str:
    policy = settings.policy
    if settings.environment is not None:
        return f"{settings.environment}, said by the command line"
    name, pattern = policy.environment_reason(path)
    if pattern is not None:
        return f"{name}, by the pattern {pattern.text} in {pattern.at}"
    return f"{name}, the default of {policy.path}" if policy.path else f"{name}, as every file without a policy"


def _kinds(path: str) -> Iterator[str]:
    """Say that no reader takes the file, and why each of them does not."""
    yield from _field("kind", "none: no reader takes this file, so nothing in it is checked")
    for reader in readers():
        why = "the name fits, the content does not"
        if not _fits(path, reader.files):
            why = f"neither the content nor the name fits; names are {', '.join(reader.files)}"
        yield from _field("", f"{reader.kind}: {why}")
    yield from _field("", "To have it read all the same, name it in the policy: kinds: {KIND: [FILE]}")


def _named_only(path: str, policy: Policy) -> str:
    """Say why a walk over the folders above would pass the file over; empty where it would not."""
    passed_over = next((part for part in os.path.abspath(path).split(os.sep)[:-1] if part in PASSED_OVER), None)
    if passed_over:
        return f"folders named {passed_over} are passed over"
    if os.path.islink(path):
        return "links are not followed"
    if policy.kind_of(path) is None and not any(_fits(path, reader.files) for reader in readers()):
        return "no reader looks for files of this name"
    path = os.path.normpath(path)
    walked = discover([os.path.dirname(path)], lambda _: True, lambda other, is_folder: is_folder or other != path)
    return "" if any(isinstance(one, Found) for one in walked) else "a .gitignore names it"


def _fits(path: str, patterns: Iterable[str]) -> bool:
    name = os.path.basename(path).lower()
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _about(subject: Subject, settings: Settings) -> Iterator[str]:
    place = subject.location
    head = f"{place.path}:{place.line}:{place.column}"
    text, room = subject.source.text[slice(*subject.span)].strip(), max(WIDTH - len(head) - 2, TEXT_MIN)
    yield f"{head}: {text if len(text) <= room else text[: room - 3] + '...'}" if text else head
    if isinstance(subject, ImageUse):
        yield from _about_use(subject, settings)
    elif isinstance(subject, RunUser):
        yield from _about_user(subject, settings)


def _about_use(use: ImageUse, settings: Settings) -> Iterator[str]:
    yield from _field("place", f"{use.place}: {use.where}")
    yield from _field("role", use.role)
    reference, problem = use.reference, use.problem
    yield from _field("reference", f"none: {problem.message}" if problem else "")
    if reference is not None:
        yield from _field("read as", reference.text if reference.text != use.text else "")
        yield from _field("reference", "; ".join([str(reference), *_remarks(use)]))
    yield from _field("parts", ", ".join(_apart(use)))
    yield from _field("built", _built(use, settings.policy))
    yield from _fields("row", _rows(use, settings.policy))


def _remarks(use: ImageUse) -> Iterator[str]:
    """Yield what is not written in the file, and how it is read."""
    reference = use.reference
    if reference is None:
        return
    if not reference.registry_explicit:
        yield f"no registry is written, which means {reference.registry}"
    if not use.tag_known:
        yield "the tag is left to others"
    elif reference.tag is None:
        yield "the digest decides" if reference.digest else f"without a tag, {use.pulled_tag} is pulled"


def _apart(use: ImageUse) -> Iterator[str]:
    """Yield the parts that stand on other lines than the name."""
    line = use.location.line
    for name, span in use.parts.items():
        place = use.source.location(*span)
        if name != "whole" and place.line != line:
            yield f"{name} at {place.line}:{place.column}"


def _built(use: ImageUse, policy: Policy) -> str:
    if not use.built or use.reference is None:
        return ""
    name, tag, digest = use.reference.name, use.pulled_tag, use.reference.digest
    pattern = next((one for one in policy.built if one.fits(name, tag, digest)), None)
    return f"by this repository, as {f'{pattern.text} of `built` in {pattern.at}' if pattern else 'its service'} says"


def _rows(use: ImageUse, policy: Policy) -> list[str]:
    """Say which row speaks for a use, and of others that name the image why they do not."""
    match = use.policy_match
    if match is None or match.table is None:
        return [f"none: {policy.path} has no `images`" if policy.path else "none: there is no policy"]
    if use.reference is None:
        return ["none: there is no reference to look up"]
    others = []
    for row in match.table.rows:
        if match.row is not None and row.key == match.row.key:
            break
        why = _why_not(row, use, match.path)
        if why:
            others.append(f"not {row.at}: {why}")
    own = _own_row(match.row, use) if match.row else "none fits" if others else "none names this image"
    more = [f"and {len(others) - ROWS_MAX} more that do not fit"] if len(others) > ROWS_MAX else []
    return [own, *others[:ROWS_MAX], *more]


def _own_row(row: Row, use: ImageUse) -> str:
    pattern = row.pattern_of(use)
    told = [f"{row.at}: {pattern.text if pattern else ''} is the first that fits"]
    if not row.approved:
        told.append(f"it refuses the image{f': {row.reason}' if row.reason else ''}")
        told.extend([f"use {row.use_instead} instead"] if row.use_instead else [])
    for name, tags in (("tags", row.tags), ("forbidden tags", row.forbidden_tags)):
        told.extend([f"{name} {', '.join([tag.text for tag in tags])}"] if tags else [])
    return "; ".join(told)


def _why_not(row: Row, use: ImageUse, path: str | None) -> str:
    """Say why a row that names the image does not fit; empty where it does not name it."""
    if use.reference is None:
        return ""
    pattern = row.pattern_of(use)
    if pattern is None:
        name, tag, digest = use.reference.name, use.pulled_tag, use.reference.digest
        pattern = next((one for one in row.match if one.tag and one.fits(name, tag, digest, any_tag=True)), None)
        return f"{pattern.text} fits but for the tag" if pattern else ""
    key = row.mismatch(use.environment, use.role, path)
    if key == "files":
        wanted = ", ".join([one.text for one in row.files.patterns]) if row.files else ""
    else:
        wanted = ", ".join(row.environments if key == "environments" else row.roles) or "any but frontend"
    return f"{pattern.text} fits, its {key} ({wanted}) do not"


def _about_user(user: RunUser, settings: Settings) -> Iterator[str]:
    yield from _field("place", f"{user.place}: {user.where}")
    yield from _field("user", _user(user))
    yield from _field("base", str(user.base) if user.base else "")
    if user.image is not None:
        yield from _field("image", str(user.image.reference or user.image.text))
        yield from _fields("row", _rows(user.image, settings.policy)[:1])


def _user(user: RunUser) -> str:
    if not user.known:
        return "unknown: a variable without a value decides"
    named = user.user if user.user is not None else "none named" if user.explicit else "not said, so the image decides"
    return named if user.nonroot is None else f"{named}; runAsNonRoot is {str(user.nonroot).lower()}"


@record
class _Verdict:
    """What a rule says of a subject: at which level, who set it, and what it finds."""

    rule: Rule
    level: Severity
    by: str
    findings: tuple[Finding, ...]
    failure: str = ""


class _Verdicts:
    """What all rules say of a file: of the whole, because one comment can speak for several findings."""

    def __init__(self, file: Facts, settings: Settings) -> None:
        self.settings = settings
        self._of = {id(fact): _judged(fact, settings) for fact in file.facts if not isinstance(fact, Comment)}
        ignores = [ignore.parse(fact) for fact in file.facts if isinstance(fact, Comment)]
        all_findings = [finding for verdicts in self._of.values() for one in verdicts for finding in one.findings]
        kept, _ = ignore.silence(all_findings, ignores if settings.comments else (), (), settings.rules)
        self._kept = {id(finding) for finding in kept}

    def told(self, subject: Subject) -> Iterator[str]:
        """Yield which rules speak about a subject and what they find, then which do not."""
        verdicts = self._of[id(subject)]
        if not verdicts:
            yield from _field("rules", "none: of a frontend they speak only where a row names that role")
        yield from _fields("finds", [entry for verdict in verdicts for entry in self._found(verdict, subject)])
        passed = [verdict for verdict in verdicts if verdict.level and not verdict.findings and not verdict.failure]
        yield from _fields("passes", _grouped([(f"{one.level} ", one) for one in passed]))
        yield from _fields("off", _grouped([("", one) for one in verdicts if not one.level]))

    def _found(self, verdict: _Verdict, subject: Subject) -> Iterator[str]:
        head = f"{verdict.level} {verdict.rule.id} ({verdict.by})"
        if verdict.failure:
            yield f"{head}: {verdict.failure}"
        for finding in verdict.findings:
            place = finding.location
            yield f"{head}: {place.line}:{place.column} {finding.message}{self._silenced(finding, subject)}"

    def _silenced(self, finding: Finding, subject: Subject) -> str:
        policy, today = self.settings.policy, self.settings.today
        image = subject.image if isinstance(subject, RunUser) else subject if isinstance(subject, ImageUse) else None
        exception = policy.exception_for(finding.rule, image, subject.source.path, today)
        if exception:
            until = f" until {exception.until}" if exception.until else ""
            return f" [silenced{until} by the exception {exception.at}]"
        return "" if id(finding) in self._kept else " [silenced by a comment]"


def _grouped(verdicts: list[tuple[str, _Verdict]]) -> list[str]:
    """Return the rules of verdicts, those together that have their level, told in front, from the same source."""
    groups: dict[tuple[str, str], list[str]] = {}
    for level, verdict in verdicts:
        groups.setdefault((level, verdict.by), []).append(verdict.rule.id)
    return [f"{level}{', '.join(names)} ({by})" for (level, by), names in groups.items()]


def _judged(subject: Subject, settings: Settings) -> list[_Verdict]:
    if isinstance(subject, Problem):
        return [_verdict(settings.rules[subject.rule], subject, settings, subject)]
    if isinstance(subject, ImageUse) and subject.problem:
        problem = Problem(subject.source, subject.problem.span, subject.problem.message)
        return [_verdict(settings.rules[subject.problem.rule], subject, settings, problem)]
    if isinstance(subject, ImageUse):
        rules = [rule for rule in settings.rules.values() if rule.check_image]
        return [_verdict(rule, subject, settings) for rule in rules] if settings.policy.judges(subject) else []
    return [_verdict(rule, subject, settings) for rule in settings.rules.values() if rule.check_user]


def _verdict(rule: Rule, subject: Subject, settings: Settings, problem: Problem | None = None) -> _Verdict:
    """Return what a rule says of a subject; of a problem it says the problem itself."""
    decision = decision_for(rule, subject, settings)
    level, options = decision.level, decision.options
    by = _by(rule, subject, settings, level)
    if level and options is not None:
        by = ", ".join([by, *_options(rule, options)])
    findings: list[Finding] = []
    if level and problem is not None:
        findings = [problem.finding()]
    elif level:
        try:
            findings = list(_found(rule, subject, options))
        except Exception as error:
            return _Verdict(rule, level, by, (), f"it failed here with {type(error).__name__}: {error}")
    return _Verdict(rule, level, by, tuple([replace(finding, rule=rule.id, level=level) for finding in findings]))


def _found(rule: Rule, subject: Subject, options: object) -> Iterable[Finding]:
    if isinstance(subject, ImageUse) and rule.check_image:
        return rule.check_image(subject, options)
    return rule.check_user(subject, options) if isinstance(subject, RunUser) and rule.check_user else ()


def _by(rule: Rule, subject: Subject, settings: Settings, level: Severity) -> str:
    """Say who set the level."""
    decision = settings.policy.decision(rule, subject)
    if decision.level != level:
        return "the command line"
    if decision.by == "row":
        return f"row {decision.at}"
    if decision.by == "elsewhere":
        if not decision.at:
            return f"by default only in {', '.join(rule.environments or ())}"
        # What says off, says it of other places too.
        levels = [entry.level for entry in settings.policy.rules[rule.id]]
        return f"{decision.at} is for other places" if any(levels) else decision.at
    return decision.at or "default"


def _options(rule: Rule, options: object) -> Iterator[str]:
    """Yield the options that are not as they are by default, as a policy writes them."""
    default = rule.options() if rule.options else None
    names: tuple[str, ...] = getattr(rule.options, "__slots__", ())
    for name in names:
        value = getattr(options, name)
        if value != getattr(default, name):
            listed = f"[{', '.join([str(one) for one in value])}]" if isinstance(value, tuple) else str(value)
            yield f"{name.replace('_', '-')}: {listed.lower() if isinstance(value, bool) else listed}"


def _field(label: str, text: str) -> list[str]:
    """Return the lines of one field; none where there is nothing to say."""
    return _fields(label, [text] if text else [])


def _fields(label: str, texts: list[str]) -> list[str]:
    lines = []
    for text in texts:
        head, blank = f"  {label}".ljust(LABEL_WIDTH), " " * LABEL_WIDTH
        lines += wrap(
            text,
            WIDTH,
            initial_indent=head,
            subsequent_indent=f"{blank}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        label = ""
    return lines
