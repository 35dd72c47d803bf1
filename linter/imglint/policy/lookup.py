"""Lookups in a policy: the environment of a file, the row of an image, the level of a rule, and exceptions.

Policy files are loaded by a separate module (`load`), so that a run without a policy imports no YAML.
"""

from __future__ import annotations

import os

from imglint.model import CI, FRONTEND, PRODUCTION, UNRESOLVED, ImageUse, PolicyMatch, RunUser, Severity
from imglint.records import record, replace
from imglint.source import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from imglint.model import ImageTable, Online, PolicyLocation, Problem, Row, Tree
    from imglint.patterns.image import ImagePattern
    from imglint.patterns.path import PathPattern, PathPatterns
    from imglint.plugins.load import Rule
    from imglint.reference import ImageReference
    from imglint.registry.hosts import RegistryEntry

FILE_NAME = ".imglint.yaml"
PACKAGE = "package:"
"""What the name of a policy file in an installed package begins with."""
RECENT_MAX = 2000
"""Results kept in each cache."""


@record
class RuleSetting:
    """One setting under `rules`: the level and options of a rule, and where they apply. Empty or None applies everywhere."""

    level: Severity
    options: object
    environments: tuple[str, ...]
    files: PathPatterns | None
    exclude: PathPatterns | None
    path: str
    line: int

    @property
    def at(self) -> str:
        """The location of the setting, as `path:line`."""
        return f"{self.path}:{self.line}"

    def fits(self, environment: str, path: str | None) -> bool:
        """Return whether the setting applies to a file by its environment and its path relative to the policy's folder, None if outside."""
        if self.environments and environment not in self.environments:
            return False
        return (self.files is None or self.files.fit(path)) and not (self.exclude is not None and self.exclude.fit(path))


@record
class Decision:
    """The level and options of a rule for one subject, and what set them.

    `by` is "row", "rules" or "default", or "elsewhere" if the rule is off because its settings or defaults apply only elsewhere. `at` is the
    location of the row or setting, as `path:line`.
    """

    level: Severity
    options: object
    by: str
    at: str = ""


@record
class PolicyException:
    """One item of `exceptions`. `until` is the last day, yyyy-mm-dd in UTC, on which it silences its rules; empty if it has no end.

    `shared` is True if its file serves many repositories, of which some may not need it: a file given by `--config`, or one of a package.
    """

    path: str
    line: int
    column: int
    rules: frozenset[str]
    until: str
    match: tuple[ImagePattern, ...] = ()
    files: PathPatterns | None = None
    reason: str = ""
    approved_by: str = ""
    shared: bool = False

    @property
    def at(self) -> str:
        """The location of the exception, as `path:line`."""
        return f"{self.path}:{self.line}"

    @property
    def key(self) -> PolicyLocation:
        """The location with its column, unique in a policy."""
        return self.path, self.line, self.column

    def expired(self, today: str) -> bool:
        """Return whether the last day is before today (yyyy-mm-dd, UTC)."""
        return self.until != "" and self.until < today

    def fits(self, rule: str, reference: ImageReference | None, tag: str | None, path: str | None) -> bool:
        """Return whether the exception covers a finding of a rule in a file, about the image `reference` (None: about no image)."""
        if rule not in self.rules or (self.files is not None and not self.files.fit(path)):
            return False
        if not self.match:
            return True
        return reference is not None and any(pattern.fits(reference.name, tag, reference.digest) for pattern in self.match)


class Recent(dict["Any", "Any"]):
    """A cache. It is cleared when full, so that a large tree takes no more memory than a small one."""

    def __setitem__(self, key: object, value: object) -> None:
        if len(self) >= RECENT_MAX:
            self.clear()
        super().__setitem__(key, value)


class Policy:
    """A policy, merged from its files by `load.load`, or the default policy.

    `path` is the path of the policy file, None if there is none; `folder` is the absolute folder that all patterns are relative to; `sources` are the
    paths of all its files, and `read` returns the text of one of them, or raises UnreadFile. `delegated_at` is the location, as `path:line`, of the
    entry of `delegates` that makes the policy apply to its folder, empty for the outermost policy. `registries` are the hosts that `--online` may ask,
    None for well-known public ones. Paths passed to methods are absolute or relative
    to the current folder. `active` is a cache of the engine: the rules that are not off, by what decides about that.
    """

    def __init__(
        self,
        path: str | None = None,
        folder: str = "",
        *,
        read: Callable[[str], str] = read_text,
        files: Mapping[str, PathPatterns] | None = None,
        default_environment: str = PRODUCTION,
        table: ImageTable | None = None,
        built: tuple[ImagePattern, ...] = (),
        targets: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        rules: Mapping[str, tuple[RuleSetting, ...]] | None = None,
        exceptions: tuple[PolicyException, ...] = (),
        exclude: PathPatterns | None = None,
        kinds: Mapping[str, PathPatterns] | None = None,
        delegates: PathPatterns | None = None,
        fail_on: str = "warning",
        sources: tuple[str, ...] = (),
        registries: tuple[RegistryEntry, ...] | None = None,
    ) -> None:
        self.path, self.folder, self.sources, self.read = path, folder, sources, read
        self.default_environment = default_environment
        self.environments = tuple(dict.fromkeys([*(files or {}), default_environment, PRODUCTION, CI]))
        self.table, self.built = table, built
        self.targets, self.variables = targets, variables or {}
        self.rules, self.exceptions, self.fail_on = rules or {}, exceptions, fail_on
        self.registries = registries
        self.delegated_at = ""
        self._files, self._kinds, self._exclude, self._delegates = files or {}, kinds or {}, exclude, delegates
        self._frontends = table is not None and any(FRONTEND in row.roles for row in table.rows)
        self._pipelines = table is not None and any(CI in row.roles or CI in row.environments for row in table.rows)
        self._index = _index(table.rows) if table else {}
        self._paths: dict[str, str | None] = Recent()
        self._environments: dict[str, str] = Recent()
        self._rows: dict[object, tuple[Row, ...]] = Recent()
        self._decisions: dict[object, Decision] = Recent()
        self._options: dict[str, object] = {}
        self.active: dict[object, list[tuple[Rule, Decision]]] = Recent()

    def in_folder(self, folder: str) -> Policy:
        """Return this policy with its patterns relative to another folder, given by its absolute path."""
        return self._with(folder=folder, _paths=Recent(), _environments=Recent(), _decisions=Recent(), active=Recent())

    def delegated(self, at: str) -> Policy:
        """Return this policy as one that applies because of the entry of `delegates` at a location, given as `path:line`."""
        return self._with(delegated_at=at)

    def _with(self, **changes: object) -> Policy:
        # The module `copy` takes longer to import than a policy to load.
        policy = Policy.__new__(Policy)
        policy.__dict__.update(self.__dict__ | changes)
        return policy

    def delegation(self, folder: str) -> str | None:
        """Return the location, as `path:line`, of the entry of `delegates` for a folder; None if there is none."""
        path = self.relative(folder) or ""
        for pattern in self._delegates.patterns if self._delegates is not None else ():
            if pattern.fits_exactly(path, os.path.basename(path), True):
                return pattern.at
        return None

    def relative(self, path: str) -> str | None:
        """Return a path relative to the policy's folder, None if it is outside."""
        if path not in self._paths:
            absolute = os.path.abspath(path)
            below = _below(absolute, self.folder)
            if below is None and self.path is not None:
                # A symbolic link can give a folder a second path.
                front, name = os.path.split(absolute)
                below = _below(os.path.join(os.path.realpath(front), name), os.path.realpath(self.folder))
            self._paths[path] = below
        return self._paths[path]

    def environment_of(self, path: str, of_kind: str = "") -> str:
        """Return the environment of a file: the first with a matching pattern, else that of its kind, else the default environment."""
        if path not in self._environments:
            name, _ = self._first_match(self._files, path)
            self._environments[path] = name or ""
        return self._environments[path] or of_kind or self.default_environment

    def environment_reason(self, path: str, of_kind: str = "") -> tuple[str, PathPattern | None]:
        """Return the environment of a file and the pattern that matches it, None for that of its kind and the default environment."""
        name, pattern = self._first_match(self._files, path)
        return name or of_kind or self.default_environment, pattern

    def excluded(self, path: str, is_folder: bool = False) -> bool:
        """Return whether `exclude` names a file or folder."""
        return self.exclusion(path, is_folder) is not None

    def exclusion(self, path: str, is_folder: bool = False) -> PathPattern | None:
        """Return the pattern of `exclude` that matches a file or folder, None if none does."""
        return self._exclude.first(self.relative(path), is_folder) if self._exclude is not None else None

    def kind_of(self, path: str) -> str | None:
        """Return the kind that `kinds` sets for a file, None if its name and content decide."""
        kind, _ = self.kind_reason(path)
        return kind

    def kind_reason(self, path: str) -> tuple[str | None, PathPattern | None]:
        """Return the kind that `kinds` sets for a file and the pattern that matches it; None and None if its name and content decide."""
        return self._first_match(self._kinds, path)

    def resolve(
        self, use: ImageUse, environment: str | None = None, tree: Tree | None = None, online: Online | None = None
    ) -> ImageUse:
        """Return a use with its environment (by default that of its file), its match, whether it is built here, its tree and the registries."""
        environment = environment or self.environment_of(use.source.path, use.source.environment)
        match, built = self._match(use, environment), use.built or self._is_built(use)
        return replace(use, environment=environment, policy_match=match, built=built, tree=tree, online=online)

    def judges(self, use: ImageUse) -> bool:
        """Return whether rules apply to a use. They apply to a frontend only if a row has that role."""
        return use.role != FRONTEND or self._frontends

    def decision(self, rule: Rule, subject: ImageUse | RunUser | Problem) -> Decision:
        """Return the level and options of a rule for a resolved subject. The row takes precedence, then `rules`, then the default of the rule."""
        image = subject.image if isinstance(subject, RunUser) else subject if isinstance(subject, ImageUse) else None
        row = image.row if image is not None else None
        # Names of images in pipelines are often set elsewhere.
        needs_approval = self.table is not None and (image is None or image.role != CI)
        path = subject.source.path if rule.id in self.rules else None
        key = (rule.id, subject.environment, row and row.key, path, needs_approval)
        if key not in self._decisions:
            self._decisions[key] = self._decide(rule, subject.environment, row, subject.source.path, needs_approval)
        return self._decisions[key]

    def exception_for(self, rule: str, use: ImageUse | None, path: str, today: str) -> PolicyException | None:
        """Return the first exception, in force today (yyyy-mm-dd, UTC), that silences a finding of a rule about a use in a file."""
        if not self.exceptions:
            return None
        reference, tag = (use.reference, use.pulled_tag) if use else (None, None)
        relative = self.relative(path)
        for exception in self.exceptions:
            if not exception.expired(today) and exception.fits(rule, reference, tag, relative):
                return exception
        return None

    def _first_match(self, patterns_by_name: Mapping[str, PathPatterns], path: str) -> tuple[str | None, PathPattern | None]:
        """Return the first name with a matching pattern, and the pattern."""
        relative = self.relative(path) if patterns_by_name else None
        for name, patterns in patterns_by_name.items():
            pattern = patterns.first(relative)
            if pattern is not None:
                return name, pattern
        return None, None

    def _is_built(self, use: ImageUse) -> bool:
        reference = use.reference
        return reference is not None and any(
            pattern.fits(reference.name, use.pulled_tag, reference.digest) for pattern in self.built
        )

    def _match(self, use: ImageUse, environment: str) -> PolicyMatch:
        if self.table is None:
            return _NO_TABLE
        path = self.relative(use.source.path)
        # A policy that names neither the role nor the environment was written without pipelines in mind.
        is_judged = use.role != CI or self._pipelines
        partial_matches = []
        for row in self._matching(use, self.table):
            if not row.mismatch(environment, use.role, path):
                return PolicyMatch(row, (), self.table, path) if row.approved or is_judged else _NO_TABLE
            partial_matches.append(row)
        return PolicyMatch(None, tuple(partial_matches), self.table, path) if is_judged else _NO_TABLE

    def _matching(self, use: ImageUse, table: ImageTable) -> tuple[Row, ...]:
        reference = use.reference
        if reference is None:
            return ()
        key = (reference.name, use.pulled_tag, use.tag_known, reference.digest)
        if key not in self._rows:
            folders = [reference.name[: at + 1] for at, character in enumerate(reference.name) if character == "/"]
            numbers = {number for key in ("", *folders, reference.name) for number in self._index.get(key, ())}
            self._rows[key] = tuple([row for number in sorted(numbers) if (row := table.rows[number]).matches(use)])
        return self._rows[key]

    def _decide(self, rule: Rule, environment: str, row: Row | None, path: str, needs_approval: bool) -> Decision:
        settings = self.rules.get(rule.id, ())
        setting = next((setting for setting in settings if setting.fits(environment, self.relative(path))), None)
        options = setting.options if setting else self._default_options(rule)
        if row is not None and rule.id in row.rules:
            return Decision(row.rules[rule.id], options, "row", row.at)
        if setting:
            return Decision(setting.level, options, "rules", setting.at)
        if settings:
            return Decision(Severity.OFF, options, "elsewhere", settings[0].at)
        if rule.level and rule.environments is not None and environment not in rule.environments:
            return Decision(Severity.OFF, options, "elsewhere")
        return Decision(default_level(rule, needs_approval), options, "default")

    def _default_options(self, rule: Rule) -> object:
        if rule.options is None:
            return None
        if rule.id not in self._options:
            self._options[rule.id] = rule.options()
        return self._options[rule.id]


def _below(path: str, folder: str) -> str | None:
    front = os.path.join(folder, "")
    return path[len(front) :].replace(os.sep, "/") if path.startswith(front) and path != front else None


def _index(rows: tuple[Row, ...]) -> dict[str, list[int]]:
    """Return the indexes of the rows by the name that an image must have, or the folder, up to the first wildcard, that it must be in."""
    index: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        for pattern in row.match:
            literal, wildcard, _ = pattern.name.partition("*")
            key = literal[: literal.rfind("/") + 1] if wildcard else literal
            index.setdefault(key, []).append(number)
    return index


def default_level(rule: Rule, needs_approval: bool) -> Severity:
    """Return the level of a rule that neither a row nor a setting gives one. `needs_approval` is whether the policy has `images`."""
    # An image without a known name escapes the approval that every other image needs.
    return Severity.WARNING if rule.id == UNRESOLVED and needs_approval else rule.level


_NO_TABLE = PolicyMatch()


def default_policy() -> Policy:
    """Return the policy of a run without a policy file: all files are production, all rules have their defaults."""
    return Policy()
