"""The facts that readers return and the findings that rules report.

Source -> reader -> ImageUse | RunUser | Problem | Comment -> rule -> Finding -> Report -> format
"""

from __future__ import annotations

import os
from enum import IntEnum

from imglint.printable import short_digests
from imglint.records import record
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Protocol

    from imglint.patterns.image import ImagePattern
    from imglint.patterns.path import PathPatterns
    from imglint.patterns.tag import TagPattern
    from imglint.patterns.version import Versions
    from imglint.registry.images import ImageDetails, PublicKey, Quantity, RegistryImage, Signature, Variant
    from imglint.traced import Traced

    class Tree(Protocol):
        """What the other files of the repository of a use make of its image. Looking it up may read some of them."""

        def built_at(self, use: ImageUse, /) -> str:
            """Return where the image is built, as `path:line`; empty if it is not, or only where it is used."""
            ...

        def rewrite_of(self, use: ImageUse, /) -> Rewrite:
            """Return what kustomizations set in the reference."""
            ...

    class Chart(Protocol):
        """What the files of a chart say about the images that its Chart.yaml lists. Looking it up reads some of them."""

        @property
        def names(self) -> tuple[str, ...]:
            """The names of the images that its values and templates spell out, sorted."""
            ...

        def tags(self, name: str, /) -> Mapping[str, str]:
            """Return the tags of an image, each with its place as `path:line`."""
            ...

        def allows(self, reference: ImageReference, /) -> bool:
            """Return whether the chart has an image with its tag, or may have it."""
            ...

    class Online(Protocol):
        """What registries know about images. Each method raises Unverified if the registry could not be asked.

        None means that the registry does not have the image.
        """

        def digest(self, reference: ImageReference, /) -> str | None:
            """Return the digest that a reference has now."""
            ...

        def image(self, reference: ImageReference, /) -> RegistryImage | None:
            """Return the image with the platforms that it serves."""
            ...

        def details(self, reference: ImageReference, variant: Variant, /) -> ImageDetails:
            """Return the user, labels, age and size of an image for one platform."""
            ...

        def all_details(
            self, reference: ImageReference, platforms: Collection[str] = ..., /
        ) -> tuple[tuple[Variant, ImageDetails], ...] | None:
            """Return the details of an image for each platform that it serves, or only for those that serve one of `platforms`."""
            ...

        def signature(self, reference: ImageReference, key: PublicKey, /) -> Signature | None:
            """Return the result of checking the signatures of an image with a public key."""
            ...

        def tags(self, reference: ImageReference, /) -> tuple[str, ...] | None:
            """Return all tags of the repository of a reference, in no particular order."""
            ...


INVALID = "invalid-reference"
UNRESOLVED = "unresolved-reference"
SYNTAX_ERROR = "syntax-error"
UNREAD_FILE = "unread-file"
INTERNAL_ERROR = "internal-error"
UNUSED_IGNORE = "unused-ignore"
EXPIRED_EXCEPTION = "expired-exception"
UNUSED_EXCEPTION = "unused-exception"
UNUSED_POLICY = "unused-policy"
UNVERIFIED_IMAGE = "unverified-image"
UNSILENCEABLE = frozenset((SYNTAX_ERROR, UNREAD_FILE, INTERNAL_ERROR))
"""Rules that no comment silences: a file that was not read must not look clean."""
DOCKERFILE = "dockerfile"
"""The kind of the files that are not YAML."""
PRODUCTION = "production"
"""The default environment, and the one that rules name."""
CI, BUILD, BASE, WORKLOAD, FRONTEND = ROLES = ("ci", "build", "base", "workload", "frontend")
"""The roles of images. `ci` is also the environment of pipelines and development containers, unless the policy sets another one."""
PARTS = ("registry", "repository", "tag", "digest", "whole")
"""The parts of a reference that a use can have a span for. `whole` is the reference without quotes or other text around it."""

Span = tuple[int, int]
"""Start and end offset in the text of a source; the end is exclusive."""


class Severity(IntEnum):
    """The level of a finding. `str()` returns its name in policies, options and reports."""

    OFF = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


LATEST = "latest"
SHA256 = "sha256:"
"""The beginning of nearly all digests."""
RUN_AS_USER = "run-as-user"
"""The place of a user in `runAsUser`, which must be a number in YAML."""
USER = "user"
"""The place of a user in USER of a Dockerfile."""
SETTING_KEYS = ("level", "environments", "files", "exclude")
"""The keys that the policy has for every rule. No option of a rule can have one of these names."""

PolicyLocation = tuple[str, int, int]
"""Path, line and column of an entry in a policy file."""


@record
class Row:
    """A row of the `images` table. A field that is empty or None matches everything.

    `rules` has the levels of the row, also that for `digest`. `uids` are the users that root-user requires. A row that is `deprecated` approves its
    images for now. `platforms`, `signed` (the key of their signatures), `labels`, `max_size` (in bytes) and `max_age` (in days) are requirements
    that need registries.
    """

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
    versions: Versions | None = None
    uids: tuple[int, ...] = ()
    deprecated: bool = False
    platforms: tuple[str, ...] = ()
    signed: PublicKey | None = None
    labels: tuple[str, ...] = ()
    max_size: Quantity | None = None
    max_age: Quantity | None = None

    @property
    def at(self) -> str:
        """The location of the row as `path:line`, for messages."""
        return f"{self.path}:{self.line}"

    @property
    def key(self) -> PolicyLocation:
        """The location with its column, unique in a policy."""
        return self.path, self.line, self.column

    @property
    def names_latest(self) -> bool:
        """Whether the row names the tag `latest` in `tags` or `match`."""
        return any(tag.text == LATEST for tag in self.tags) or any(pattern.tag == LATEST for pattern in self.match)

    def matches(self, use: ImageUse) -> bool:
        """Return whether a pattern of `match` matches the use. An unknown tag matches every tag pattern of an approved row, none of a rejected one."""
        return self.pattern_of(use) is not None

    def pattern_of(self, use: ImageUse) -> ImagePattern | None:
        """Return the first pattern of `match` that matches the use."""
        reference, tag = use.reference, use.pulled_tag
        if reference is not None:
            name, any_tag = reference.name, not use.tag_known and self.approved
            for pattern in self.match:
                if pattern.fits(name, tag, reference.digest, any_tag=any_tag):
                    return pattern
        return None

    def mismatch(self, environment: str, role: str, path: str | None) -> str:
        """Return the first key that excludes the row: `environments`, `roles` or `files`. Return an empty string if the row applies."""
        if self.environments and environment not in self.environments:
            return "environments"
        if role not in self.roles and (self.roles or role == FRONTEND):
            return "roles"
        return "files" if self.files is not None and not self.files.fit(path) else ""


@record
class ImageTable:
    """The `images` table of a policy, and the paths of the files that define it."""

    paths: tuple[str, ...]
    rows: tuple[Row, ...]


@record
class PolicyMatch:
    """The result of looking up a use in the policy.

    `row` is the first row that applies to the use. If it is None, `partial_matches` has the rows that match the image, but not its environment,
    role or file. `table` is None if the policy has no `images`. `path` is relative to the policy's folder.
    """

    row: Row | None = None
    partial_matches: tuple[Row, ...] = ()
    table: ImageTable | None = None
    path: str | None = None


@record
class ReferenceProblem:
    """The reason why a use has no reference. `rule` is the engine rule that reports it: INVALID, UNRESOLVED, or UNREAD_FILE if it exceeds a limit."""

    rule: str
    message: str
    span: Span


@record
class Rewrite:
    """What kustomizations set in a reference: for each part, the entry of `images` as `path:line`, or an empty string."""

    name: str = ""
    tag: str = ""
    digest: str = ""


_AS_WRITTEN = Rewrite()


@record
class DigestSlot:
    """The empty value of a key that takes the digest of an image.

    If it is `bare`, it takes the hexadecimal digits without `sha256:`. With `replaces_tag`, the tag is ignored once there is a digest.
    """

    span: Span
    bare: bool = False
    replaces_tag: bool = False


@record
class ImageUse:
    """One place where an image is named.

    `place` is the kind of place (`from`, `container`, `helm-map`, ...), `where` describes it for people ("stage build", "Deployment/web container
    api"), and `role` is one of ROLES. `span` covers the image name in the source. `reference` is None if the text cannot be parsed or resolved;
    `problem` then has the reason. `parts` maps the parts of the reference (`registry`, `repository`, `tag`, `digest`, and `whole`) to their spans.
    `tag_known` is False if something else sets the tag, as for a Helm value without one or for `app:${TAG}`. `built` is True for an image that this
    repository builds and nothing pulls, `built_or_pulled` for one that this repository builds if it cannot be pulled.
    `kept` are the parts that fixes must not change, because other files or images go by them: a registry that a chart sets for all of its images, the
    name by which a kustomization finds an image.
    `digest_slot` is where a missing digest belongs, None if that is after the tag.
    `platform` is the one that the place asks for, such as `linux/amd64`; it is empty if it asks for none, or for one that depends on the build.
    `chart` is the chart of an image that a Chart.yaml lists, None for others. `online` asks registries; it is None in a run without `--online`.
    The engine fills in `environment`, `policy_match`, `tree` and `online`.
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
    built_or_pulled: bool = False
    kept: tuple[str, ...] = ()
    digest_slot: DigestSlot | None = None
    platform: str = ""
    chart: Chart | None = None
    environment: str = PRODUCTION
    policy_match: PolicyMatch | None = None
    tree: Tree | None = None
    online: Online | None = None

    @property
    def text(self) -> str:
        """The image name as written in the file."""
        return self.source.text[slice(*self.span)]

    @property
    def location(self) -> Location:
        """The location of the image name."""
        return self.source.location(*self.span)

    @property
    def pulled_tag(self) -> str | None:
        """The tag that a pull uses: `latest` if there is no tag and no digest, None if the tag is unknown or there is only a digest."""
        reference = self.reference
        if reference is None or reference.tag is not None:
            return reference.tag if reference else None
        return "latest" if self.tag_known and reference.digest is None else None

    @property
    def has_build(self) -> bool:
        """Whether this repository builds the image, so that it has no registry, release or digest before it is pushed.

        This and the properties below may read other files of the repository. A rule asks for them last, when it is about to report the use.
        """
        return self.built or self.built_or_pulled or bool(self.built_at)

    @property
    def asked(self) -> ImageReference | None:
        """The reference to ask registries about, None if they cannot know the image.

        That is so for an image with an unknown name or tag, for one that this repository builds, and for one with a name, tag or digest that a
        kustomization sets. It is always None in a run without `--online`.
        """
        reference = self.reference
        if self.online is None or reference is None or not (self.tag_known or reference.digest):
            return None
        return None if self.name_is_rewritten or self.tag_is_rewritten or self.has_build else reference

    @property
    def built_at(self) -> str:
        """The place in another file of this repository that builds the image, as `path:line`, or an empty string."""
        return self.tree.built_at(self) if self.tree is not None and self.reference is not None else ""

    @property
    def rewrite(self) -> Rewrite:
        """What kustomizations that reach the file set in the reference."""
        return self.tree.rewrite_of(self) if self.tree is not None and self.reference is not None else _AS_WRITTEN

    @property
    def name_is_rewritten(self) -> bool:
        """Whether a kustomization sets the name that is pulled in the end, with its registry."""
        return bool(self.rewrite.name)

    @property
    def tag_is_rewritten(self) -> bool:
        """Whether a kustomization sets the tag or the digest that is pulled in the end."""
        return bool(self.rewrite.tag) or self.digest_is_rewritten

    @property
    def digest_is_rewritten(self) -> bool:
        """Whether a kustomization sets the digest that is pulled in the end."""
        return bool(self.rewrite.digest)

    @property
    def row(self) -> Row | None:
        """The row of the `images` table that applies to the use, or None."""
        return self.policy_match.row if self.policy_match else None

    def finding(self, message: str, part: str | None = None, *, policy: str = "", fix: Fix | None = None) -> Finding:
        """Return a finding at a part of the reference, or at the whole reference if `part` is None or not written.

        `policy` is the line of the policy that caused the finding, as `path:line`. Leave it out if that is the line that sets the level. `fix` is what
        corrects it, as `fix` returns it.
        """
        if part is not None and part not in PARTS:
            raise ValueError(f"unknown part `{part}` of a reference; known are {', '.join(PARTS)}")
        span = self.parts.get(part or "whole") or self.parts.get("whole") or self.span
        return _finding(self.source, message, span, self.span, policy=policy, fix=fix)

    def fix(self, reference: str, description: str, *, safe: bool = False) -> Fix | None:
        """Return the fix that makes the use name another reference, given as the file should have it.

        Only the parts that differ are replaced. Return None if one of them is not written in the file as it is read, has no place in the file, or is
        one of those that are `kept`, and if a kustomization finds the image by a name that would change.
        Raises InvalidReference.
        """
        new = parse(reference)
        edits = _rewriting(self, new) if "repository" in self.parts else []
        if not edits or (self._written_name(new) != self._written_name(self.reference) and self.rewrite != _AS_WRITTEN):
            return None
        if new.digest is not None and self.digest_slot is not None and self.digest_slot.replaces_tag:
            reference = f"{self._written_name(new)}@{new.digest}"
        return Fix(description, tuple(edits), safe, reference)

    @staticmethod
    def _written_name(reference: ImageReference | None) -> str:
        return reference.text[: reference.spans["repository"][1]] if reference is not None else ""


@record
class RunUser:
    """One place that sets the user that a container runs as.

    `user` is the user with variables resolved (`1001`, `1001:0`, `root`), or None if the file names none. `nonroot` is the effective value of
    `runAsNonRoot`, or None. `known` is False if the user depends on a variable without a value, or if the base image is a Windows image, which has
    no root. `base` is the base image of a stage without USER, and of any Windows stage; it is None for `scratch`, for a base with an unknown name,
    and outside Dockerfiles. `explicit` is False for a pod or service without any user setting, where the image sets the user. `image` is the image
    of the container or stage, if it has one, which `scratch` is not; it determines the environment and the row. `span` is where findings are
    reported. `insertion` is where a stage without USER takes one: the offset, and the line break and indentation to write before it. It is None where
    none fits, and outside Dockerfiles.
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
    insertion: tuple[int, str] | None = None

    @property
    def location(self) -> Location:
        """The location of the user, or of the image if the file names no user."""
        return self.source.location(*self.span)

    def finding(self, message: str, *, policy: str = "", fix: Fix | None = None) -> Finding:
        """Return a finding at the place that sets the user. If that is an image, its use is a related location.

        `policy` is the line of the policy that caused the finding, as `path:line`. Leave it out if that is the line that sets the level.
        `fix` is what corrects it, as `fix` returns it.
        A baseline knows it by `where` and the user, so that it survives a new version of the image.
        """
        is_unset = self.user is None and self.nonroot is None
        use = self.image.span if self.image and is_unset else self.span
        setting = (
            f"user {self.user}" if self.user is not None else "" if is_unset else f"runAsNonRoot {str(self.nonroot).lower()}"
        )
        known_by = f"{self.where}, {setting}" if setting else self.where
        return _finding(self.source, message, self.span, use, known_by=(known_by,), policy=policy, fix=fix)

    def fix(self, uid: int, description: str) -> Fix | None:
        """Return the fix that makes the container run as a user. It is not safe: the user may lack permissions that the container needs.

        A group is not kept: it was chosen for the other user. Return None if the file has no user, or not as it is read, and no place for one.
        """
        new, text = str(uid), self.source.text
        if self.insertion is not None:
            at, before = self.insertion
            return Fix(description, (Edit(self.source.location(at, at), f"{before}USER {new}"),), expects=new)
        if self.user is None or text[slice(*self.span)] != self.user or any(char.isspace() for char in self.user):
            return None
        from imglint.quoting import as_text, is_used_otherwise

        if is_used_otherwise(text, self.span[0]):
            return None
        if self.place not in (RUN_AS_USER, USER):
            new = as_text(text, *self.span, new) or ""
        return Fix(description, (Edit(self.source.location(*self.span), new),), expects=str(uid)) if new else None


@record
class Problem:
    """Content that could not be read, and the engine rule that reports it. `fix` is what corrects it. The engine fills in the environment."""

    source: Source
    span: Span
    message: str
    rule: str = "syntax-error"
    environment: str = PRODUCTION
    fix: Fix | None = None

    @property
    def location(self) -> Location:
        """The location of the problem."""
        return self.source.location(*self.span)

    def finding(self) -> Finding:
        """Return the problem as a finding."""
        return _finding(self.source, self.message, self.span, self.span, fix=self.fix)


@record
class Comment:
    """An imglint comment, from `#`, `//` or `;` to the end of the line."""

    source: Source
    span: Span

    @property
    def text(self) -> str:
        """The comment as written in the file."""
        return self.source.text[slice(*self.span)]


@record
class NamedFile:
    """A file that a source names as one of a kind, whatever its name: the engine reads it as that kind.

    `path` is relative to the folder of the source. `span` is where the file is named.
    """

    source: Source
    span: Span
    path: str
    kind: str

    @property
    def full_path(self) -> str:
        """The path relative to the current folder, or absolute, as that of the source."""
        path = os.path.normpath(os.path.join(os.path.dirname(self.source.path), self.path))
        return f"./{path}" if self.source.path.startswith("./") and not path.startswith(("/", "..")) else path


Fact = ImageUse | RunUser | Problem | Comment


@record
class Edit:
    """New text at a location: an insertion if the location is empty, a removal if the text is."""

    location: Location
    text: str


@record
class Fix:
    """A correction of a finding by edits of its file, which do not overlap.

    `description` completes the sentence "imglint can ...": "write docker.io/library/nginx". `safe` is whether the policy proves that the result names
    the same image. `expects` is what the file then names: the reference or the user that the finding is about. It is empty for a fix that changes
    neither.
    """

    description: str
    edits: tuple[Edit, ...]
    safe: bool = False
    expects: str = ""


@record
class Finding:
    """A problem that a rule reports at one location. The engine fills in the rule id, level and fingerprint.

    `line_text` is the source line of the finding, or the part around it if the line is very long; `line_column` is the column of its first character.
    `policy` is the line of the policy that caused the finding, as `path:line`, or empty. `known_by` has what a baseline recognizes the finding by, in
    place of its text and line: any one of several. It is empty for a finding that is recognized by its text and line. `fix` is what corrects it, if
    imglint knows that.
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
    known_by: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def full_message(self) -> str:
        """The message as every format prints it: with the policy line appended, and digests shortened."""
        message = short_digests(self.message)
        return f"{message} ({self.policy})" if self.policy else message


@record
class SkippedFiles:
    """The files of a known name, and the folders, that a walk skipped, and the reasons: `ignored by Git`, `symbolic links`, names of folders."""

    files: int = 0
    folders: int = 0
    reasons: tuple[str, ...] = ()


@record
class Report:
    """The result of a run: its findings in file and line order, and the number of files and images checked.

    `failed` is True if imglint or a plugin raised an unexpected error. Then not everything was checked, even if there are no findings. `incomplete`
    counts the files with a part that was not read, which no finding reports because its rule is off.
    """

    findings: Collection[Finding]
    files: int
    places: int
    failed: bool = False
    skipped: SkippedFiles = SkippedFiles()
    incomplete: int = 0


def _shows_all(_finding: Finding) -> bool:
    return True


@record
class View:
    """How a format for people shows a report.

    `shows` returns whether a finding is shown; the others are only counted, in a closing line. `width` is the number of columns of the terminal, 0 if
    the output is not one. `advice` is a further closing line for a report with findings, empty for none. `fixes` returns whether `--fix` would fix a
    finding that has a fix.
    """

    shows: Callable[[Finding], bool] = _shows_all
    width: int = 0
    advice: str = ""
    fixes: Callable[[Finding], bool] = _shows_all


WHOLE = View()
"""The view that shows all findings."""


def image_use(
    source: Source,
    written: Traced | None,
    span: Span,
    *,
    place: str,
    where: str,
    role: str,
    unresolved: str = "",
    over_limit: bool = False,
    **more: object,
) -> ImageUse:
    """Return the use of the image named at a span.

    `written` is the text with all variables resolved. It can contain `traced.unknown` pieces for variables without a value: in the tag or digest they
    make the tag unknown, in the name they make the image unresolved. `written` is None if nothing is known of the text. `unresolved` is the reason
    why the image is unresolved; if that is a limit, `over_limit` makes it UNREAD_FILE. `more` are other fields of ImageUse. Its `parts` take precedence
    over those found in the text.
    """
    parts: dict[str, Span] = {}
    reference, problem = None, None
    text = written.text if written is not None else ""
    whole = written.span(0, len(text)) if written is not None and text else span
    if written is not None and written.unknown_at >= 0:
        from imglint.traced import without_unknown_version

        written = without_unknown_version(written)
        if written is not None:
            text, more["tag_known"] = written.text, False
    if written is None:
        rule = UNREAD_FILE if over_limit else UNRESOLVED
        problem = ReferenceProblem(rule, unresolved or "image name cannot be resolved from the file", span)
    else:
        parts["whole"] = whole
        try:
            reference = parse(text)
            parts.update({name: written.span(*part) for name, part in reference.spans.items()})
        except InvalidReference as error:
            invalid = written.span(error.start, error.end) if error.start < error.end else whole
            problem = ReferenceProblem(INVALID, error.reason, invalid)
    parts.update(more.pop("parts", {}))  # type: ignore[call-overload]
    return ImageUse(source, span, place, where, role, reference, problem, parts, **more)  # type: ignore[arg-type]


def _rewriting(use: ImageUse, new: ImageReference) -> list[Edit]:
    """Return the edits that turn the reference of a use into another one; none if they cannot."""
    edits = [edit for parts in (_name_edits(use, new), _version_edits(use, new)) for edit in parts]
    # A part that cannot be edited is None.
    return [edit for edit in edits if edit is not None] if None not in edits else []


def _name_edits(use: ImageUse, new: ImageReference) -> Iterator[Edit | None]:
    """Yield the edits of registry and repository."""
    old, text = use.reference, use.source.text
    if old is None:
        yield None
        return
    name, old_name = new.text[: new.spans["repository"][1]], old.text[: old.spans["repository"][1]]
    if name == old_name:
        return
    registry, repository = use.parts.get("registry"), use.parts["repository"]
    old_path = old.text[slice(*old.spans["repository"])]
    if "repository" in use.kept:
        yield None
    elif registry is None:
        yield _edit_of(use, repository, old_path, name)
    elif registry[1] + 1 == repository[0] and text[registry[1]] == "/":
        yield _edit_of(use, (registry[0], repository[1]), old_name, name)
    else:
        # They stand apart, as in a Helm map. A registry that is not explicit is an empty one.
        host = new.text[slice(*new.spans["registry"])] if new.registry_explicit else new.registry
        written = old.text[slice(*old.spans["registry"])] if old.registry_explicit else text[slice(*registry)]
        path = new.text[slice(*new.spans["repository"])]
        if host != written:
            yield _edit_of(use, registry, written, host) if "registry" not in use.kept else None
        if path != old_path:
            yield _edit_of(use, repository, old_path, path)


def _version_edits(use: ImageUse, new: ImageReference) -> Iterator[Edit | None]:
    """Yield the edits of tag and digest."""
    old, added = use.reference, ""
    for part, mark in (("tag", ":"), ("digest", "@")):
        before, after, span = getattr(old, part), getattr(new, part), use.parts.get(part)
        if before == after:
            continue
        if before is None and part == "digest" and use.digest_slot is not None:
            yield _filled(use, use.digest_slot, after)
        elif before is None:
            added += mark + after
        elif after is None or span is None:
            yield None
        elif use.source.text[slice(*span)] == before.removeprefix(SHA256):
            # The key takes the hexadecimal digits without the algorithm.
            yield _edit_of(use, span, before.removeprefix(SHA256), after.removeprefix(SHA256))
        else:
            yield _edit_of(use, span, before, after)
    if added:
        at = _end_of_version(use)
        yield _edit_of(use, (at, at), "", added) if at is not None else None


def _end_of_version(use: ImageUse) -> int | None:
    """Return where a tag or a digest can be added, None if the text does not end there as it is read."""
    old, text = use.reference, use.source.text
    if old is None or not use.tag_known:
        return None
    if old.tag is not None:
        start, end = use.parts["tag"]
        # A tag that takes its value from elsewhere has another one tomorrow, and that must not have this digest.
        return end if text[start:end] == old.tag else None
    end = use.parts["repository"][1]
    return end if end == use.parts.get("whole", use.span)[1] or text.startswith("@", end) else None


def _filled(use: ImageUse, slot: DigestSlot, digest: str) -> Edit | None:
    """Return the edit that writes a digest where it belongs."""
    written = digest.removeprefix(SHA256) if slot.bare else digest
    return _edit_of(use, slot.span, use.source.text[slice(*slot.span)], written) if use.tag_known else None


def _edit_of(use: ImageUse, span: Span, before: str, after: str) -> Edit | None:
    """Return the edit of the text at a span, which must be as expected: not where a variable or an escape is written for it."""
    source, written = use.source, after
    if source.text[slice(*span)] != before:
        return None
    if source.kind != DOCKERFILE:
        from imglint.quoting import as_text, is_used_otherwise

        quoted = None if is_used_otherwise(source.text, span[0]) else as_text(source.text, *span, after)
        if quoted is None:
            return None
        written = quoted
    if before and written.endswith(before):
        # Only what is in front of it is new.
        span, written = (span[0], span[0]), written.removesuffix(before)
    elif not before and source.text[span[0] - 1 : span[0]] == ":":
        # The value of a key that has none.
        written = f" {written}"
    return Edit(source.location(*span), written)


def _finding(
    source: Source,
    message: str,
    span: Span,
    use: Span,
    *,
    policy: str = "",
    known_by: tuple[str, ...] = (),
    fix: Fix | None = None,
) -> Finding:
    outside = span[0] < use[0] or span[1] > use[1]
    related = (source.location(*use),) if outside else ()
    line_text, line_column = source.line_around(span[0])
    text = source.text[slice(*span)]
    return Finding(
        message,
        source.location(*span),
        text,
        line_text,
        related,
        line_column=line_column,
        policy=policy,
        known_by=known_by,
        fix=fix,
    )
