"""The facts that readers find, and the findings that rules make of them. Imports only what they are made of.

Source -> reader -> ImageUse | RunUser | Problem | Comment -> rule -> Finding -> Report -> format
"""

from __future__ import annotations

from enum import IntEnum

from imglint.record import record, replace
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imglint.patterns.image import ImagePattern
    from imglint.patterns.path import PathPatterns
    from imglint.patterns.tag import TagPattern
    from imglint.traced import Traced

INVALID = "invalid-reference"
UNRESOLVED = "unresolved-reference"
PRODUCTION = "production"
"""The environment of which rules speak, and of every file where no policy says otherwise."""
BUILD, BASE, WORKLOAD, FRONTEND = ROLES = ("build", "base", "workload", "frontend")

Span = tuple[int, int]
"""Start and end offset in a source's text; the end is exclusive."""


class Severity(IntEnum):
    """How grave a finding is; `str` gives the word that policies, options and formats use."""

    OFF = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


LATEST = "latest"

Place = tuple[str, int, int]
"""Where something stands in a policy: path, line and column."""


@record
class Row:
    """One row of `images`. What it leaves out is empty, or None, and fits any. `rules` holds its levels, that of `digest` among them."""

    path: str
    line: int
    column: int
    match: tuple[ImagePattern, ...]
    environments: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    files: PathPatterns | None = None
    tags: tuple[TagPattern, ...] = ()
    forbidden_tags: tuple[TagPattern, ...] = ()
    approved: bool = True
    reason: str = ""
    use_instead: str = ""
    rules: Mapping[str, Severity] = {}

    @property
    def at(self) -> str:
        """Where the row stands, as `path:line`, for messages."""
        return f"{self.path}:{self.line}"

    @property
    def key(self) -> Place:
        """What tells it from every other, also on the same line."""
        return self.path, self.line, self.column

    @property
    def names_latest(self) -> bool:
        """Whether it names the tag latest, in its tags or its match."""
        return any(tag.text == LATEST for tag in self.tags) or any(pattern.tag == LATEST for pattern in self.match)

    def matches(self, use: ImageUse) -> bool:
        """Whether `match` fits. An unknown tag is not judged: it passes where it would be approved, and is not refused."""
        return self.pattern_of(use) is not None

    def pattern_of(self, use: ImageUse) -> ImagePattern | None:
        """Return the first pattern of `match` that fits."""
        reference, tag = use.reference, use.pulled_tag
        if reference is not None:
            name, any_tag = reference.name, not use.tag_known and self.approved
            for pattern in self.match:
                if pattern.fits(name, tag, reference.digest, any_tag=any_tag):
                    return pattern
        return None

    def mismatch(self, environment: str, role: str, path: str | None) -> str:
        """Return the key that keeps the row from fitting a place: `environments`, `roles` or `files`; empty where the row fits there."""
        if self.environments and environment not in self.environments:
            return "environments"
        if role not in self.roles and (self.roles or role == FRONTEND):
            return "roles"
        return "files" if self.files is not None and not self.files.fit(path) else ""


@record
class ImageTable:
    """The table `images` of a policy, and the paths of the files in which it stands."""

    paths: tuple[str, ...]
    rows: tuple[Row, ...]


@record
class PolicyMatch:
    """How a use stands in the policy.

    `row` is the row of the use, None where no row fits wholly; then `partial_matches` are the rows whose `match` fits, though not their environments,
    roles or files. `table` is the whole table, None where the policy has no `images`. `path` is the file's, relative to the policy's folder.
    """

    row: Row | None = None
    partial_matches: tuple[Row, ...] = ()
    table: ImageTable | None = None
    path: str | None = None


@record
class ReferenceProblem:
    """Why a use has no reference: the engine's rule (INVALID or UNRESOLVED) that reports it, a message, and the place in the file."""

    rule: str
    message: str
    span: Span


@record
class ImageUse:
    """One place where an image is named.

    `place` is one of the words of the documented list (`from`, `container`, `helm-map`, ...), `where` says the same for people ("stage build",
    "Deployment/web container api"), `role` is one of ROLES. `span` bounds the name part in the source. `reference` is None where the text could
    not be parsed or resolved; `problem` then says why. `parts` tells where the parts of the reference stand (`registry`, `repository`, `tag`,
    `digest`), so that a finding can point at one. `tag_known` is False where the tag is left to others, as in a Helm value without one.
    `built` marks a result of this repository. `environment` and `policy_match` (the row of the policy) are filled in by the policy.
    """

    source: Source
    span: Span
    place: str
    where: str
    role: str
    reference: ImageReference | None
    problem: ReferenceProblem | None = None
    parts: Mapping[str, Span] = {}
    tag_known: bool = True
    built: bool = False
    environment: str = PRODUCTION
    policy_match: PolicyMatch | None = None

    @property
    def text(self) -> str:
        """The name part as it is written in the file."""
        return self.source.text[slice(*self.span)]

    @property
    def location(self) -> Location:
        """Where the name part stands."""
        return self.source.location(*self.span)

    @property
    def pulled_tag(self) -> str | None:
        """The tag that a pull would take: `latest` where neither tag nor digest is written, None where it is unknown or only a digest is."""
        reference = self.reference
        if reference is None or reference.tag is not None:
            return reference.tag if reference else None
        return "latest" if self.tag_known and reference.digest is None else None

    @property
    def row(self) -> Row | None:
        """The row of the policy that is the use's, None where there is none."""
        return self.policy_match.row if self.policy_match else None

    def finding(self, message: str, part: str | None = None, *, policy: str = "") -> Finding:
        """Return a finding at one part of the reference, at the whole of it where the part is left out or not written.

        `policy` cites the line of the policy behind it, as `path:line`, where that is not the one that set the level.
        """
        span = self.parts.get(part or "whole") or self.parts.get("whole") or self.span
        return replace(_finding(self.source, message, span, self.span), policy=policy)


@record
class RunUser:
    """One place that decides the user that a container runs as.

    `user` is the resolved user as written there (`1001`, `1001:0`, `root`), None where nothing names one. `nonroot` is what `runAsNonRoot` says
    in force there, None where nothing does. `known` is False where a variable without a value takes part, or where a stage stands on
    Windows, which has no root: then nothing can be said. `base` is the image that a stage without USER stands on (None for scratch and outside
    of Dockerfiles). `explicit` is False for a pod or service that says nothing at all, where the image decides. `image` is the use of the
    container or stage, where it has one, and tells the environment and the row. `span` is where a finding stands.
    """

    source: Source
    span: Span
    place: str
    where: str
    user: str | None
    nonroot: bool | None = None
    known: bool = True
    explicit: bool = True
    base: ImageReference | None = None
    image: ImageUse | None = None
    environment: str = PRODUCTION

    @property
    def location(self) -> Location:
        """Where the user is written, or would have to be."""
        return self.source.location(*self.span)

    def finding(self, message: str) -> Finding:
        """Return a finding at the place that decides the user; where that is an image, its use is related."""
        says_nothing = self.user is None and self.nonroot is None
        use = self.image.span if self.image and says_nothing else self.span
        return _finding(self.source, message, self.span, use)


@record
class Problem:
    """What could not be read, and under which rule of the engine it is reported. Readers leave rule and environment out."""

    source: Source
    span: Span
    message: str
    rule: str = "syntax-error"
    environment: str = PRODUCTION

    @property
    def location(self) -> Location:
        """Where reading went wrong."""
        return self.source.location(*self.span)

    def finding(self) -> Finding:
        """Return the problem as a finding."""
        return _finding(self.source, self.message, self.span, self.span)


@record
class Comment:
    """A comment that speaks to imglint: the text from `#` to the end of the line."""

    source: Source
    span: Span

    @property
    def text(self) -> str:
        """The comment as it is written."""
        return self.source.text[slice(*self.span)]


Fact = ImageUse | RunUser | Problem | Comment


@record
class Finding:
    """What is wrong at one place. A rule gives message and place, the engine rule id, level and fingerprint.

    `line_text` is the line on which it begins, of a very long one the stretch around it; `line_column` is the column at which that begins.
    `policy` cites the line of the policy behind the finding, as `path:line`; empty where there is none.
    """

    message: str
    location: Location
    text: str
    line_text: str
    related: tuple[Location, ...] = ()
    rule: str = ""
    level: Severity = Severity.OFF
    fingerprint: str = ""
    line_column: int = 1
    policy: str = ""

    @property
    def full_message(self) -> str:
        """The message with the line of the policy behind the finding, as every format prints it."""
        return f"{self.message} ({self.policy})" if self.policy else self.message


@record
class Report:
    """What a run found: the findings in file and line order, and how much was looked at.

    `failed` tells of a fault in imglint or in a plugin: then not everything was checked, whatever the findings say.
    """

    findings: Collection[Finding]
    files: int
    places: int
    failed: bool = False


def image_use(
    source: Source, written: Traced | None, span: Span, *, place: str, where: str, role: str, unresolved: str = "", **more: object
) -> ImageUse:
    """Return the use of an image that stands at span.

    `written` is the text after all variables are resolved, None where one has no value: `unresolved` then says which. `more` are other fields of
    ImageUse; `parts` given there win over those that the text itself has.
    """
    parts: dict[str, Span] = {}
    reference, problem = None, None
    if written is None:
        problem = ReferenceProblem(UNRESOLVED, unresolved or "this cannot be resolved from the files", span)
    else:
        parts["whole"] = written.span(0, len(written.text)) if written.text else span
        try:
            reference = parse(written.text)
            parts.update({name: written.span(*where_) for name, where_ in reference.spans.items()})
        except InvalidReference as error:
            bad = written.span(error.start, error.end) if error.start < error.end else parts["whole"]
            problem = ReferenceProblem(INVALID, error.reason, bad)
    parts.update(more.pop("parts", {}))  # type: ignore[call-overload]
    return ImageUse(source, span, place, where, role, reference, problem, parts, **more)  # type: ignore[arg-type]


def finding_at(source: Source, message: str, span: Span, related: tuple[Location, ...] = (), rule: str = "") -> Finding:
    """Return a finding at a stretch of a source."""
    line_text, line_column = source.line_around(span[0])
    text = source.text[slice(*span)]
    return Finding(message, source.location(*span), text, line_text, related, rule, line_column=line_column)


def _finding(source: Source, message: str, span: Span, use: Span) -> Finding:
    outside = span[0] < use[0] or span[1] > use[1]
    return finding_at(source, message, span, (source.location(*use),) if outside else ())
