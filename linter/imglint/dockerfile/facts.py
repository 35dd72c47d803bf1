"""Read the facts of a Dockerfile: the images that its stages use, and the users that its shipped stages run as."""

from __future__ import annotations

import re

from imglint.dockerfile.instructions import find_frontend, parse_dockerfile
from imglint.dockerfile.stages import Build, is_reference
from imglint.dockerfile.variables import UnresolvedVariable
from imglint.model import BASE, BUILD, FRONTEND, USER, Comment, ImageUse, Problem, RunUser, image_use
from imglint.records import replace
from imglint.traced import Traced, literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.dockerfile.instructions import ParsedDockerfile
    from imglint.dockerfile.stages import Stage
    from imglint.dockerfile.variables import Value
    from imglint.model import Fact, Span
    from imglint.reference import ImageReference
    from imglint.source import Source

BUILDKIT_FRONTENDS = ("docker/dockerfile", "docker/dockerfile-upstream")
WINDOWS_NAMES = ("nanoserver", "servercore", "windows/server")
"""Parts of the names of Windows images and of the images based on them."""
WINDOWS_FOLDERS = ("mcr.microsoft.com/windows/", "mcr.microsoft.com/dotnet/framework/")
"""Folders of a registry with Windows images only."""

_FRAGMENT_NAME = r"^(?:docker|container)file\.|\.(?:docker|container)file$"
"""The names of files that may be parts of a Dockerfile. A file without more of a name is a whole one."""

EARLIER_MAX = 524_288
"""Characters of a Dockerfile to read as earlier releases of BuildKit do, counted once for each. With more, the file is reported."""


def read_dockerfile(source: Source, *, prefix: str = "") -> list[Fact]:
    """Return the facts of a Dockerfile.

    `prefix` starts the `where` of each fact, for a Dockerfile that is part of another file.
    """
    found: list[Fact] = []
    reports_errors = True
    frontend = find_frontend(source.text)
    if frontend is not None:
        use = _frontend_use(source, frontend.span, prefix)
        found.append(use)
        if not frontend.is_dockerfile:
            return found
        # Other frontends may accept what BuildKit rejects.
        reports_errors = _is_buildkit(use)
    parsed = parse_dockerfile(source.text)
    build, facts = _read(source, parsed, prefix)
    found += [Comment(source, span) for span in parsed.comments]
    found += facts
    if parsed.changes:
        found += _facts_of_earlier_releases(source, parsed.changes, found, prefix)
    if reports_errors and not build.fragment:
        found += [Problem(source, span, message) for span, message in (*parsed.errors, *build.errors)]
    found += [
        Problem(source, span, message, "unread-file")
        for span, message in (*build.unread, *([parsed.unread] if parsed.unread else []))
    ]
    return found


def _read(source: Source, parsed: ParsedDockerfile, prefix: str) -> tuple[Build, list[Fact]]:
    build = Build(parsed, source.variables)
    build.interpret(parsed.instructions)
    if build.has_from or not re.search(_FRAGMENT_NAME, source.name, re.IGNORECASE):
        return build, list(_StageFacts(source, prefix, build).read())
    fragment = Build(parsed, source.variables, fragment=True)
    fragment.interpret(parsed.instructions)
    return fragment, list(_StageFacts(source, prefix, fragment).copied_images())


def _facts_of_earlier_releases(source: Source, changes: set[int], found: list[Fact], prefix: str) -> Iterator[ImageUse | Problem]:
    """Yield the images that earlier releases of BuildKit take from a file that they read differently.

    `changes` are the releases that changed how this file is read. An earlier release that rejects the file takes nothing.
    """
    seen = {(fact.span, str(fact.reference)) for fact in found if isinstance(fact, ImageUse)}
    read: set[int] = set()
    while waiting := changes - read:
        release = max(waiting)
        read.add(release)
        if len(read) * len(source.text) > EARLIER_MAX:
            message = f"releases of BuildKit differ on this Dockerfile, which has more than {EARLIER_MAX // len(read)} characters to compare"
            yield Problem(source, (0, 0), message, "unread-file")
            return
        parsed = parse_dockerfile(source.text, release - 1)
        changes |= {change for change in parsed.changes if change < release}
        build, facts = _read(source, parsed, prefix)
        if parsed.errors or build.errors:
            continue
        for fact in facts:
            if isinstance(fact, ImageUse) and (fact.span, str(fact.reference)) not in seen:
                seen.add((fact.span, str(fact.reference)))
                yield fact
        yield from _unread(source, parsed, build)


def _unread(source: Source, parsed: ParsedDockerfile, build: Build) -> Iterator[Problem]:
    for span, message in (*build.unread, *([parsed.unread] if parsed.unread else [])):
        yield Problem(source, span, message, "unread-file")


def _frontend_use(source: Source, span: Span, prefix: str) -> ImageUse:
    text = literal(source.text[slice(*span)], span[0])
    return image_use(source, text, span, place="syntax", where=f"{prefix}frontend", role=FRONTEND)


def _is_buildkit(frontend: ImageUse) -> bool:
    reference = frontend.reference
    return reference is not None and reference.repository.endswith(BUILDKIT_FRONTENDS)


class _StageFacts:
    """Makes facts of the stages and copies of a Dockerfile."""

    def __init__(self, source: Source, prefix: str, build: Build) -> None:
        self.source, self.prefix, self.build = source, prefix, build
        self.images: dict[Stage, ImageUse] = {}

    def read(self) -> Iterator[Fact]:
        shipped = self.build.shipped_stages(self.source.targets)
        yield from self.base_images()
        yield from self.copied_images()
        yield from self.users(shipped)

    def base_images(self) -> Iterator[ImageUse]:
        for stage in self.build.stages:
            if stage.uses_image:
                use = self.use(stage, stage.base, stage.base_span, "from", BASE if stage.shipped else BUILD)
                self.images[stage] = use
                yield use

    def copied_images(self) -> Iterator[ImageUse]:
        for copy, value in self.build.copied_images():
            span = copy.source.span(0, len(copy.source.text))
            yield self.use(copy.stage, value, span, copy.place, BUILD)

    def use(self, stage: Stage, value: Value, span: Span, place: str, role: str) -> ImageUse:
        written: Traced | None
        if isinstance(value, UnresolvedVariable):
            written, unresolved, over_limit = None if value.over_limit else _known(value), value.message, value.over_limit
        else:
            written, unresolved, over_limit = value, "", False
        where = self.where(stage)
        more = {"platform": stage.platform} if place == "from" and stage.platform else {}
        return image_use(
            self.source, written, span, place=place, where=where, role=role, unresolved=unresolved, over_limit=over_limit, **more
        )

    def where(self, stage: Stage) -> str:
        return f"{self.prefix}stage {stage.label}" if stage.label else f"{self.prefix}fragment"

    def users(self, shipped: list[Stage]) -> Iterator[RunUser]:
        """Yield the user of each shipped stage. A place that sets the user of several stages is yielded once."""
        users: dict[Span, RunUser] = {}
        for stage in shipped:
            user = self.run_user(stage)
            # One line cannot set the user of several stages.
            users[user.span] = replace(users[user.span], insertion=None) if user.span in users else user
        yield from users.values()

    def run_user(self, stage: Stage) -> RunUser:
        image = self.images.get(stage.root) if stage.root else None
        found = self.build.user_of(stage)
        if found is None:
            return self.base_user(stage, image)
        span, value = found
        base = image.reference if image is not None and _is_windows(image.reference) else None
        known = base is None and not isinstance(value, UnresolvedVariable)
        # An empty name resets the user of the base image to root.
        user = None if isinstance(value, UnresolvedVariable) else value.text or "root"
        return RunUser(self.source, span, USER, self.where(stage), user, known=known, base=base, image=image)

    def base_user(self, stage: Stage, image: ImageUse | None) -> RunUser:
        """Return the user of a stage without USER, which is that of its base image."""
        root = stage.root
        base = image.reference if image else None
        known = root is not None and not _is_windows(base)
        span = (root or stage).base_span
        whole = image.parts.get("whole", span) if image else span
        if not span[0] <= whole[0] <= whole[1] <= span[1]:
            span = whole
        place = self.insertion(stage)
        return RunUser(self.source, span, USER, self.where(stage), None, known=known, base=base, image=image, insertion=place)

    def insertion(self, stage: Stage) -> tuple[int, str] | None:
        """Return where a USER can be added to a stage, with the line break and the indentation in front of it."""
        last, text = self.build.end_of(stage), self.source.text
        if last is None or last.next_line < 0:
            return None
        start = last.offset(last.start)
        indentation = text[text.rfind("\n", 0, start) + 1 : start]
        has_break = last.next_line <= len(text)
        line_break = last.next_line - 1 if has_break else text.find("\n")
        is_crlf = line_break > 0 and text[line_break - 1] == "\r"
        end = line_break if has_break else len(text)
        while text[end - 1] == "\r":
            end -= 1
        return (end, ("\r\n" if is_crlf else "\n") + indentation) if not indentation.strip() else None


def _known(value: UnresolvedVariable) -> Traced | None:
    """Return what is known of an unresolved text. Undeclared variables are empty texts if that gives a valid reference."""
    if value.text is None or not value.undeclared:
        return value.text
    whole = Traced(tuple([piece for piece in value.text.pieces if piece.known]))
    return whole if is_reference(whole.text) else value.text


def _is_windows(base: ImageReference | None) -> bool:
    """Whether the name of an image is that of a Windows image. Windows has no root, and the default user depends on the base image."""
    if base is None:
        return False
    return f"{base.name}/".startswith(WINDOWS_FOLDERS) or any(
        name in f"{base.repository}:{base.tag or ''}" for name in WINDOWS_NAMES
    )
