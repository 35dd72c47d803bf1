"""`imglint explain`: the uses in a file, and the row, rules and levels that apply to each. It prints the engine's verdicts and decides nothing."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from textwrap import wrap

from imglint.commands.options import CLEAN, CommandOptions, run_command, settings_for
from imglint.engine.discover import IGNORED, LINK, PASSED_OVER, Found, discover, is_tracked
from imglint.engine.facts import STDIN, read_file
from imglint.engine.judge import decisions, judge_file, online_decisions
from imglint.errors import UsageError
from imglint.model import INTERNAL_ERROR, Comment, ImageUse, Problem, RunUser
from imglint.output import encoded, write_stdout
from imglint.plugins.load import readers, rules
from imglint.policy.lookup import FILE_NAME, PolicyException
from imglint.printable import printable, printable_line
from imglint.records import replace
from imglint.repository import root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.judge import Verdict
    from imglint.model import Rewrite, Row, Span
    from imglint.plugins.load import Rule
    from imglint.policy.lookup import Decision, Policy
    from imglint.source import Source

    Subject = ImageUse | RunUser | Problem

WIDTH = 80
"""Columns of the output. A longer name gets a line of its own."""
LABEL_WIDTH = 15
NO_BREAK = "\xa0"
"""The space at which no line ends."""
TEXT_MIN = 30
"""Characters of the text shown beside its location, however long the path is."""
LINES_MAX = 50
"""Lines with uses that are listed if the requested line has none."""
OTHER_BUILDS = {
    "bake": "a target of this file, unless it can be pulled",
    "skaffold": "an artifact of this file, unless it can be pulled",
    "quadlet": "Podman on the machine, which gives its builds the registry `localhost`",
}
"""What builds an image in files of these kinds; in others it is a service of Compose."""
ROWS_MAX = 10
"""Other rows that are listed for a use."""


def explain(target: str, options: CommandOptions) -> int:
    """Explain a file, or a line of it (`FILE:LINE`, `FILE:LINE:COLUMN`), and return the exit status."""
    return run_command(options, lambda options: _explain(target, options))


def _explain(target: str, options: CommandOptions) -> int:
    path, line = _split(target)
    settings = replace(settings_for(replace(options, paths=(path,))), rules=rules())
    text = "".join([printable_line(shown) + "\n" for shown in _lines_of_output(path, line, settings)])
    write_stdout(encoded(text))
    return CLEAN


def _split(target: str) -> tuple[str, int | None]:
    """Return the file and the line, from 1, that a target names. If a file is named like the whole target, there is no line.

    Raises UsageError if there is no such file.
    """
    path, line = target, None
    if not os.path.lexists(target):
        path, line = _without_position(target.removesuffix(":"))
    if path in ("", STDIN):
        raise UsageError(f"{target}: no such file; expected FILE or FILE:LINE")
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a directory; expected a file")
    return path, line


def _without_position(target: str) -> tuple[str, int | None]:
    """Return the existing file before `:LINE` or `:LINE:COLUMN`, and the line; an empty path if there is none."""
    for _ in range(2):
        target, _, number = target.rpartition(":")
        if not (number.isascii() and number.isdigit()):
            break
        if os.path.lexists(target):
            return target, int(number[:9])
    return "", None


def _lines_of_output(path: str, line: int | None, settings: Settings) -> Iterator[str]:
    yield path
    exclusion = settings.policies.of(path).exclusion(path)
    if exclusion is not None:
        yield from _field("excluded", f"by `exclude` pattern {exclusion.text} ({exclusion.at}); nothing in this file is checked")
        return
    file = read_file(Found(path, True), settings)
    yield from _about_file(file, settings)
    verdicts, _ = judge_file(file, settings)
    subjects: list[Subject] = [fact for fact in file.facts if not isinstance(fact, Comment)]
    # The engine adds problems of its own: comments that silence nothing, and limits.
    facts = {id(fact) for fact in file.facts}
    subjects += [verdict.subjects[0] for verdict in verdicts if id(verdict.subjects[0]) not in facts]
    shown = [subject for subject in subjects if line is None or line in _lines(subject)]
    for subject in sorted(shown, key=lambda subject: (subject.span, isinstance(subject, RunUser))):
        yield ""
        yield from _about(subject, settings)
        yield from _judged(subject, [verdict for verdict in verdicts if _is_about(verdict, subject)], settings)
    if not shown and file.source.kind:
        yield from _nothing(line, subjects)


def _is_about(verdict: Verdict, subject: Subject) -> bool:
    return any(other is subject for other in verdict.subjects)


def _nothing(line: int | None, subjects: list[Subject]) -> Iterator[str]:
    """Yield a message that there is nothing to explain, and the lines that have something."""
    yield ""
    lines = sorted({number for subject in subjects for number in _lines(subject)})
    if line is not None and lines:
        listed = ", ".join([str(number) for number in lines[:LINES_MAX]])
        more = ", ..." if len(lines) > LINES_MAX else ""
        yield from wrap(f"Line {line} has no image or user. Lines that do: {listed}{more}", WIDTH)
    else:
        yield "This file has no image or user."


def _lines(subject: Subject) -> set[int]:
    """Return the lines of a subject, including those of its parts and ARG defaults."""
    locations = [subject.source.location(*span) for span in _spans(subject)]
    return {line for location in locations for line in range(location.line, location.end_line + 1)}


def _spans(subject: Subject) -> list[Span]:
    if not isinstance(subject, ImageUse):
        return [subject.span]
    problem = [subject.problem.span] if subject.problem else []
    return [subject.span, *subject.parts.values(), *problem]


def _about_file(file: FileFacts, settings: Settings) -> Iterator[str]:
    path, policy = file.source.path, settings.policies.of(file.source.path)
    if file.source.kind:
        _, pattern = policy.kind_reason(path)
        why = f"set by `kinds` pattern {pattern.text} ({pattern.at})" if pattern else "by name or content"
        yield from _field("kind", f"{file.source.kind}, {why}")
    elif not file.facts:
        yield from _kinds(path)
        return
    yield from _field("environment", _environment(file.source, settings))
    yield from _field("policy", _policy(policy))
    reason = _why_not_walked(path, policy)
    if reason:
        yield from _field("walk", f"checked only if named, because {reason}")


def _policy(policy: Policy) -> str:
    if policy.path is None:
        return f"none; no {FILE_NAME} found between the root of the repository and this folder"
    return f"{policy.path}, by `delegates` ({policy.delegated_at})" if policy.delegated_at else policy.path


def _environment(source: Source, settings: Settings) -> str:
    policy = settings.policies.of(source.path)
    if settings.environment is not None:
        return f"{settings.environment}, set by --environment"
    name, pattern = policy.environment_reason(source.path, source.environment)
    if pattern is not None:
        return f"{name}, by pattern {pattern.text} ({pattern.at})"
    if source.environment:
        return f"{name}, the default for files of this kind"
    return f"{name}, the default of {policy.path}" if policy.path else f"{name}, the default without a policy"


def _kinds(path: str) -> Iterator[str]:
    """Yield the reasons why no reader claims the file."""
    yield from _field("kind", "none; no reader claims this file, so nothing in it is checked")
    by_name, others = list[str](), list[str]()
    for reader in readers():
        (by_name if _name_matches(path, reader.files) else others).append(reader.kind)
    for why, kinds in (("name matches, folder or content does not", by_name), ("name does not match", others)):
        yield from _field("", f"{why}: {', '.join(sorted(kinds))}" if kinds else "")
    yield from _field("", "To check it anyway, add it to the policy: kinds: {KIND: [FILE]}")


def _why_not_walked(path: str, policy: Policy) -> str:
    """Return why a walk over the folders above skips the file; empty if it does not."""
    below_root = os.path.abspath(path)[len(root_of(path)) :]
    folder = next((part for part in below_root.split(os.sep)[:-1] if part in PASSED_OVER), None)
    if folder and not is_tracked(path):
        return f"folders named {folder} are skipped"
    if policy.kind_of(path) is None and not any(_name_matches(path, reader.files) for reader in readers()):
        return "no reader looks for files of this name"
    path = os.path.normpath(path)
    reasons: list[str] = []
    folder, excluded = os.path.dirname(path), lambda other, is_folder: is_folder or other != path
    for _ in discover([folder], lambda _: True, excluded, lambda skipped: reasons.append(skipped.reason)):
        pass
    known = {
        IGNORED: "it is ignored by a .gitignore",
        LINK: "it is a symbolic link that does not lead to a file of this repository",
    }
    return known[reasons[0]] if reasons else ""


def _name_matches(path: str, patterns: Iterable[str]) -> bool:
    name = os.path.basename(path).lower()
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _about(subject: Subject, settings: Settings) -> Iterator[str]:
    head = str(subject.location)
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
        yield from _field("resolved", reference.text if reference.text != use.text else "")
        yield from _field("reference", "; ".join([str(reference), *_remarks(use)]))
    yield from _field("parts", ", ".join(_parts_on_other_lines(use)))
    yield from _field("built", _built(use, settings.policies.of(use.source.path)))
    yield from _field("rewritten", _rewritten(use.rewrite))
    yield from _fields("row", _rows(use, settings.policies.of(use.source.path)))


def _remarks(use: ImageUse) -> Iterator[str]:
    """Yield the parts that the file leaves out, and their values."""
    reference = use.reference
    if reference is None:
        return
    if not reference.registry_explicit:
        yield f"no registry given, so {reference.registry}"
    if not use.tag_known:
        yield "tag unknown"
    elif reference.tag is None:
        yield "pinned by digest" if reference.digest else f"no tag given, so {use.pulled_tag}"


def _parts_on_other_lines(use: ImageUse) -> Iterator[str]:
    line = use.location.line
    for name, span in use.parts.items():
        location = use.source.location(*span)
        if name != "whole" and location.line != line:
            yield f"{name} at {location.line}:{location.column}"


def _built(use: ImageUse, policy: Policy) -> str:
    if use.built_or_pulled and not use.built:
        return f"by {OTHER_BUILDS.get(use.source.kind, 'the `build` of a service, unless Compose can pull it')}"
    if not use.built or use.reference is None:
        return f"by {use.built_at}" if use.built_at else ""
    name, tag, digest = use.reference.name, use.pulled_tag, use.reference.digest
    pattern = next((pattern for pattern in policy.built if pattern.fits(name, tag, digest)), None)
    by_file = OTHER_BUILDS.get(use.source.kind, "the `build` of a service")
    return f"by this repository, per {f'`built` pattern {pattern.text} ({pattern.at})' if pattern else by_file}"


def _rewritten(rewrite: Rewrite) -> str:
    """Return which parts of a reference kustomizations set, and where."""
    parts = {"name": rewrite.name, "tag": rewrite.tag, "digest": rewrite.digest}
    return "; ".join([f"{part} by {at}" for part, at in parts.items() if at])


def _rows(use: ImageUse, policy: Policy) -> list[str]:
    """Return the row of a use, and why other rows that match the image do not apply."""
    match = use.policy_match
    if match is None or match.table is None:
        return [f"none; {policy.path} has no `images`" if policy.path else "none; there is no policy"]
    if use.reference is None:
        return ["none; there is no reference to look up"]
    others = []
    for row in match.table.rows:
        if match.row is not None and row.key == match.row.key:
            break
        why = _why_not(row, use, match.path)
        if why:
            others.append(f"not {row.at}: {why}")
    own = _own_row(match.row, use) if match.row else "none applies" if others else "none matches this image"
    more = [f"and {len(others) - ROWS_MAX} more that do not apply"] if len(others) > ROWS_MAX else []
    return [own, *others[:ROWS_MAX], *more]


def _own_row(row: Row, use: ImageUse) -> str:
    pattern = row.pattern_of(use)
    parts = [f"{row.at}: {pattern.text if pattern else ''} is the first match"]
    if not row.approved or row.deprecated:
        parts.append(f"{'deprecated' if row.deprecated else 'not approved'}{f': {row.reason}' if row.reason else ''}")
        parts.extend([f"use {row.use_instead} instead"] if row.use_instead else [])
    for name, tags in (("tags", row.tags), ("forbidden tags", row.forbidden_tags)):
        parts.extend([f"{name} {', '.join([tag.text for tag in tags])}"] if tags else [])
    parts.extend([f"versions {row.versions.text}"] if row.versions else [])
    parts.extend([f"uid {', '.join([str(uid) for uid in row.uids])}"] if row.uids else [])
    return "; ".join(parts)


def _why_not(row: Row, use: ImageUse, path: str | None) -> str:
    """Return why a row that matches the name of an image does not apply; empty if it does not match the name."""
    if use.reference is None:
        return ""
    pattern = row.pattern_of(use)
    if pattern is None:
        name, tag, digest = use.reference.name, use.pulled_tag, use.reference.digest
        with_tag = [pattern for pattern in row.match if pattern.tag and pattern.fits(name, tag, digest, any_tag=True)]
        return f"{with_tag[0].text} matches except for the tag" if with_tag else ""
    key = row.mismatch(use.environment, use.role, path)
    if key == "files":
        wanted = ", ".join([pattern.text for pattern in row.files.patterns]) if row.files else ""
    else:
        wanted = ", ".join(row.environments if key == "environments" else row.roles) or "any but frontend"
    return f"{pattern.text} matches, but its {key} are {wanted}"


def _about_user(user: RunUser, settings: Settings) -> Iterator[str]:
    yield from _field("place", f"{user.place}: {user.where}")
    yield from _field("user", _user(user))
    yield from _field("base", str(user.base) if user.base else "")
    if user.image is not None:
        yield from _field("image", str(user.image.reference or user.image.text))
        yield from _fields("row", _rows(user.image, settings.policies.of(user.source.path))[:1])


def _user(user: RunUser) -> str:
    if not user.known:
        return "not checked; Windows has no root" if user.base else "unknown; it depends on a variable without a value"
    named = user.user if user.user is not None else "none" if user.explicit else "not set, so the image decides"
    return named if user.nonroot is None else f"{named}; runAsNonRoot is {str(user.nonroot).lower()}"


def _judged(subject: Subject, verdicts: list[Verdict], settings: Settings) -> Iterator[str]:
    """Yield the findings about a subject, the rules that pass, and the rules that are off."""
    decided = decisions(subject, settings)
    if not decided:
        yield from _field("rules", "none; frontends are checked only if a row has the role `frontend`")
    policy = settings.policies.of(subject.source.path)
    by = {rule.id: _origin(rule, decision, policy) for rule, decision in decided}
    yield from _fields("findings", [_finding(verdict, by) for verdict in verdicts])
    yield from _fields("fixes", [fix for verdict in verdicts for fix in _fix(verdict)])
    found = {verdict.finding.rule for verdict in verdicts}
    passed = [(rule, decision) for rule, decision in decided if decision.level and rule.id not in found]
    if INTERNAL_ERROR not in found:
        yield from _fields("passes", _grouped([(f"{decision.level} ", rule.id, by[rule.id]) for rule, decision in passed]))
    yield from _fields("off", _grouped([("", rule.id, by[rule.id]) for rule, decision in decided if not decision.level]))
    online = [(rule, decision) for rule, decision in online_decisions(subject, settings) if decision.level]
    levels = [(f"{decision.level} ", rule.id, _origin(rule, decision, policy)) for rule, decision in online]
    yield from _fields("--online", _grouped(levels))


def _finding(verdict: Verdict, by: dict[str, str]) -> str:
    finding, location = verdict.finding, verdict.finding.location
    head = f"{finding.level} {finding.rule} ({by.get(finding.rule, 'default')})"
    return f"{head}: {location.line}:{location.column} {finding.message}{_why_not_reported(verdict)}"


def _fix(verdict: Verdict) -> list[str]:
    finding = verdict.finding
    if finding.fix is None or not verdict.is_reported:
        return []
    return [f"{finding.rule}: {finding.fix.description} ({'safe' if finding.fix.safe else 'unsafe'})"]


def _why_not_reported(verdict: Verdict) -> str:
    by = verdict.silenced_by
    if by is None:
        return f" [covered by {verdict.covered_by}]" if verdict.covered_by else ""
    if isinstance(by, PolicyException):
        until = f" until {by.until}" if by.until else ""
        return f" [silenced{until} by the exception at {by.at}]"
    return f" [silenced by the comment on line {by.line}]"


def _grouped(rules: list[tuple[str, str, str]]) -> list[str]:
    """Group rules, each given with its level and the origin of that level."""
    groups: dict[tuple[str, str], list[str]] = {}
    for level, rule, by in rules:
        groups.setdefault((level, by), []).append(rule)
    return [f"{level}{', '.join(names)} ({by})" for (level, by), names in groups.items()]


def _origin(rule: Rule, decision: Decision, policy: Policy) -> str:
    """Return the origin of a rule's level, and the options that are not the default."""
    origin = _level_origin(rule, decision, policy)
    return ", ".join([origin, *_options(rule, decision.options)]) if decision.level and decision.options is not None else origin


def _level_origin(rule: Rule, decision: Decision, policy: Policy) -> str:
    if decision.by == "row":
        return f"row {decision.at}"
    if decision.by == "elsewhere":
        if not decision.at:
            return f"by default only in {', '.join(rule.environments or ())}"
        # A setting with the level off is off everywhere.
        levels = [setting.level for setting in policy.rules[rule.id]]
        return f"{decision.at} does not apply here" if any(levels) else decision.at
    return decision.at or "default"


def _options(rule: Rule, options: object) -> Iterator[str]:
    """Yield the options that differ from the defaults, as a policy writes them."""
    default = rule.options() if rule.options else None
    names: tuple[str, ...] = getattr(rule.options, "__slots__", ())
    for name in names:
        value = getattr(options, name)
        if value != getattr(default, name):
            listed = f"[{', '.join([str(item) for item in value])}]" if isinstance(value, tuple) else str(value)
            yield f"{name.replace('_', '-')}: {listed.lower() if isinstance(value, bool) else listed}"


def _field(label: str, text: str) -> list[str]:
    """Return the lines of one field; none if the text is empty."""
    return _fields(label, [text] if text else [])


def _fields(label: str, texts: list[str]) -> list[str]:
    lines = []
    for text in texts:
        head, blank = f"  {label}".ljust(LABEL_WIDTH), " " * LABEL_WIDTH
        wrapped = wrap(
            # A line must not begin with `::`, so the space before stays one that does not break. Printable text has no other of them.
            re.sub(" +(?=::)", lambda spaces: NO_BREAK * len(spaces[0]), printable(text)),
            WIDTH,
            initial_indent=head,
            subsequent_indent=f"{blank}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [line.replace(NO_BREAK, " ") for line in wrapped]
        label = ""
    return lines
