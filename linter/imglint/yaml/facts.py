"""Helpers for readers of YAML: documents as trees and facts, and uses of images from scalars. Imports the model, the YAML trees and traced texts."""

from __future__ import annotations

import re

from imglint.model import RUN_AS_USER, WORKLOAD, Comment, Problem, RunUser, Span, image_use
from imglint.printable import clipped
from imglint.traced import Traced, joined, literal, opaque
from imglint.yaml.documents import BLOCK_STYLES, comments, documents, text_start, traced
from imglint.yaml.nodes import MERGE, MERGED_MAX, SOURCES_MAX, Mapping, Node, Scalar, Sequence, merge_chain, nonblank, walk
from imglint.yaml.templates import has_template_actions, with_unknown_expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.documents import Document

TEXT_MAX = 4096
"""Characters of a scalar that are read; no reference is as long, and aliases can repeat a long scalar without end."""

_TEMPLATED = re.compile(r"\{[{%]|\$[A-Za-z_({]|^ko://")


def read_documents(source: Source, wanted: Callable[[str], bool] | None = None) -> tuple[list[Node], Iterator[Fact]]:
    """Return the roots of a file's documents, and the facts about the file as a whole: its problems and comments.

    A reader yields these facts along with its own. A broken document is a Problem and does not keep the others from being read. If it contains
    template actions, it is not YAML until it is rendered: its literal images are among the facts instead.

    `wanted` is called with the text of each document; a document that it rejects is only checked for syntax errors and has no root.
    """
    roots: list[Node] = []
    broken: list[Document] = []
    for document in documents(source.text, wanted):
        if document.broken is not None:
            broken.append(document)
        elif document.root is not None:
            roots.append(document.root)
    return roots, _file_facts(source, roots, broken)


def _file_facts(source: Source, roots: list[Node], broken: list[Document]) -> Iterator[Fact]:
    for document in broken:
        yield from _broken_document(source, document)
    yield from _unread_merges(source, roots)
    for start, end in comments(source.text, roots):
        yield Comment(source, (start, end))


def _broken_document(source: Source, document: Document) -> Iterator[Fact]:
    assert document.broken is not None
    if has_template_actions(source.text[document.start : document.end]):
        # Imported here because few runs read templates.
        from imglint.yaml.template_reader import template_images

        yield from template_images(source, document.start, document.end)
        if not document.broken.is_limit:
            return
    start = min(document.broken.offset, max(len(source.text) - 1, 0))
    yield Problem(source, (start, min(start + 1, len(source.text))), f"invalid YAML: {document.broken.reason}")


def _unread_merges(source: Source, roots: list[Node]) -> Iterator[Problem]:
    """Yield a problem for each mapping that merges more than lookups read."""
    for mapping, merge in _merging(source, roots):
        too_long = isinstance(merge, Sequence) and len(merge.items) > SOURCES_MAX
        if too_long or len(merge_chain(mapping, MERGED_MAX + 1)) > MERGED_MAX:
            message = f"more than {MERGED_MAX} mappings are merged here; the rest were not read"
            yield Problem(source, (merge.start, merge.start), message, "unread-file")


def _merging(source: Source, roots: list[Node]) -> Iterator[tuple[Mapping, Node]]:
    """Yield each mapping that has a merge key, with the value of the key."""
    if not _may_merge(source.text):
        return
    for root in roots:
        for node in walk(root):
            if isinstance(node, Mapping) and MERGE in node.by_key:
                yield node, node.by_key[MERGE]


def _may_merge(text: str) -> bool:
    """Return whether a text may have merge keys, escaped or in base64 ones included."""
    return MERGE in text or "PDw" in text or ("\\" in text and re.search(r"\\(?:x|u00|U000000)3[cC]|\\\r?\n", text) is not None)


def ambiguous_merges(source: Source, roots: list[Node]) -> Iterator[Problem]:
    """Yield a problem for each mapping whose values depend on the parser: it has several merge keys, or one after a key that it overrides.

    YAML gives precedence to the mapping's own keys. The parser of kubectl, Kustomize and Helm gives it to what comes last.
    """
    for mapping, merge in _merging(source, roots):
        if _overrides(mapping):
            message = "parsers disagree about the values merged here; use one merge key, before all other keys"
            yield Problem(source, (merge.start, merge.start), message, "unread-file")


def _overrides(mapping: Mapping) -> bool:
    names = [key.value for key, _ in mapping.entries if isinstance(key, Scalar)]
    if names.count(MERGE) > 1:
        return True
    before = names[: names.index(MERGE)]
    merged = [other.by_key for other in merge_chain(mapping)[1:]]
    return any(not _is_equal(mapping.by_key[name], other[name]) for name in before for other in merged if name in other)


def _is_equal(one: Node, other: Node) -> bool:
    return one is other or (isinstance(one, Scalar) and isinstance(other, Scalar) and one.value == other.value)


def is_templated(text: str) -> bool:
    """Return whether something else fills in this text later: a template engine, a shell, Tekton, Argo, envsubst or ko."""
    return _TEMPLATED.search(text) is not None


def traced_text(source: Source, scalar: Scalar) -> tuple[Traced, Span]:
    """Return the text of a scalar, each part with its position, and the span of the text.

    The text of a block scalar is stripped, and its span begins after the header. Of a scalar longer than TEXT_MAX, only the beginning is returned.
    """
    start, end, is_block = scalar.start, scalar.end, scalar.style in BLOCK_STYLES
    if end - start > TEXT_MAX:
        first = text_start(scalar, source.text)
        return opaque(scalar.value[:TEXT_MAX], start, first, end), (first, end)
    if not is_block:
        return traced(scalar, source.text), (start, end)
    content = scalar.value.strip()
    first = text_start(scalar, source.text)
    if source.text.startswith(content, first):
        return literal(content, first), (first, first + len(content))
    text = traced(scalar, source.text)
    before = len(scalar.value) - len(scalar.value.lstrip())
    text = text.cut(before, before + len(content))
    return text, text.span(0, len(content))


def span_of_empty(source: Source, mapping: Mapping, value: Scalar) -> Span:
    """Return the span of a blank value. One that is not written is directly after the colon: the parsers differ where a comment follows."""
    key = next((key for one in merge_chain(mapping) for key, node in one.entries if node is value), None)
    if value.start == value.end and not value.style and isinstance(key, Scalar):
        colon = source.text.find(":", key.end)
        if not source.text[key.end : colon].strip("\"' \t"):
            return colon + 1, colon + 1
    return value.start, value.end


def image_use_of(
    source: Source,
    name: Scalar,
    *,
    place: str,
    where: str,
    role: str = WORKLOAD,
    parts: abc.Sequence[Scalar | str] = (),
    prefix: str = "",
    tag_known: bool = True,
    resolve: Callable[[Traced], Traced] | None = None,
) -> ImageUse:
    """Return the use of the image that a scalar names. A tag that something else fills in later is unknown; so is a name, which leaves no reference.

    `place`, `where` and `role` are those of ImageUse. For a reference that is split over several scalars, `name` is the one that the use is
    reported at, and `parts` are all of them in the order of the reference, with separators as strings: `[registry, "/", name, ":", tag]`.
    `prefix` is a scheme, such as `docker://`, that the scalar may begin with and that is not part of the reference. `tag_known` is False if the
    tag is set elsewhere, so that a reference without a tag does not mean `latest`. `resolve` returns the text with the values of its variables.
    """
    own_text, span = traced_text(source, name)
    if prefix and own_text.text.startswith(prefix):
        own_text = own_text.cut(len(prefix), len(own_text.text))
        span = own_text.span(0, len(own_text.text)) if own_text.pieces else span
    text = _joined_parts(source, name, own_text, span, parts) if parts else own_text
    written = text.text
    if resolve is not None:
        text = resolve(text)
    whole = {"whole": own_text.span(0, len(own_text.text))} if own_text.pieces else {}
    if is_templated(text.text):
        known = with_unknown_expressions(text)
        use = image_use(source, known, span, place=place, where=where, role=role, parts=whole)
        if use.reference is not None:
            return use
        reason = "known only after the template is rendered" if has_template_actions(written) else "filled in outside this file"
        unresolved = f"{clipped(written)} is {reason}"
        return image_use(source, None, span, place=place, where=where, role=role, unresolved=unresolved)
    return image_use(source, text, span, place=place, where=where, role=role, tag_known=tag_known, parts=whole)


def _joined_parts(source: Source, name: Scalar, name_text: Traced, name_span: Span, parts: abc.Sequence[Scalar | str]) -> Traced:
    """Return the reference that parts make up. The position of a separator is that of the scalar after it."""
    pieces: list[Traced] = []
    following = name
    for part in reversed(parts):
        if isinstance(part, str):
            pieces.append(opaque(part, name.start, following.start, following.end))
        else:
            text, span = (name_text, name_span) if part is name else traced_text(source, part)
            pieces.append(text.used_at(name.start, *span))
            following = part
    return joined(pieces[::-1])


def run_user_of(
    source: Source,
    where: str,
    run_as_user: Node | None,
    run_as_non_root: Node | None,
    *,
    image: ImageUse | None,
    silent: Span | None = None,
) -> RunUser | None:
    """Return who a container runs as, by the `runAsUser` and `runAsNonRoot` that apply to it.

    If neither is set, return None, or a RunUser at `silent` if that is given.
    """
    user, nonroot = nonblank(run_as_user), nonblank(run_as_non_root)
    decisive = user or nonroot
    if decisive is None:
        return silent and RunUser(source, silent, RUN_AS_USER, where, None, explicit=False, image=image)
    place = RUN_AS_USER if user else "run-as-non-root"
    known = not any(is_templated(value.value) for value in (user, nonroot) if value)
    flag = {"true": True, "false": False}.get(nonroot.value.lower()) if nonroot else None
    _, span = traced_text(source, decisive)
    return RunUser(source, span, place, where, user.value if user else None, nonroot=flag, known=known, image=image)
