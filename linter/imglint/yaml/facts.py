"""What the readers of YAML share: the use of an image from scalars, who runs a container, broken documents, comments.

Imports the model, the YAML trees and traced texts.
"""

from __future__ import annotations

import re

from imglint.model import Comment, ImageUse, Problem, RunUser, Span, image_use
from imglint.printable import clipped
from imglint.traced import Traced, joined, literal, opaque
from imglint.yaml import templates as template
from imglint.yaml.documents import Document, comments, documents, traced
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, merged, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact
    from imglint.source import Source

TEXT_MAX = 4096
"""Characters of a scalar that are looked at; no part of a reference is as long, and an alias may repeat a long one without end."""
MERGED_MAX = 64
"""A mapping and those that its merge keys bring in; more are not looked into, which is reported."""
SOURCES_MAX = 2 * MERGED_MAX
"""Entries of one merge key, which may name a mapping twice."""

_FILLED_IN = re.compile(r"\{\{|\$[A-Za-z_({]|^ko://")
_HIDING = re.compile(r"\\[xuU\r\n]")
_FOLDED = ("|", ">")


class Values:
    """The values of a mapping by key, with what its merge keys bring in. They are looked up, for merging them would cost a hostile file's square."""

    __slots__ = ("_layers",)

    def __init__(self, mapping: Mapping) -> None:
        self._layers = _layers(mapping) if "<<" in mapping.by_key else [mapping]

    def get(self, key: str) -> Node | None:
        """Return the value of a key: the mapping's own, else that of the first merged."""
        for layer in self._layers:
            if key in layer.by_key:
                return layer.by_key[key]
        return None

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def scalar(self, key: str) -> Scalar | None:
        """Return the value of a key where it is a scalar that says something: neither null nor blank."""
        return said(self.get(key))

    def word(self, key: str) -> str:
        """Return the text of such a scalar, empty where there is none."""
        value = self.scalar(key)
        return value.value if value else ""

    def values(self, key: str) -> Values | None:
        """Return the values of the mapping that is the value of a key."""
        value = self.get(key)
        return Values(value) if isinstance(value, Mapping) else None


def fields(mapping: Mapping) -> dict[str, Node]:
    """Return all values of a mapping by key, with what its merge keys bring in; for mappings that are looked into as a whole."""
    return merged(mapping) if "<<" in mapping.by_key else mapping.by_key


def scalar(values: dict[str, Node], key: str) -> Scalar | None:
    """Return the value of a key where it is a scalar that says something: neither null nor blank."""
    return said(values.get(key))


def _layers(mapping: Mapping, limit: int = MERGED_MAX) -> list[Mapping]:
    """Return a mapping and those it merges, by precedence, at most `limit`."""
    layers: dict[int, Mapping] = {}
    waiting: list[Node | None] = [mapping]
    while waiting and len(layers) < limit:
        current = waiting.pop()
        if isinstance(current, Mapping) and id(current) not in layers:
            layers[id(current)] = current
            source = current.get("<<")
            waiting += reversed(source.items[:SOURCES_MAX]) if isinstance(source, Sequence) else [source]
    return list(layers.values())


def _cut_merges(source: Source, roots: list[Node]) -> Iterator[Problem]:
    """Yield a problem for each mapping that merges more than is looked at."""
    if "<<" not in source.text and not may_hide_words(source.text):
        return
    for root in roots:
        for node in walk(root):
            if isinstance(node, Mapping) and "<<" in node.by_key:
                merge = node.by_key["<<"]
                too_long = isinstance(merge, Sequence) and len(merge.items) > SOURCES_MAX
                if too_long or len(_layers(node, MERGED_MAX + 1)) > MERGED_MAX:
                    message = f"more than {MERGED_MAX} mappings are merged here; what the rest of them says was not read"
                    yield Problem(source, (merge.start, merge.start), message, "unread-file")


def said(value: Node | None) -> Scalar | None:
    """Return a value where it is a scalar that says something: neither null nor blank."""
    return value if isinstance(value, Scalar) and not value.is_null and value.value.strip() else None


def may_hide_words(text: str) -> bool:
    """Whether the text of a document may say words that do not stand in it: by a character's number, or over an escaped line break."""
    return _HIDING.search(text) is not None


def filled_in(value: str) -> bool:
    """Whether somebody else puts this text together: a template, a shell, Tekton, Argo, envsubst or ko."""
    return _FILLED_IN.search(value) is not None


def written(text: str, value: Scalar) -> tuple[Traced, Span]:
    """Return what a scalar says and where it stands. A block scalar stands at its header, what one of a single line says at that line."""
    if value.end - value.start > TEXT_MAX:
        return opaque(value.value[:TEXT_MAX], value.start, value.start, value.end), (value.start, value.end)
    if value.style in _FOLDED:
        content = value.value.strip()
        at = text.find(content, text.find("\n", value.start), value.end)
        if at >= 0:
            return literal(content, at), (value.start, at + len(content))
    return traced(value, text), (value.start, value.end)


def assembled(text: str, name: Scalar, before: list[Scalar | str], after: list[Scalar | str]) -> Traced:
    """Return the reference that a name and its other parts make, each with its place. A `str` is written nowhere; it goes with the next part."""
    pieces: list[Traced] = []
    following = name
    for part in reversed((*before, name, *after)):
        if isinstance(part, str):
            pieces.append(opaque(part, name.start, following.start, following.end))
        else:
            content, span = written(text, part)
            pieces.append(content.used_at(name.start, *span))
            following = part
    return joined(pieces[::-1])


def use_of(
    source: Source, name: Scalar, place: str, where: str, whole: Traced | None = None, *, tag_known: bool = True
) -> ImageUse:
    """Return the use of the image that a scalar names, alone or, where `whole` is given, together with its other parts."""
    alone, span = written(source.text, name)
    text = alone if whole is None else whole
    if filled_in(text.text):
        unresolved = f"{clipped(text.text)} is filled in outside of this file"
        return image_use(source, None, span, place=place, where=where, role="workload", unresolved=unresolved)
    parts = {"whole": alone.span(0, len(alone.text))}
    return image_use(source, text, span, place=place, where=where, role="workload", tag_known=tag_known, parts=parts)


def user_of(
    source: Source, where: str, user: Node | None, nonroot: Node | None, *, image: ImageUse | None, silent: Span | None = None
) -> RunUser | None:
    """Return who runs a container by the `runAsUser` and `runAsNonRoot` in force; at `silent`, if given, where neither says anything."""
    uid, flag = said(user), said(nonroot)
    decides = uid or flag
    if decides is None:
        return silent and RunUser(source, silent, "run-as-user", where, None, explicit=False, image=image)
    place = "run-as-user" if uid else "run-as-non-root"
    known = not any(filled_in(value.value) for value in (uid, flag) if value)
    says = {"true": True, "false": False}.get(flag.value.lower()) if flag else None
    _, span = written(source.text, decides)
    return RunUser(source, span, place, where, uid.value if uid else None, nonroot=says, known=known, image=image)


def read_documents(source: Source, roots: list[Node], wanted: Callable[[str], bool] | None = None) -> Iterator[Fact]:
    """Collect the roots of a file's documents into `roots`; yield the problems of those that are broken, and the comments.

    Documents that are not `wanted`, by their text, are only checked for being YAML. A broken document that holds template text is none until
    it is rendered: its literal images are read as those of a Helm template are.
    """
    for document in documents(source.text, wanted):
        if document.broken is not None:
            yield from _broken(source, document)
        elif document.root is not None:
            roots.append(document.root)
    yield from _cut_merges(source, roots)
    for start, end in comments(source.text, roots):
        yield Comment(source, (start, end))


def _broken(source: Source, document: Document) -> Iterator[Fact]:
    assert document.broken is not None
    if template.is_template(source.text[document.start : document.end]):
        yield from template.images(source, document.start, document.end)
        return
    start = min(document.broken.offset, max(len(source.text) - 1, 0))
    yield Problem(source, (start, min(start + 1, len(source.text))), f"this is no YAML: {document.broken.reason}")
