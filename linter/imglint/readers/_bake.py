"""The targets of a Bake file: variables, matrices, and the images and Dockerfiles that they name. Imports the trees of HCL and traced texts."""

from __future__ import annotations

import os
import posixpath
import re
from itertools import islice, product

from imglint.model import (
    BUILD,
    FRONTEND,
    INVALID,
    SYNTAX_ERROR,
    UNREAD_FILE,
    UNRESOLVED,
    ImageUse,
    NamedFile,
    Problem,
    RunUser,
    image_use,
)
from imglint.printable import clipped
from imglint.readers._build_inputs import (
    FRONTEND_ARGUMENT,
    cached_images,
    context_name,
    generators,
    is_dockerfile_name,
    is_remote,
)
from imglint.readers._hcl import Block, Choice, List, Name, Object, Other, Template
from imglint.records import replace
from imglint.source import Source
from imglint.traced import PLACEHOLDER, Traced, joined, literal, opaque, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Iterable, Iterator

    from imglint.model import Fact, Span
    from imglint.readers._embedded import MappedText
    from imglint.readers._hcl import Expression

    Scope = abc.Mapping[str, Expression]
    """The values of a matrix in one combination, by name."""

PLACE = "builder"
IMAGE_CONTEXT = "docker-image://"
NO_IMAGE = "scratch"
"""The image context that has nothing in it."""
TEXT_MAX = 4096
"""Characters of a text once its variables are replaced. A longer one is unresolved; no reference is as long."""
PIECES_MAX = 64
"""Pieces of the value of a variable. One with more is unresolved."""
DEPTH_MAX = 20
"""Variables in a chain of defaults. A longer one is unresolved."""
COMBINATIONS_MAX = 64
"""Combinations of a matrix in one text. The images of further ones are not read, which is reported."""
INHERITED_MAX = 64
"""Targets that one target inherits from, directly or not, which are searched for its Dockerfile."""

ARGUMENTS_MAX = 256
"""Arguments, and contexts, of a target with an inline Dockerfile. With more, that is not read and is reported."""
NAME_LENGTH = 100
"""Characters of the name of an expression without a value in an inline Dockerfile."""

_UNKNOWN_CONTEXT = re.compile(rf"[^/.:{PLACEHOLDER}]*{PLACEHOLDER}")
_OUTSIDE = "set it in the policy's `variables`"


def targets_of(source: Source, root: Block) -> Iterator[Fact | NamedFile]:
    """Yield the facts of all targets of a file."""
    return _Targets(source, root).facts()


class OverLimit(str):
    """Why a text is unknown, if that is a limit."""

    __slots__ = ()


class _Variables:
    """The variables of a file, and the texts of expressions with their values in place."""

    def __init__(self, source: Source, root: Block) -> None:
        self._source = source
        self.defaults: dict[str, Expression | None] = {**root.attributes}
        for block in root.blocks:
            if block.kind == "variable" and block.labels:
                default = block.attributes.get("default", self.defaults.get(block.labels[0]))
                self.defaults[block.labels[0]] = default
        self._values: dict[tuple[str, bool], Traced | str] = {}

    def text(self, expression: Expression, scope: Scope, *, empty: bool = True, limit: int = 0) -> tuple[Traced, str]:
        """Return the text of an expression, with something unknown for each part that the file does not give, and why the first one is.

        With `empty` False, variables with an empty value are unknown too.
        """
        return self._text(expression, scope, empty, limit or TEXT_MAX, 0)

    def _text(self, expression: Expression, scope: Scope, empty: bool, limit: int, depth: int) -> tuple[Traced, str]:
        start, end = expression.start, expression.end
        if isinstance(expression, Other) and expression.text not in ("", "null"):
            return literal(expression.text, start), ""
        parts: Iterable[Traced | Expression] = expression.parts if isinstance(expression, Template) else [expression]
        found: list[Traced] = []
        reason, length = "", 0
        for part in parts:
            if isinstance(part, Traced):
                text, why = part, ""
            else:
                text, why = self._value(part, scope, empty, depth)
                text = text.used_at(start, part.start, part.end)
            length += len(text.text)
            if length > limit:
                return unknown(start, start, end), OverLimit(f"this text has more than {limit} characters with its variables")
            found.append(text)
            reason = reason or why
        return joined(found), reason

    def _value(self, expression: Expression, scope: Scope, empty: bool, depth: int) -> tuple[Traced, str]:
        """Return the value of an expression that is inserted in a text."""
        start, end = expression.start, expression.end
        nothing = unknown(start, start, end)
        if isinstance(expression, Other) and expression.text not in ("", "null"):
            return opaque(expression.text, start, start, end), ""
        if not isinstance(expression, Name):
            written = self._source.text[start : min(end, start + TEXT_MAX)]
            return nothing, f"{clipped(written) or 'this value'} is known only when Bake evaluates it"
        name = expression.path[0]
        if name in scope:
            return self._matrix_value(expression, scope, empty, depth)
        if len(expression.path) > 1:
            return nothing, f"{clipped('.'.join(expression.path))} is known only when Bake evaluates it"
        value = self._variable(name, empty, depth)
        return (nothing, value) if isinstance(value, str) else (value, "")

    def _matrix_value(self, expression: Name, scope: Scope, empty: bool, depth: int) -> tuple[Traced, str]:
        value: Expression | None = scope[expression.path[0]]
        for key in expression.path[1:]:
            entries = value.entries[:COMBINATIONS_MAX] if isinstance(value, Object) else ()
            value = next((each for name, each in entries if name == key), None)
        if value is None or depth > DEPTH_MAX:
            return unknown(
                expression.start, expression.start, expression.end
            ), f"{clipped('.'.join(expression.path))} has no value in the matrix"
        return self._text(value, {}, empty, TEXT_MAX, depth + 1)

    def _variable(self, name: str, empty: bool, depth: int) -> Traced | str:
        """Return the value of a variable, or why it has none."""
        given = self._source.variables.get(name)
        if given is not None:
            # The frame of the use is added where it is used.
            return Traced((replace(opaque(given, 0, 0, 0).pieces[0], frames=()),)) if given else Traced(())
        key = (name, empty)
        if key not in self._values:
            # Whatever refers to itself has no value.
            self._values[key] = f"{clipped(name)} refers to itself"
            self._values[key] = self._default(name, empty, depth)
        return self._values[key]

    def _default(self, name: str, empty: bool, depth: int) -> Traced | str:
        default = self.defaults.get(name)
        if default is None or _is_null(default):
            what = "has no default" if name in self.defaults else "is not defined in this file"
            return f"{clipped(name)} {what}; {_OUTSIDE}"
        if depth > DEPTH_MAX:
            return OverLimit(f"{clipped(name)} ends a chain of more than {DEPTH_MAX} variables")
        text, reason = self._text(default, {}, empty, TEXT_MAX, depth + 1)
        pieces = tuple([piece for piece in text.pieces if piece.text])
        if not pieces and not empty:
            return f"{clipped(name)} is empty; {_OUTSIDE}"
        if len(pieces) > PIECES_MAX:
            return OverLimit(f"{clipped(name)} has more than {PIECES_MAX} parts")
        if reason and all(not piece.known for piece in pieces):
            return reason
        return Traced(pieces)

    def leaves(self, expression: Expression | None, scope: Scope, passed: set[str]) -> Iterator[Expression]:
        """Yield the expressions that a list or a choice has, also in variables. `passed` are the variables that are not followed again."""
        waiting = [expression]
        while waiting:
            node = waiting.pop()
            if isinstance(node, List):
                waiting.extend(reversed(node.items))
            elif isinstance(node, Choice):
                waiting.extend(reversed(node.options))
            elif isinstance(node, Name) and len(node.path) == 1 and node.path[0] not in scope:
                default = self.defaults.get(node.path[0])
                if _is_null(default) and node.path[0] not in self._source.variables:
                    continue
                if node.path[0] in self._source.variables or not isinstance(default, (List, Choice, Object, Name)):
                    yield node
                elif node.path[0] not in passed:
                    passed.add(node.path[0])
                    waiting.append(default)
            elif node is not None and not _is_null(node):
                yield node


class _Targets:
    """Reads the targets of a file."""

    def __init__(self, source: Source, root: Block) -> None:
        self._source = source
        self._variables = _Variables(source, root)
        self._targets = [block for block in root.blocks if block.kind == "target"]
        self._by_name = {block.labels[0]: block for block in self._targets if block.labels}
        self._passed: dict[str, set[str]] = {}
        self._seen: set[tuple[object, ...]] = set()
        self._matrices: dict[int, Scope] = {}
        self._inline_left = -1

    def facts(self) -> Iterator[Fact | NamedFile]:
        """Yield the facts of the targets. The names that they tag are built."""
        built = self._built_names()
        for target in self._targets:
            for fact in self._target_facts(target):
                is_built = isinstance(fact, ImageUse) and fact.reference is not None and fact.reference.name in built
                yield replace(fact, built_or_pulled=True) if is_built and isinstance(fact, ImageUse) else fact

    def _built_names(self) -> set[str]:
        names = set()
        for target in self._targets:
            for tag in self._variables.leaves(target.attributes.get("tags"), {}, self._passed.setdefault("tags", set())):
                for scope in islice(self._combinations(target, tag), COMBINATIONS_MAX):
                    text, _ = self._variables.text(tag, scope)
                    use = image_use(self._source, text, (tag.start, tag.end), place=PLACE, where=PLACE, role=BUILD)
                    if use.reference is not None:
                        names.add(use.reference.name)
        return names

    def _target_facts(self, target: Block) -> Iterator[Fact | NamedFile]:
        where = f"target {clipped(target.labels[0])}" if target.labels else "target"
        for name, context in self._entries(target, "contexts"):
            yield from self._images(target, context, "contexts", f"{where} context {clipped(name)}".rstrip())
        for cache in self._leaves(target, "cache-from"):
            if isinstance(cache, Object):
                yield from self._cache(target, dict(cache.entries), f"{where} cache-from")
            else:
                yield from self._images(target, cache, "cache-from", f"{where} cache-from")
        for attestation in self._leaves(target, "attest"):
            if isinstance(attestation, Object):
                yield from self._attestation(target, dict(attestation.entries), f"{where} attest")
            else:
                yield from self._images(target, attestation, "attest", f"{where} attest")
        for name, value in self._entries(target, "args"):
            if name == FRONTEND_ARGUMENT:
                yield from self._images(target, value, "args", f"{where} frontend")
        inline = target.attributes.get("dockerfile-inline")
        if inline is not None:
            yield from self._inline_dockerfile(target, inline, where)
        elif self._inherited(target, "dockerfile-inline") is None:
            yield from self._dockerfiles(target)

    def _leaves(self, target: Block, name: str) -> Iterator[Expression]:
        return self._variables.leaves(target.attributes.get(name), self._matrix(target), self._passed.setdefault(name, set()))

    def _entries(self, target: Block, name: str, passed: set[str] | None = None) -> Iterator[tuple[str, Expression]]:
        """Yield the entries of the maps that an attribute has, each value as what it can be. `passed` are the variables that are not followed."""
        passed = self._passed.setdefault(name, set()) if passed is None else passed
        for leaf in self._variables.leaves(target.attributes.get(name), self._matrix(target), passed):
            for key, value in leaf.entries if isinstance(leaf, Object) else ():
                for each in self._variables.leaves(value, self._matrix(target), passed):
                    yield key, each

    def _matrix(self, target: Block) -> Scope:
        if id(target) not in self._matrices:
            matrix = target.attributes.get("matrix")
            self._matrices[id(target)] = dict(matrix.entries) if isinstance(matrix, Object) else {}
        return self._matrices[id(target)]

    def _combinations(self, target: Block, expression: Expression) -> Iterator[Scope]:
        """Yield the combinations of the values of a matrix that an expression uses, at most one more than are read."""
        matrix = self._matrix(target)
        names = dict.fromkeys([name for name in _names(expression) if name in matrix] if matrix else [])
        values = [islice(self._variables.leaves(matrix[name], {}, set()), COMBINATIONS_MAX + 1) for name in names]
        for combination in islice(product(*values), COMBINATIONS_MAX + 1):
            yield dict(zip(names, combination, strict=True))

    def _images(self, target: Block, expression: Expression, attribute: str, where: str) -> Iterator[ImageUse | Problem]:
        """Yield the images that a text of an attribute names, in each combination of the matrix."""
        for number, scope in enumerate(self._combinations(target, expression)):
            if number == COMBINATIONS_MAX:
                message = f"more than {COMBINATIONS_MAX} combinations of the matrix name images here; the rest was not read"
                yield Problem(self._source, (expression.start, expression.end), message, UNREAD_FILE)
                return
            text, reason = self._variables.text(expression, scope)
            place, role, spans = _images_in(text.text, attribute)
            for start, end in spans:
                use = self._use(expression, text.cut(start, end), reason, place, where, role)
                if use.problem is not None and use.problem.rule == INVALID:
                    # A variable is often empty because it is set where Bake runs.
                    text, reason = self._variables.text(expression, scope, empty=False)
                    _, _, others = _images_in(text.text, attribute)
                    use = self._use(expression, text.cut(*others[0]), reason, place, where, role) if reason and others else use
                yield from self._if_new(use)

    def _cache(self, target: Block, fields: dict[str, Expression], where: str) -> Iterator[ImageUse | Problem]:
        """Yield the image of a cache that is written as a map."""
        kind, ref = fields.get("type"), fields.get("ref")
        if kind is not None and ref is not None:
            text, _ = self._variables.text(kind, {})
            if text.text == "registry" or text.unknown_at >= 0:
                yield from self._images(target, ref, "ref", where)

    def _attestation(self, target: Block, fields: dict[str, Expression], where: str) -> Iterator[ImageUse | Problem]:
        """Yield the image of an attestation that is written as a map."""
        kind, generator = fields.get("type"), fields.get("generator")
        if kind is not None and generator is not None and self._variables.text(kind, {})[0].text in ("sbom", PLACEHOLDER):
            yield from self._images(target, generator, "generator", where)

    def _use(self, expression: Expression, text: Traced, reason: str, place: str, where: str, role: str) -> ImageUse:
        frames = [piece.frames[0] for piece in text.pieces] or [(expression.start, expression.start, expression.end)]
        span = min([start for _, start, _ in frames]), max([end for _, _, end in frames])
        if isinstance(reason, OverLimit):
            return image_use(self._source, None, span, place=place, where=where, role=role, unresolved=reason, over_limit=True)
        return image_use(self._source, text, span, place=place, where=where, role=role, unresolved=reason)

    def _if_new(self, use: ImageUse) -> Iterator[ImageUse]:
        """Yield a use, unless one with the same text and reference has been yielded: targets share variables."""
        key = (use.span, str(use.reference), use.problem and use.problem.message)
        if key not in self._seen and str(use.reference and use.reference.text) != NO_IMAGE:
            self._seen.add(key)
            yield use

    def _inherited(self, target: Block, name: str) -> Expression | None:
        """Return the value of an attribute of a target, or of the target that it inherits it from: the last one that has it."""
        waiting, seen = [target], {id(target)}
        while waiting:
            block = waiting.pop()
            value = block.attributes.get(name)
            if value is not None:
                return value
            inherits = block.attributes.get("inherits")
            for item in inherits.items[:INHERITED_MAX] if isinstance(inherits, List) else ():
                base = self._by_name.get(_plain(item))
                if base is not None and id(base) not in seen and len(seen) <= INHERITED_MAX:
                    seen.add(id(base))
                    waiting.append(base)
        return None

    def _path(self, target: Block, name: str) -> tuple[str, Expression | None]:
        """Return the path that an attribute has, and where; with PLACEHOLDER for what is unknown."""
        expression = self._inherited(target, name)
        return (self._variables.text(expression, {})[0].text if expression is not None else "", expression)

    def _dockerfiles(self, target: Block) -> Iterator[NamedFile | Problem]:
        """Yield the Dockerfiles that a target can have, in each combination of its matrix."""
        context, _ = self._path(target, "context")
        for name in self._variables.leaves(self._inherited(target, "dockerfile"), self._matrix(target), set()):
            for scope in islice(self._combinations(target, name), COMBINATIONS_MAX):
                path = self._variables.text(name, scope)[0].text
                if path and not is_remote(context) and not self._is_known((name.start, path, context)):
                    yield from self._dockerfile(path, context, (name.start, name.end))

    def _dockerfile(self, path: str, context: str, span: Span) -> Iterator[NamedFile | Problem]:
        """Yield a Dockerfile.

        Its path is relative to the context, and that to the folder in which Bake runs: that of this file, or the root of the repository.
        """
        path, context = path.removeprefix("cwd://"), "" if path.startswith("cwd://") else context
        if is_remote(path) or path.startswith("/") or context.startswith("/"):
            return
        full = posixpath.join(context, path)
        if PLACEHOLDER in full:
            if not is_dockerfile_name(path):
                reason = "its path is known only when Bake evaluates it"
                yield Problem(self._source, span, f"cannot read this Dockerfile: {reason}", UNRESOLVED)
            return
        folder = os.path.dirname(self._source.path)
        from_root = posixpath.join(os.path.relpath(self._source.root, folder or os.curdir), full)
        candidates = [each for each in (full, from_root) if os.path.lexists(os.path.join(folder, each))]
        if candidates or not is_dockerfile_name(path):
            yield NamedFile(self._source, span, (candidates or [full])[0], "dockerfile")

    def _is_known(self, key: tuple[object, ...]) -> bool:
        """Return whether something has been read before, and remember it."""
        known = key in self._seen
        self._seen.add(key)
        return known

    def _inline_dockerfile(self, target: Block, inline: Expression, where: str) -> Iterator[Fact]:
        """Yield the facts of the Dockerfile in a target. An image that one of its contexts replaces is not used."""
        from imglint.dockerfile.facts import read_dockerfile
        from imglint.readers import _inline_dockerfile as limits
        from imglint.readers._embedded import relocated

        self._inline_left = limits.ALL_TEXT_MAX if self._inline_left < 0 else self._inline_left
        limit = min(limits.TEXT_MAX, self._inline_left)
        text, reason = self._variables.text(inline, {}, limit=limit)
        entries = {name: [*islice(self._entries(target, name, set()), ARGUMENTS_MAX + 1)] for name in ("args", "contexts")}
        if any(len(found) > ARGUMENTS_MAX for found in entries.values()):
            reason = OverLimit(f"this inline Dockerfile has more than {ARGUMENTS_MAX} arguments or contexts")
        if isinstance(reason, OverLimit):
            yield Problem(self._source, (inline.start, inline.end), f"{reason} and was not read", UNREAD_FILE)
            return
        if text.pieces and not any(piece.known for piece in text.pieces):
            yield Problem(self._source, (inline.start, inline.end), f"cannot read this inline Dockerfile: {reason}", UNRESOLVED)
            return
        mapped = _mapped(self._source, text)
        if not mapped.text:
            return
        self._inline_left -= len(mapped.text)
        arguments = {name: self._variables.text(value, {})[0].text for name, value in entries["args"]}
        names = frozenset([name for name, _ in entries["contexts"]])
        stage, _ = self._path(target, "target")
        targets = (stage,) if stage else self._source.targets
        dockerfile = Source(self._source.path, mapped.text, self._source.kind, {**self._source.variables, **arguments}, targets)
        for fact in read_dockerfile(dockerfile, prefix=f"{where} "):
            use = fact.image if isinstance(fact, RunUser) and fact.user is None else fact
            is_replaced = isinstance(use, ImageUse) and use.place != "syntax" and context_name(use) in names
            # What is unknown can be the rest of an instruction.
            is_doubtful = isinstance(fact, Problem) and fact.rule == SYNTAX_ERROR and text.unknown_at >= 0
            if not (is_replaced or is_doubtful):
                yield relocated(fact, self._source, mapped)


def _mapped(source: Source, text: Traced) -> MappedText:
    """Return a text with the span of each character: for the value of a variable, that of the expression that inserts it.

    What is unknown is a variable that the Dockerfile does not have either.
    """
    from imglint.readers._embedded import MappedText

    contents: list[str] = []
    spans: list[Span] = []
    for piece in text.pieces:
        _, start, end = piece.frames[0]
        content = piece.text if piece.known else f"${{{re.sub('[^A-Za-z0-9]+', '_', source.text[start:end][:NAME_LENGTH])}}}"
        contents.append(content)
        is_written = piece.exact and len(piece.frames) == 1
        spans += [(at, at + 1) for at in range(start, end)] if is_written else [(start, end)] * len(content)
    return MappedText("".join(contents), spans, has_lines=True)


def _images_in(text: str, attribute: str) -> tuple[str, str, list[Span]]:
    """Return the place and role of the images in a text of an attribute, and their spans in the text."""
    if attribute == "cache-from":
        return "cache-from", BUILD, cached_images(text)
    if attribute == "contexts":
        if text.startswith(IMAGE_CONTEXT):
            return PLACE, BUILD, [(len(IMAGE_CONTEXT), len(text))]
        return PLACE, BUILD, [(0, len(text))] if _UNKNOWN_CONTEXT.match(text) else []
    if attribute == "attest":
        return PLACE, BUILD, generators(text)
    if attribute == "generator":
        return PLACE, BUILD, [(0, len(text))] if text else []
    if attribute == "args":
        return "syntax", FRONTEND, [(0, len(text))] if text.strip(PLACEHOLDER) else []
    return "cache-from", BUILD, [(0, len(text))] if text else []


def _is_null(expression: Expression | None) -> bool:
    """Return whether an expression is `null`, which leaves out what it is the value of."""
    return isinstance(expression, Other) and expression.text == "null"


def _names(expression: Expression) -> Iterator[str]:
    """Yield the variables that an expression uses directly."""
    if isinstance(expression, Name):
        yield expression.path[0]
    elif isinstance(expression, Template):
        for part in expression.parts:
            if not isinstance(part, Traced):
                yield from _names(part)


def _plain(expression: Expression) -> str:
    """Return the text of a string without variables; empty for others."""
    if isinstance(expression, Template) and all(isinstance(part, Traced) for part in expression.parts):
        return "".join([part.text for part in expression.parts if isinstance(part, Traced)])
    return ""
