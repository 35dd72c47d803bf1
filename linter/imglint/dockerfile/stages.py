"""Interpret the instructions of a Dockerfile: its build stages, the sources they copy from, and the users they set.

Variable scopes, stage names and syntax errors follow BuildKit (github.com/moby/buildkit, frontend/dockerfile). `facts` turns the result into facts.
"""

from __future__ import annotations

import re

from imglint.dockerfile.instructions import FLAG_MAX, csv_fields, operands_start, split_flags, split_words
from imglint.dockerfile.spaces import SPACE, WORD, field
from imglint.dockerfile.variables import (
    PIECES_MAX,
    STEPS_MAX,
    VALUE_MAX,
    BadSubstitution,
    Budget,
    Scope,
    TooManySteps,
    UnresolvedVariable,
    expand,
    given,
)
from imglint.printable import NAME_MAX, clipped
from imglint.records import record
from imglint.traced import Traced, joined, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imglint.dockerfile.instructions import Flag, Instruction, ParsedDockerfile, Span
    from imglint.dockerfile.variables import Value

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
SCRATCH = "scratch"
TEMPLATE_MARKS = ("{{", "{%", "{#", "<%")
# Compiled when they are first used (the re module keeps them): few files are templates.
_TEMPLATE = r"\{\{[^{}]*\}\}"
_BEFORE_KEYWORD = r"(?:[^{}]*\}\})?(?:\s*+\{\{[^{}]*\}\})*+\s*+"
"""The end of a template action and whole actions, which may precede an instruction on its line."""
_ACTION = r"\{\{(?:[^}]|\}(?!\}))*+(?:\}\}|\Z)|\{%(?:[^%]|%(?!\}))*+(?:%\}|\Z)"
"""A template action. One without an end goes on in the lines below."""
_CONTROL = r"\{(?:%|\{[-~]?\s*+(?:(?:if|else|elif|end|endif|for|endfor|range|with|set)\b|[#!/^]))"
"""The beginning of an action that is replaced by nothing itself."""

IMAGES_MAX = 20_000
"""Stages, copies and mounts of one Dockerfile. Reading stops there and the file is reported."""

CHOICES_MAX = 200
"""Named stages of a Dockerfile. With more, a FROM with an unknown variable is not matched against their names."""


STEPS_EXCEEDED = f"more than {STEPS_MAX} steps to resolve the variables of this Dockerfile; the rest was not read"


class Stage:
    """A build stage.

    `base` is the operand of FROM with variables resolved, `base_span` its place in the file. If `uses_image` is False, the stage is based on
    `scratch` or on the stages in `parents`; there are several if an unknown variable selects one of them. `platform` is that of the flag `--platform`,
    empty if there is none or if it depends on the build.
    """

    __slots__ = (
        "_inherited_root",
        "_inherited_user",
        "base",
        "base_span",
        "has_unknown",
        "is_base",
        "label",
        "last",
        "parents",
        "platform",
        "settings",
        "shipped",
        "user",
        "uses_image",
    )

    def __init__(self, label: str, base: Value, base_span: Span) -> None:
        self.label, self.base, self.base_span = label[:NAME_MAX], base, base_span
        self.platform = ""
        self.uses_image = True
        self.shipped = False
        self.parents: list[Stage] = []
        self.last: Instruction | None = None
        """Its last instruction."""
        self.is_base = self.has_unknown = False
        """Whether other stages derive from it, and whether it has a line that is no instruction, such as an action of a template."""
        self.settings: list[Instruction] = []
        """Its ARG and ENV instructions."""
        self.user: tuple[Instruction, int] | None = None
        """Its last USER, and the number of settings before that."""
        self._inherited_root: Stage | None = None
        self._inherited_user: Stage | None = None

    def derive_from(self, parents: list[Stage]) -> None:
        """Make other stages the parents. With several, nothing is inherited because it is unknown which one is used."""
        self.uses_image, self.parents = False, parents
        for parent in parents:
            parent.is_base = True
        if len(parents) == 1:
            self._inherited_root, self._inherited_user = parents[0].root, parents[0].user_stage

    @property
    def root(self) -> Stage | None:
        """The stage at the start of the chain of parents, or None if it is unknown."""
        return self._inherited_root if self.parents else self

    @property
    def user_stage(self) -> Stage | None:
        """The stage whose USER applies to this one, or None."""
        return self if self.user else self._inherited_user


@record
class Copy:
    """A `COPY --from` or `RUN --mount=from` in a stage. `place` is the kind of place, `in_trigger` is True below ONBUILD."""

    stage: Stage
    place: str
    source: Traced
    in_trigger: bool


class Build:
    """The stages and copies of a Dockerfile, and what BuildKit rejects in it.

    `names` maps lower-case names to the last stage with that name. `unread` has the places that were not read because of a limit, and the messages.
    A `fragment` has no FROM: it is a part of a Dockerfile that another program assembles. Its instructions belong to a stage that is not known.
    """

    def __init__(self, parsed: ParsedDockerfile, variables: Mapping[str, str], *, fragment: bool = False) -> None:
        self.escape, self.flag_escape, self.variables = parsed.escape, parsed.flag_escape, variables
        self.budget = Budget()
        self.arguments = Scope(lambda name: _platform_argument(name, variables), self.budget)
        self.fragment = fragment
        self.stages: list[Stage] = [Stage("", UnresolvedVariable(""), (0, 0))] if fragment else []
        self.has_from = False
        self.names: dict[str, Stage] = {}
        self.copies: list[Copy] = []
        self.errors: list[tuple[Span, str]] = []
        self.unread: list[tuple[Span, str]] = []
        self._is_full = False

    def interpret(self, instructions: list[Instruction]) -> None:
        """Interpret the instructions in order."""
        misplaced: Instruction | None = None
        follows_unknown = False
        for line in instructions:
            instruction = line
            is_unknown = line.keyword not in KEYWORDS
            if is_unknown:
                if not follows_unknown:
                    self._unknown_instruction(line)
                instruction = _behind_actions(line)
                self._note_unknown()
            keyword = instruction.keyword
            follows_unknown = keyword not in KEYWORDS
            if follows_unknown:
                continue
            if self.stages or keyword in ("FROM", "ARG"):
                handler = _HANDLERS.get(keyword)
                if handler is not None:
                    try:
                        handler(self, instruction)
                    except TooManySteps:
                        self._stop(instruction, STEPS_EXCEEDED)
                    if self._is_full:
                        break
                if self.stages:
                    self.stages[-1].last = line
                    if is_unknown:
                        self._note_unknown()
            elif misplaced is None:
                misplaced = instruction
        self._check_structure(instructions, misplaced)

    def _note_unknown(self) -> None:
        if self.stages:
            self.stages[-1].has_unknown = True

    def _check_structure(self, instructions: list[Instruction], misplaced: Instruction | None) -> None:
        """Report a missing FROM or an instruction before it. A missing FROM replaces the errors that follow from it."""
        if any(instruction.keyword.startswith(TEMPLATE_MARKS) for instruction in instructions):
            # Template actions can span lines and produce whatever seems to be missing.
            self.errors = []
        elif not instructions:
            self.errors = [((0, 0), "Dockerfile has no instructions; start with `FROM image`")]
        elif not self.stages:
            self.errors = []
            self._keyword_error(instructions[0], "Dockerfile has no FROM instruction; add `FROM image`")
        elif misplaced is not None:
            self._keyword_error(misplaced, f"{misplaced.keyword} before the first FROM; only ARG is allowed there")

    def _error(self, instruction: Instruction, start: int, end: int, message: str) -> None:
        length = len(instruction.text[start:end].rstrip(SPACE))
        self.errors.append((instruction.span(start, start + length), message))

    def _keyword_error(self, instruction: Instruction, message: str) -> None:
        self._error(instruction, instruction.start, instruction.arguments_start, message)

    def _instruction_error(self, instruction: Instruction, message: str) -> None:
        self._error(instruction, instruction.start, instruction.end, message)

    def _unknown_instruction(self, instruction: Instruction) -> None:
        name = clipped(instruction.text[instruction.start : instruction.arguments_start].rstrip(SPACE))
        message = f"unknown instruction {name}; end the line above with {self.escape} if this line continues it"
        self._keyword_error(instruction, message)

    def _has_room(self, instruction: Instruction) -> bool:
        """Whether the instruction can name another image. If IMAGES_MAX is reached, stop reading there."""
        if len(self.stages) + len(self.copies) == IMAGES_MAX and not self._is_full:
            self._stop(instruction, f"more than {IMAGES_MAX} images in this Dockerfile; the rest was not read")
        return not self._is_full

    def _stop(self, instruction: Instruction, message: str) -> None:
        """Stop reading at an instruction because of a limit."""
        self._is_full = True
        self.unread.append((instruction.span(instruction.start, instruction.arguments_start), message))

    # Stages

    def on_from(self, instruction: Instruction) -> None:
        """Start a stage."""
        self.has_from = True
        image, name, error = split_from(instruction, self._behind_flags(instruction))
        if error is not None:
            self._error(instruction, *error)
        if image is None or not self._has_room(instruction):
            return
        base = self._base(instruction, *image, report_error=error is None)
        stage = Stage(name or str(len(self.stages)), base, instruction.span(*_inside_quotes(instruction.text, *image)))
        stage.platform = self._platform(instruction)
        if isinstance(base, Traced):
            parent = self.names.get(base.text.lower())
            if parent is not None:
                stage.derive_from([parent])
            elif base.text == SCRATCH:
                stage.uses_image = False
        elif not base.over_limit and (parents := self._possible_stages(instruction.text[slice(*image)])):
            stage.derive_from(parents)
        self.stages.append(stage)
        if name:
            self.names[name] = stage

    def _behind_flags(self, instruction: Instruction) -> int:
        """Return the index of the text after the flags. Actions of a template in a flag can contain spaces."""
        text, start, end = instruction.text, split_flags(instruction, self.flag_escape)[1], instruction.end
        if _is_open(text, instruction.flags_start, start):
            following = WORD.search(text, _end_of_word(text, start, end, is_open=True), end)
            return following.start() if following else end
        return start

    def _platform(self, instruction: Instruction) -> str:
        """Return the platform that a FROM asks for; empty if it asks for none, or if the platform depends on the build. The last flag wins."""
        name = "--platform="
        platform = ""
        for flag in split_flags(instruction, self.flag_escape)[0] if name in instruction.text else ():
            if flag.value is None or not flag.value.text.startswith(name):
                continue
            from imglint.registry.platforms import normalized

            try:
                value = expand(instruction, flag.indices[0] + len(name), flag.indices[1], self.escape, self.arguments)
            except BadSubstitution:
                return ""
            platform = normalized(value.text) if isinstance(value, Traced) else ""
        return platform

    def _base(self, instruction: Instruction, start: int, end: int, *, report_error: bool) -> Value:
        """Return the operand of a FROM with variables resolved."""
        if "{{" in instruction.text[start:end]:
            return _templated(instruction.cut(start, end, instruction.offset(start)))
        try:
            return expand(instruction, start, end, self.escape, self.arguments)
        except BadSubstitution as error:
            if report_error:
                self._error(instruction, start, end, str(error))
            return UnresolvedVariable(str(error))

    def _possible_stages(self, written: str) -> list[Stage]:
        """Return the stages that a name with unknown variables can mean: build-amd64 and build-arm64 for build-$TARGETARCH.

        A name that can also mean an image, if its variables are empty, is not one of a stage.
        """
        if len(self.names) > CHOICES_MAX or len(written) > NAME_MAX:
            return []
        first, *rest = self._known_parts(written)
        if not rest or not any(char.isalnum() for part in (first, *rest) for char in part):
            return []
        if _can_be_empty(written) and (name := first + "".join(rest)) not in self.names and is_reference(name):
            return []
        *inner, last = rest
        shortest = len(first) + sum(map(len, rest)) + len(rest)
        self.budget.spend(len(self.names))
        return [
            stage
            for name, stage in self.names.items()
            if len(name) >= shortest and name.startswith(first) and name.endswith(last) and all(part in name for part in inner)
        ]

    def _known_parts(self, written: str) -> list[str]:
        """Split a name at its unknown variables. Known ones are replaced by their values; the parts are in lower case and without quotes."""
        parts, end = [""], 0
        for match in re.finditer(r"\$(?:\{([^}]*)\}|(\w+))", written):
            parts[-1] += written[end : match.start()]
            end = match.end()
            value = self.arguments.get(match[1] or match[2] or "")
            if isinstance(value, Traced):
                parts[-1] += value.text
            else:
                parts.append("")
        parts[-1] += written[end:]
        return [part.lower().strip("\"'") for part in parts]

    def shipped_stages(self, targets: Sequence[str]) -> list[Stage]:
        """Return the stages that `targets` name, or the last stage if there are none. Mark them and all stages they derive from as shipped."""
        wanted = [self.names[name.lower()] for name in targets if name.lower() in self.names]
        found = list(dict.fromkeys(wanted)) or self.stages[-1:]
        waiting = list(found)
        while waiting:
            stage = waiting.pop()
            if not stage.shipped:
                stage.shipped = True
                waiting += stage.parents
        return found

    # Copies

    def on_add(self, instruction: Instruction) -> None:
        """Check the operands of an ADD."""
        self._check_operands(instruction, operands_start(instruction, self.flag_escape))

    def on_copy(self, instruction: Instruction, in_trigger: bool = False) -> None:
        """Note the source of a COPY."""
        flags, operands = split_flags(instruction, self.flag_escape)
        self._check_operands(instruction, operands)
        for flag, value in self._read_flags(instruction, flags):
            text = value.text
            if text.startswith("--from=") and len(text) > 7:
                self._add_copy(instruction, flag, "copy-from", value.cut(7, len(text)), in_trigger)

    def on_run(self, instruction: Instruction, in_trigger: bool = False) -> None:
        """Note the sources of the mounts of a RUN. The last `from` of a mount wins."""
        for flag, value in self._read_flags(instruction, split_flags(instruction, self.flag_escape)[0]):
            text = value.text
            if not text.startswith("--mount="):
                continue
            source: Span | None = None
            for start, end in csv_fields(text[8:]):
                key, _, name = text[8 + start : 8 + end].partition("=")
                if key.lower() == "from":
                    source = (8 + end - len(name), 8 + end) if name else None
            if source is not None:
                self._add_copy(instruction, flag, "mount-from", value.cut(*source), in_trigger)

    def _read_flags(self, instruction: Instruction, flags: list[Flag]) -> Iterator[tuple[Flag, Traced]]:
        """Yield the flags and their values. Flags over FLAG_MAX are reported."""
        for flag in flags:
            if flag.value is None:
                message = f"flag has quotes or escapes and more than {FLAG_MAX} characters; it was not read"
                self.unread.append((instruction.span(*flag.indices), message))
            else:
                yield flag, flag.value

    def on_onbuild(self, instruction: Instruction) -> None:
        """Note the sources of a COPY or RUN that later builds execute."""
        trigger = instruction.part(operands_start(instruction, self.flag_escape))
        if not trigger.keyword:
            self._instruction_error(instruction, "ONBUILD requires an instruction")
        elif trigger.keyword in NO_TRIGGERS or trigger.keyword not in KEYWORDS:
            self._instruction_error(instruction, f"{clipped(trigger.keyword)} is not allowed after ONBUILD")
        elif trigger.keyword == "COPY":
            self.on_copy(trigger, in_trigger=True)
        elif trigger.keyword == "RUN":
            self.on_run(trigger, in_trigger=True)

    def _check_operands(self, instruction: Instruction, start: int) -> None:
        source = WORD.search(instruction.text, start, instruction.end)
        if source is None or (source.end() == instruction.end and not source[0].startswith("[")):
            self._instruction_error(instruction, f"{instruction.keyword} requires a source and a destination")

    def _add_copy(self, instruction: Instruction, flag: Flag, place: str, source: Traced, in_trigger: bool) -> None:
        source = _with_action(instruction, flag, source)
        if len(source.pieces) > PIECES_MAX:
            self.unread.append((instruction.span(*flag.indices), f"name of the image has more than {PIECES_MAX} pieces"))
        elif self._has_room(instruction):
            self.copies.append(Copy(self.stages[-1], place, source, in_trigger))

    def copied_images(self) -> Iterator[tuple[Copy, Value]]:
        """Yield the copies from images, rather than from stages, with the image that each one names."""
        count = len(self.stages)
        for copy in self.copies:
            text = copy.source.text
            if text.lower() in self.names or text == SCRATCH or (self.fragment and _is_stage_name(text)):
                continue
            number = int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None
            if number is not None and copy.place == "copy-from":
                if number >= count and not copy.in_trigger:
                    span = copy.source.span(0, len(text))
                    self.errors.append((span, f"stage {number} does not exist; the last stage is {count - 1}"))
                continue
            if "{{" in text:
                if _without_spaces(text) not in self.names:
                    yield copy, _templated(copy.source)
            elif "$" in text:
                reason = "`from` does not expand variables; define a stage with `FROM image AS name` and use its name"
                yield copy, UnresolvedVariable(reason)
            else:
                yield copy, copy.source

    # Variables

    def on_arg(self, instruction: Instruction) -> None:
        """Declare a variable of the stage, or of all stages before the first FROM."""
        spans = split_words(instruction, self.escape)
        if not spans or any(instruction.text.startswith("=", start) for start, _ in spans):
            self._instruction_error(instruction, "ARG requires a name")
        if self.stages:
            self.stages[-1].settings.append(instruction)
        else:
            self._declare(instruction, self.arguments)

    def on_env(self, instruction: Instruction) -> None:
        """Set variables of the stage."""
        self.stages[-1].settings.append(instruction)
        self.on_label(instruction)

    def on_label(self, instruction: Instruction) -> None:
        """Check the operands of a LABEL or ENV. Quotes and escapes are left to BuildKit."""
        arguments = instruction.arguments
        if '"' in arguments or "'" in arguments or self.escape in arguments:
            return
        keyword, words = instruction.keyword, field().findall(arguments)
        if len(words) < 2 and "=" not in arguments:
            self._instruction_error(instruction, f"{keyword} requires a name and a value; write `{keyword} NAME=VALUE`")
        elif "=" in words[0] and not all("=" in word for word in words):
            message = f"{keyword} requires `NAME=VALUE` pairs; quote values that contain spaces"
            self._error(instruction, instruction.arguments_start, instruction.end, message)

    def _declare(self, instruction: Instruction, scope: Scope) -> None:
        """Add the variables of an ARG to a scope."""
        for start, end in split_words(instruction, self.escape):
            name, equals, _ = instruction.text[start:end].partition("=")
            if name in self.variables:
                scope.values[name] = given(self.variables[name])
            elif equals:
                scope.values[name] = self._expanded(instruction, start + len(name) + 1, end, scope)
            elif scope is not self.arguments:
                inherited = self.arguments.get(name)
                if inherited is not None or name not in scope.values:
                    scope.values[name] = inherited
            elif name not in PLATFORM_ARGUMENTS:
                scope.values.setdefault(name, None)

    def _set(self, instruction: Instruction, scope: Scope) -> None:
        """Add the variables of an ENV to a scope. Its values cannot refer to variables that the same ENV sets."""
        text, spans = instruction.text, split_words(instruction, self.escape)
        if not spans:
            return
        if "=" not in text[slice(*spans[0])]:
            name_of = WORD.match(text, spans[0][0], instruction.end)
            value = WORD.search(text, name_of.end(), instruction.end) if name_of else None
            if name_of is not None and value is not None:
                scope.values[name_of[0]] = self._expanded(instruction, value.start(), instruction.end, scope)
            return
        values: dict[str, Value | None] = {}
        for start, end in spans:
            name = text[start:end].partition("=")[0]
            values[name] = self._expanded(instruction, min(start + len(name) + 1, end), end, scope)
        scope.values.update(values)

    def _expanded(self, instruction: Instruction, start: int, end: int, scope: Scope) -> Value:
        try:
            return expand(instruction, start, end, self.escape, scope)
        except BadSubstitution as error:
            return UnresolvedVariable(str(error))

    def _stage_scope(self, stage: Stage, count: int) -> Scope:
        """Return the variables in scope after the first `count` settings of a stage, including those of the stages it derives from."""
        scope = Scope(lambda name: UnresolvedVariable(f"{name} is not set in this file; the base image may set it"), self.budget)
        settings = [stage.settings[:count]]
        while len(stage.parents) == 1:
            stage = stage.parents[0]
            settings.append(stage.settings)
        for instructions in reversed(settings):
            self.budget.spend(len(instructions))
            for instruction in instructions:
                if instruction.keyword == "ARG":
                    self._declare(instruction, scope)
                else:
                    self._set(instruction, scope)
        return scope

    # Users

    def on_user(self, instruction: Instruction) -> None:
        """Set the user of the stage."""
        stage = self.stages[-1]
        if operands_start(instruction, self.flag_escape) == instruction.end:
            self._instruction_error(instruction, "USER requires a user name or ID")
        else:
            stage.user = (instruction, len(stage.settings))

    def end_of(self, stage: Stage) -> Instruction | None:
        """Return the last instruction of a stage; None if another stage derives from it, or if a template may leave out a part of it."""
        return None if stage.is_base or stage.has_unknown else stage.last

    def user_of(self, stage: Stage) -> tuple[Span, Value] | None:
        """Return the operand of the USER that applies to a stage, with variables resolved; None without USER."""
        setter = stage.user_stage
        if setter is None or setter.user is None:
            return None
        instruction, count = setter.user
        start, end = operands_start(instruction, self.flag_escape), instruction.end
        try:
            value = self._expanded(instruction, start, end, self._stage_scope(setter, count))
        except TooManySteps:
            if not self._is_full:
                self._stop(instruction, STEPS_EXCEEDED)
            value = UnresolvedVariable(STEPS_EXCEEDED)
        return instruction.span(*_inside_quotes(instruction.text, start, end)), value


_HANDLERS: dict[str, Callable[[Build, Instruction], None]] = {
    "ADD": Build.on_add,
    "ARG": Build.on_arg,
    "COPY": Build.on_copy,
    "ENV": Build.on_env,
    "FROM": Build.on_from,
    "LABEL": Build.on_label,
    "ONBUILD": Build.on_onbuild,
    "RUN": Build.on_run,
    "USER": Build.on_user,
}


def _platform_argument(name: str, variables: Mapping[str, str]) -> Value | None:
    """Return the value of a variable that is not declared before the first FROM. Only the platform arguments have one."""
    if name not in PLATFORM_ARGUMENTS:
        return None
    if name in variables:
        return given(variables[name])
    return UnresolvedVariable(f"{name} depends on the build; set it under `variables` in the policy")


def _can_be_empty(written: str) -> bool:
    """Whether all variables of a name can be empty."""
    names = re.findall(r"\$\{?(\w+)", written)
    return not any(name in PLATFORM_ARGUMENTS and not name.endswith(("VARIANT", "OSVERSION")) for name in names)


def is_reference(text: str) -> bool:
    """Whether a text is a valid image reference."""
    from imglint.reference import InvalidReference, parse

    try:
        parse(text)
    except InvalidReference:
        return False
    return True


def _templated(written: Traced) -> UnresolvedVariable:
    """Return an image name with template expressions. Of one with variables or quotes, nothing is known."""
    message = "image name contains a template expression"
    text = written.text
    rest = re.sub(_TEMPLATE, "", text)
    if len(text) > VALUE_MAX or any(char in rest for char in "$\"'{}"):
        return UnresolvedVariable(message)
    frame = written.pieces[0].frames[0][0]
    parts, index = [], 0
    for match in re.finditer(_TEMPLATE, text):
        parts += [written.cut(index, match.start()), unknown(frame, *written.span(*match.span()))]
        index = match.end()
    return UnresolvedVariable(message, joined([*parts, written.cut(index, len(text))]))


def split_from(instruction: Instruction, start: int) -> tuple[Span | None, str, tuple[int, int, str] | None]:
    """Split the text of a FROM after its flags.

    Returns the indices of the image, the name of the stage in lower case (empty without one), and the error, if any: its indices and message.
    """
    text, end = instruction.text, instruction.end
    spans = [word.span() for word in WORD.finditer(text, start, end)]
    if not spans:
        return None, "", (instruction.start, end, "FROM requires an image")
    image = spans[0]
    if len(spans) == 1:
        return image, "", None
    if "{{" in text[start:end] or "{%" in text[start:end]:
        return *_split_templated_from(text, start, end), None
    if len(spans) == 3 and text[slice(*spans[1])].casefold() == "as":
        name = text[slice(*spans[2])].lower()
        error = _stage_name_error(name)
        return (image, "", (*spans[2], error)) if error else (image, name, None)
    rest = spans[1][0], spans[-1][1]
    if text.startswith("#", rest[0]):
        return image, "", (*rest, "comment after an instruction; move it to its own line")
    return image, "", (*rest, "unexpected text after the image; write `FROM image` or `FROM image AS name`")


def _split_templated_from(text: str, start: int, end: int) -> tuple[Span, str]:
    """Return the indices of the image and the name of the stage. Actions of a template can contain spaces."""
    blank = re.sub(_ACTION, lambda action: (" " if re.match(_CONTROL, action[0]) else "x") * len(action[0]), text[start:end])
    words = [(start + first, start + last) for first, last in (word.span() for word in WORD.finditer(blank))]
    keyword = next((at for at, word in enumerate(words) if at and text[slice(*word)].casefold() == "as"), len(words))
    name = _without_spaces(text[slice(*words[keyword + 1])]) if keyword + 1 < len(words) else ""
    image_end = _end_of_word(text, start, end)
    if words and image_end <= words[0][0]:
        # The name is inside the actions, as in `{{ if debian }} debian {{ else }} alpine {{ end }}`.
        image_end = words[keyword - 1][1]
    return (start, image_end), "" if "{{" not in name and name and _stage_name_error(name) else name


def _behind_actions(instruction: Instruction) -> Instruction:
    """Return the instruction that follows the actions of a template on its line, as in `{{end}}FROM image`; the line itself if there is none."""
    actions = re.compile(_BEFORE_KEYWORD).match(instruction.text, instruction.start, instruction.end)
    found = instruction.part(actions.end()) if actions else instruction
    return found if found.keyword in KEYWORDS else instruction


def _with_action(instruction: Instruction, flag: Flag, source: Traced) -> Traced:
    """Return the source of a copy with the whole action of a template at its end, which may contain spaces and go on behind the flag."""
    written, (_, end) = source.text, flag.indices
    text, start = instruction.text, end - len(written)
    if not _is_open(text, start, end) or not text.startswith(written, start):
        return source
    word_end = _end_of_word(text, end, min(end + VALUE_MAX, instruction.end), is_open=True)
    # Another key of a mount may follow.
    comma = text.find(",", text.rfind("}}", end, word_end), word_end)
    return instruction.cut(start, comma if comma >= 0 else word_end, instruction.offset(start))


def _end_of_word(text: str, start: int, end: int, *, is_open: bool = False) -> int:
    """Return the end of the word that starts at an index. Actions of a template in it can contain spaces.

    `is_open` is whether an action begins before.
    """
    word_end = start
    while True:
        if is_open:
            closed = text.find("}}", word_end, end)
            if closed < 0:
                return word_end
            word_end = closed + 2
        first = word_end
        word = WORD.match(text, first, end)
        word_end = word.end() if word else first
        if not (is_open := _is_open(text, first, word_end)):
            return word_end


def _is_open(text: str, start: int, end: int) -> bool:
    """Return whether the last action of a template in a part of a text has no end there."""
    opened = text.rfind("{{", start, end)
    return opened >= 0 and text.find("}}", opened, end) < 0


def _without_spaces(name: str) -> str:
    """Return the name of a stage in lower case, without the spaces in its template expressions."""
    return "".join(name.lower().split())


def _is_stage_name(text: str) -> bool:
    """Return whether a text can name a stage of another file, by name or number."""
    return text.isdecimal() or not _stage_name_error(text.lower())


def _stage_name_error(name: str) -> str:
    if not "a" <= name[0] <= "z":
        return "stage name must start with a letter"
    invalid = name.strip("abcdefghijklmnopqrstuvwxyz0123456789-_.")[:1]
    return f"invalid character {invalid!r} in stage name" if invalid else ""


def _inside_quotes(text: str, start: int, end: int) -> Span:
    """Return the indices of a word without the quotes around it."""
    if end - start > 2 and text[start] == text[end - 1] and text[start] in "'\"":
        return start + 1, end - 1
    return start, end
