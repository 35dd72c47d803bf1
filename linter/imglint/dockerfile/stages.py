"""A Dockerfile's facts: the images that its stages stand on and copy from, and the users they run as. Imports the model and the scanner.

What an instruction means is what BuildKit makes of it (github.com/moby/buildkit, frontend/dockerfile): which variables are in scope, what is a stage,
and what is refused. What another builder or frontend may know better is left alone.
"""

from __future__ import annotations

import re

from imglint.dockerfile.instructions import DEFAULT_ESCAPE, INSTRUCTIONS_MAX, WORD, Line, fields, flags, frontend, scan, words
from imglint.dockerfile.variables import BadSubstitution, Scope, UnresolvedVariable, Value, expand, given
from imglint.model import BASE, BUILD, FRONTEND, Comment, Fact, ImageUse, Problem, RunUser, image_use
from imglint.printable import NAME_MAX, clipped
from imglint.traced import Traced, literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imglint.model import Span
    from imglint.reference import ImageReference
    from imglint.source import Source

KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD"),
        *("RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)
PLATFORM_ARGUMENTS = frozenset(
    [side + what for side in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")] + ["TARGETSTAGE"]
)
NO_TRIGGERS = ("FROM", "MAINTAINER", "ONBUILD")
OWN_FRONTENDS = ("docker/dockerfile", "docker/dockerfile-upstream")
SCRATCH = "scratch"
TEMPLATE_MARKS = ("{{", "{%", "{#", "<%")
WINDOWS_WORDS = ("nanoserver", "servercore", "windows/server")
"""What the names of the images that Windows itself comes in, and of those that stand on them, say."""

IMAGES_MAX = 100_000
"""Stages, copies and mounts of one Dockerfile; what follows is not read, which is reported."""

CHOICES_MAX = 200
"""Named stages up to which those are sought that a FROM with an unknown variable can mean."""


def facts(
    source: Source,
    text: str,
    at: Callable[[int], int] | None = None,
    *,
    prefix: str = "",
    variables: Mapping[str, str] | None = None,
    targets: Sequence[str] | None = None,
) -> list[Fact]:
    """Return the facts of a Dockerfile.

    For a Dockerfile that stands inside another file, `at` tells where in the source the character at an index of the text stands, and the places in
    words begin with `prefix`. `variables` are values for build arguments and `targets` the stages that are shipped; the source's where left out.
    """
    build = _Build(source, at or _same, prefix, source.variables if variables is None else variables)
    return build.read(text, source.targets if targets is None else targets)


def begins_as_dockerfile(text: str, *, strict: bool) -> bool:
    """Whether a text begins as a Dockerfile: with ARG or FROM, whose first has an image; `strict` wants capitals, and instructions all through."""
    lines = scan(text, _same).lines if _first_word(text).upper() in ("FROM", "ARG") else []
    stages = [line for line in lines if line.keyword == "FROM"]
    if not stages or _stage_words(stages[0], flags(stages[0], DEFAULT_ESCAPE)[1])[2]:
        return False
    return not strict or all(line.keyword in KEYWORDS and line.text.startswith(line.keyword, line.begin) for line in lines)


def _first_word(text: str) -> str:
    """Return the first word that stands in no comment."""
    index = 0
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        word = WORD.search(text, index, end)
        if word is not None and not word[0].startswith("#"):
            return word[0]
        index = end + 1
    return ""


def _same(index: int) -> int:
    return index


class _Stage:
    """A build stage, and what it stands on: an image, nothing (`scratch`), or other stages, several where a variable chooses among them."""

    __slots__ = (
        "image",
        "inherited",
        "label",
        "lowest",
        "names_image",
        "parents",
        "settings",
        "shipped",
        "span",
        "user",
        "value",
    )

    def __init__(self, label: str, value: Value, span: Span) -> None:
        self.label, self.value, self.span = label[:NAME_MAX], value, span
        self.names_image = True
        self.parents: list[_Stage] = []
        self.lowest: _Stage | None = None
        self.settings: list[Line] = []
        self.user: tuple[Line, int] | None = None
        self.inherited: _Stage | None = None
        self.image: ImageUse | None = None
        self.shipped = False

    def stand_on(self, parents: list[_Stage]) -> None:
        """Take over what other stages have; where there are several, which of them is not known."""
        self.names_image, self.parents = False, parents
        only = parents[0] if len(parents) == 1 else None
        self.lowest = only and only.root
        self.inherited = only and only.decider

    @property
    def root(self) -> _Stage | None:
        """The stage that all of it stands on in the end, None where that is not known."""
        return self.lowest if self.parents else self

    @property
    def decider(self) -> _Stage | None:
        """The stage whose USER holds in this one."""
        return self if self.user else self.inherited


class _Build:
    """A Dockerfile that is being read."""

    def __init__(self, source: Source, at: Callable[[int], int], prefix: str, variables: Mapping[str, str]) -> None:
        self.source, self.at, self.prefix, self.variables = source, at, prefix, variables
        self.escape = ""
        self.arguments = Scope(lambda name: _predefined(name, variables))
        self.stages: list[_Stage] = []
        self.names: dict[str, _Stage] = {}
        self.copies: list[tuple[_Stage, str, Traced, bool]] = []
        self.problems: list[Problem] = []
        self.unread: list[Problem] = []

    def read(self, text: str, targets: Sequence[str]) -> list[Fact]:
        found: list[Fact] = []
        named = frontend(text)
        if named is not None:
            (start, end), is_dockerfile = named
            use = self._frontend(text[start:end], self.at(start))
            if not is_dockerfile:
                return [use]
            found.append(use)
        script = scan(text, self.at)
        self.escape = script.escape
        found += [Comment(self.source, span) for span in script.comments]
        self._follow(script.lines)
        self.problems += [Problem(self.source, span, message) for span, message in script.faults]
        if script.unread is not None:
            self._leave(script.unread, f"{INSTRUCTIONS_MAX} instructions")
        shipped = self._shipped(targets)
        found += self._bases()
        found += self._copied()
        found += self._users(shipped)
        if named is None or _is_buildkit(use):
            found += self.problems
        return found + self.unread

    def _frontend(self, text: str, start: int) -> ImageUse:
        span, where = (start, start + len(text)), f"{self.prefix}frontend"
        return image_use(self.source, literal(text, start), span, place="syntax", where=where, role=FRONTEND)

    def _follow(self, lines: list[Line]) -> None:
        """Obey the instructions in order."""
        early: Line | None = None
        was_known = True
        for line in lines:
            if self._is_full(line):
                break
            is_known = line.keyword in KEYWORDS
            if not is_known:
                if was_known:
                    self._unknown(line)
            elif self.stages or line.keyword in ("FROM", "ARG"):
                handler = _HANDLERS.get(line.keyword)
                if handler is not None:
                    handler(self, line)
            else:
                early = early or line
            was_known = is_known
        if any(line.keyword.startswith(TEMPLATE_MARKS) for line in lines):
            # Actions of a template may run over many lines, and give any of what seems to be missing.
            self.problems = []
        elif not self.stages:
            self._nothing(lines)
        elif early is not None:
            self._refuse(early, early.begin, early.start, f"{early.keyword} stands before the first FROM; only ARG may")

    def _is_full(self, line: Line) -> bool:
        """Whether there are as many images as may be; that is reported at the line then."""
        full = len(self.stages) + len(self.copies) >= IMAGES_MAX
        if full:
            self._leave(line.span(line.begin, line.start), f"{IMAGES_MAX} images")
        return full

    def _leave(self, span: Span, what: str) -> None:
        message = f"more than {what} in one Dockerfile; what follows was not read"
        self.unread = self.unread or [Problem(self.source, span, message, "unread-file")]

    def _refuse(self, line: Line, start: int, end: int, message: str) -> None:
        length = len(line.text[start:end].rstrip())
        self.problems.append(Problem(self.source, line.span(start, start + length), message))

    def _nothing(self, lines: list[Line]) -> None:
        """Say that there is no FROM, instead of all that follows from it."""
        self.problems = []
        if not lines:
            place = self.at(0)
            self.problems.append(
                Problem(self.source, (place, place), "this Dockerfile has no instructions; it begins with FROM IMAGE")
            )
        else:
            self._refuse(lines[0], lines[0].begin, lines[0].start, "this Dockerfile has no FROM: there is nothing to build")

    def _unknown(self, line: Line) -> None:
        name = clipped(line.text[line.begin : line.start].rstrip())
        message = f"there is no instruction {name}; if the line belongs to the one above, that has to end with {self.escape}"
        self._refuse(line, line.begin, line.start, message)

    def on_from(self, line: Line) -> None:
        spans, name, fault = _stage_words(line, flags(line, self.escape)[1])
        if fault is not None:
            self._refuse(line, *fault)
        if not spans:
            return
        value, inside = self._base(line, *spans[0], refused=fault is not None)
        stage = _Stage(name or str(len(self.stages)), value, line.span(*inside))
        if isinstance(value, Traced):
            parent = self.names.get(value.text.lower())
            if parent is not None:
                stage.stand_on([parent])
            elif value.text == SCRATCH:
                stage.names_image = False
        else:
            choices = self._choices(line.text[slice(*spans[0])])
            if choices:
                stage.stand_on(choices)
        self.stages.append(stage)
        if name:
            self.names[name] = stage

    def _base(self, line: Line, start: int, end: int, *, refused: bool) -> tuple[Value, Span]:
        """Return what a FROM names, and where that is written, without the quotes around it."""
        inside = _inside_quotes(line.text, start, end)
        if "{{" in line.text[start:end]:
            return UnresolvedVariable("this is filled in by a template"), inside
        try:
            return expand(line, start, end, self.escape, self.arguments), inside
        except BadSubstitution as error:
            if not refused:
                self._refuse(line, start, end, str(error))
            return UnresolvedVariable(str(error)), inside

    def _choices(self, written: str) -> list[_Stage]:
        """Return the stages that a name with variables can mean, such as build-amd64 and build-arm64 for build-$TARGETARCH."""
        if len(self.names) > CHOICES_MAX or len(written) > NAME_MAX:
            return []
        fixed = self._fixed(written)
        if len(fixed) < 2 or not any(char.isalnum() for part in fixed for char in part):
            return []
        least = sum(map(len, fixed)) + len(fixed) - 1
        return [
            stage
            for name, stage in self.names.items()
            if len(name) >= least
            and name.startswith(fixed[0])
            and name.endswith(fixed[-1])
            and all(part in name for part in fixed[1:-1])
        ]

    def _fixed(self, written: str) -> list[str]:
        """Return what stands between the variables of a name that have no value, in lower case and without quotes; the others are put in."""
        fixed, at = [""], 0
        for match in re.finditer(r"\$(?:\{([^}]*)\}|(\w+))", written):
            fixed[-1] += written[at : match.start()]
            at = match.end()
            value = self.arguments.get(match[1] or match[2] or "")
            if isinstance(value, Traced):
                fixed[-1] += value.text
            else:
                fixed.append("")
        fixed[-1] += written[at:]
        return [part.lower().strip("\"'") for part in fixed]

    def on_arg(self, line: Line) -> None:
        spans = words(line, self.escape)
        if not spans or any(line.text.startswith("=", start) for start, _ in spans):
            self._refuse(line, line.begin, line.stop, "ARG needs a name")
        if self.stages:
            self.stages[-1].settings.append(line)
        else:
            self._declare(line, self.arguments)

    def _declare(self, line: Line, scope: Scope) -> None:
        """Take the variables of an ARG into a scope."""
        for start, end in words(line, self.escape):
            name, equals, _ = line.text[start:end].partition("=")
            if name in self.variables:
                scope.values[name] = given(self.variables[name])
            elif equals:
                scope.values[name] = self._expanded(line, start + len(name) + 1, end, scope)
            elif scope is not self.arguments:
                inherited = self.arguments.get(name)
                if inherited is not None or name not in scope.values:
                    scope.values[name] = inherited
            elif name not in PLATFORM_ARGUMENTS:
                scope.values.setdefault(name, None)

    def _expanded(self, line: Line, start: int, end: int, scope: Scope) -> Value:
        try:
            return expand(line, start, end, self.escape, scope)
        except BadSubstitution as error:
            return UnresolvedVariable(str(error))

    def on_env(self, line: Line) -> None:
        self.stages[-1].settings.append(line)
        self.on_label(line)

    def on_label(self, line: Line) -> None:
        written = line.text[line.start : line.stop]
        if '"' in written or "'" in written or self.escape in written:
            return
        parts = written.split()
        if len(parts) < 2 and "=" not in written:
            self._refuse(line, line.begin, line.stop, f"{line.keyword} needs a name and a value: {line.keyword} NAME=VALUE")
        elif "=" in parts[0] and not all("=" in part for part in parts):
            self._refuse(line, line.start, line.stop, f"{line.keyword} takes NAME=VALUE pairs; quote a value that has blanks")

    def _set(self, line: Line, scope: Scope) -> None:
        """Take the variables of an ENV into a scope; all its values are from before it."""
        text, spans = line.text, words(line, self.escape)
        if not spans:
            return
        first_name, equals, _ = text[slice(*spans[0])].partition("=")
        if not equals:
            value = WORD.search(text, spans[0][1], line.stop)
            if value is not None:
                scope.values[first_name] = self._expanded(line, value.start(), line.stop, scope)
            return
        before: dict[str, Value | None] = {}
        for start, end in spans:
            name = text[start:end].partition("=")[0]
            before[name] = self._expanded(line, min(start + len(name) + 1, end), end, scope)
        scope.values.update(before)

    def on_user(self, line: Line) -> None:
        stage = self.stages[-1]
        if line.start == line.stop:
            self._refuse(line, line.begin, line.stop, "USER needs a name or a number")
        else:
            stage.user = (line, len(stage.settings))

    def on_copy(self, line: Line, on_build: bool = False) -> None:
        given_flags, start = flags(line, self.escape)
        source = WORD.search(line.text, start, line.stop)
        if source is None or (source.end() == line.stop and not source[0].startswith("[")):
            self._refuse(line, line.begin, line.stop, f"{line.keyword} needs a source and a destination")
        for flag in given_flags:
            text = flag.text
            if line.keyword == "COPY" and text.startswith("--from=") and len(text) > 7:
                self.copies.append((self.stages[-1], "copy-from", flag.cut(7, len(text)), on_build))

    def on_run(self, line: Line, on_build: bool = False) -> None:
        for flag in flags(line, self.escape)[0]:
            text = flag.text
            if not text.startswith("--mount="):
                continue
            if self._is_full(line):
                break
            source: Span | None = None
            for start, end in fields(text[8:]):
                key, _, value = text[8 + start : 8 + end].partition("=")
                if key.lower() == "from":
                    source = (8 + end - len(value), 8 + end) if value else None
            if source is not None:
                self.copies.append((self.stages[-1], "mount-from", flag.cut(*source), on_build))

    def on_onbuild(self, line: Line) -> None:
        trigger = line.inner()
        if trigger.keyword in NO_TRIGGERS or trigger.keyword not in KEYWORDS:
            name = clipped(trigger.keyword)
            self._refuse(line, line.begin, line.stop, f"{name} cannot follow ONBUILD" if name else "ONBUILD needs an instruction")
        elif trigger.keyword == "COPY":
            self.on_copy(trigger, on_build=True)
        elif trigger.keyword == "RUN":
            self.on_run(trigger, on_build=True)

    # What follows once all stages are known

    def _shipped(self, targets: Sequence[str]) -> list[_Stage]:
        """Return the stages that are shipped, and mark them and all that they stand on."""
        wanted = [self.names[name.lower()] for name in targets if name.lower() in self.names]
        shipped = list(dict.fromkeys(wanted)) or self.stages[-1:]
        waiting = list(shipped)
        while waiting:
            stage = waiting.pop()
            if not stage.shipped:
                stage.shipped = True
                waiting += stage.parents
        return shipped

    def _bases(self) -> Iterator[ImageUse]:
        for stage in self.stages:
            if stage.names_image:
                stage.image = self._use(stage, stage.value, stage.span, "from", BASE if stage.shipped else BUILD)
                yield stage.image

    def _copied(self) -> Iterator[ImageUse]:
        for stage, place, written, on_build in self.copies:
            text = written.text
            span = written.span(0, len(text))
            number = int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None
            if text.lower() in self.names or text == SCRATCH:
                continue
            if number is not None and (place == "copy-from" or number < len(self.stages)):
                if number >= len(self.stages) and not on_build:
                    message = f"there is no stage {number}: the stages are 0 to {len(self.stages) - 1}"
                    self.problems.append(Problem(self.source, span, message))
                continue
            value = (
                UnresolvedVariable("BuildKit resolves no variable here: name a stage with FROM ... AS and take from that")
                if "$" in text
                else written
            )
            yield self._use(stage, value, span, place, BUILD)

    def _use(self, stage: _Stage, value: Value, span: Span, place: str, role: str) -> ImageUse:
        written, unresolved = (None, value.message) if isinstance(value, UnresolvedVariable) else (value, "")
        where = f"{self.prefix}stage {stage.label}"
        return image_use(self.source, written, span, place=place, where=where, role=role, unresolved=unresolved)

    def _users(self, shipped: list[_Stage]) -> Iterator[RunUser]:
        """Tell who each shipped stage runs as, once for every place that decides it."""
        seen: set[Span] = set()
        for stage in shipped:
            user = self._run_user(stage)
            if user.span not in seen:
                seen.add(user.span)
                yield user

    def _run_user(self, stage: _Stage) -> RunUser:
        image = stage.root.image if stage.root else None
        where = f"{self.prefix}stage {stage.label}"
        decider = stage.decider
        if decider is not None and decider.user is not None:
            line, count = decider.user
            span = line.span(*_inside_quotes(line.text, line.start, line.stop))
            value = self._expanded(line, line.start, line.stop, self._scope(decider, count))
            if isinstance(value, UnresolvedVariable):
                return RunUser(self.source, span, "user", where, None, known=False, image=image)
            # An empty name takes back the base's user, which leaves root.
            return RunUser(self.source, span, "user", where, value.text or "root", image=image)
        root = stage.root
        base = image.reference if image else None
        known = root is not None and (base is not None or not root.names_image) and not _is_windows(base)
        span = (root or stage).span
        whole = image.parts.get("whole", span) if image else span
        if not span[0] <= whole[0] <= whole[1] <= span[1]:
            span = whole
        return RunUser(self.source, span, "user", where, None, known=known, base=base, image=image)

    def _scope(self, stage: _Stage, count: int) -> Scope:
        """Return the variables after the first `count` ARG and ENV of a stage, with those of the stages that it stands on."""
        scope = Scope(lambda name: UnresolvedVariable(f"{name} is not set in this file; the base image may set it"))
        settings = [stage.settings[:count]]
        while len(stage.parents) == 1:
            stage = stage.parents[0]
            settings.append(stage.settings)
        for lines in reversed(settings):
            for line in lines:
                if line.keyword == "ARG":
                    self._declare(line, scope)
                else:
                    self._set(line, scope)
        return scope


def _predefined(name: str, variables: Mapping[str, str]) -> Value | None:
    """Return what is known of a variable that no ARG before the first FROM declares."""
    if name not in PLATFORM_ARGUMENTS:
        return None
    if name in variables:
        return given(variables[name])
    return UnresolvedVariable(f"{name} depends on what is built; set it under variables in the policy to have it resolved")


_HANDLERS: dict[str, Callable[[_Build, Line], None]] = {
    "ADD": _Build.on_copy,
    "ARG": _Build.on_arg,
    "COPY": _Build.on_copy,
    "ENV": _Build.on_env,
    "FROM": _Build.on_from,
    "LABEL": _Build.on_label,
    "ONBUILD": _Build.on_onbuild,
    "RUN": _Build.on_run,
    "USER": _Build.on_user,
}


def _is_buildkit(frontend_use: ImageUse) -> bool:
    """Whether a frontend is BuildKit's own, so that it is known what it refuses."""
    reference = frontend_use.reference
    return reference is not None and reference.repository.endswith(OWN_FRONTENDS)


def _is_windows(base: ImageReference | None) -> bool:
    """Whether an image is of Windows by its name: there is no root there, and who a container runs as differs from base to base."""
    return base is not None and any(word in f"{base.repository}:{base.tag or ''}" for word in WINDOWS_WORDS)


def _stage_words(line: Line, start: int) -> tuple[list[Span], str, tuple[int, int, str] | None]:
    """Return the words of a FROM after its flags, the stage's name in lower case if it has one, and what is wrong from where to where."""
    spans = [word.span() for word in WORD.finditer(line.text, start, line.stop)]
    if not spans:
        return spans, "", (line.begin, line.stop, "FROM needs an image")
    if len(spans) > 1 and "{{" in line.text[start : line.stop]:
        return _templated(line.text, spans)
    if len(spans) == 1:
        return spans, "", None
    if len(spans) == 3 and line.text[slice(*spans[1])].lower() == "as":
        name = line.text[slice(*spans[2])].lower()
        if _is_stage_name(name):
            return spans, name, None
        return spans, "", (*spans[2], "a stage's name begins with a letter and has only letters, digits, '-', '_' and '.'")
    rest = spans[1][0], spans[-1][1]
    if line.text.startswith("#", rest[0]):
        return spans, "", (*rest, "a comment stands on a line of its own")
    return spans, "", (*rest, "FROM takes an image, or IMAGE AS NAME, and nothing else")


def _templated(text: str, spans: list[Span]) -> tuple[list[Span], str, None]:
    """Read the words of a FROM in which a template writes, blanks and all."""
    if len(spans) > 2 and text[slice(*spans[-2])].lower() == "as":
        name = text[slice(*spans[-1])].lower()
        return [(spans[0][0], spans[-3][1])], name if _is_stage_name(name) else "", None
    return [(spans[0][0], spans[-1][1])], "", None


def _is_stage_name(name: str) -> bool:
    return "a" <= name[0] <= "z" and not name.strip("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def _inside_quotes(text: str, start: int, end: int) -> Span:
    """Return the stretch of a word without the quotes around all of it."""
    if end - start > 2 and text[start] == text[end - 1] and text[start] in "'\"":
        return start + 1, end - 1
    return start, end
