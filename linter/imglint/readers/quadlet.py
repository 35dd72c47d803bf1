"""Units of Podman Quadlet: the images that containers, images and volumes name, and the Containerfiles of builds.

The syntax is that of systemd units as Podman reads them (containers/podman, pkg/systemd/parser/unitfile.go), the keys are those of
podman-systemd.unit(5). What a build tags is built, and a name such as `web.image` is that of another unit. A file in a folder such as
`web.container.d` or `container.d` adds to the units of that name, or to all of the kind.
"""

from __future__ import annotations

import os
import re

from imglint.model import UNRESOLVED, WORKLOAD, Comment, NamedFile, Problem, image_use
from imglint.records import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse, Span
    from imglint.source import Source
    from imglint.traced import Traced

SECTIONS = {".container": "Container", ".image": "Image", ".volume": "Volume", ".build": "Build"}
"""The extensions of units, each with the section that it must have."""
DROP_IN = ".conf"
"""The extension of files that add to units."""
FILES = (*[f"*{extension}" for extension in SECTIONS], f"*{DROP_IN}")

PLACE = "unit"
UNITS = (".image", ".build")
"""How an image ends that is the name of another unit."""
DOCKER = "docker://"
"""The transport of images in a registry, which Podman uses for names without one."""
LOCAL_TRANSPORTS = ("containers-storage:", "dir:", "docker-archive:", "docker-daemon:", "oci:", "oci-archive:", "ostree:", "sif:")
"""The other transports (containers-transports(5)): files, and images that are on the machine."""
LOCAL_REGISTRY = "localhost"
"""The registry in the names of images that Podman has built."""

_SPECIFIER = r"%[%A-Za-z]"
_WORD = r"""[^\s"']+|"[^"]*"|'[^']*'"""


@record
class Entry:
    """One line `KEY=VALUE` of a section, with the lines that continue it."""

    section: str
    key: str
    value: Traced
    span: Span


def claims(source: Source) -> bool:
    """Return whether the file has the extension and the section of a unit, and is not a manifest, template or Dockerfile."""
    section = _section(source)
    if section is None or f"[{section}]" not in source.text:
        return False
    if not re.search(rf"^[ \t]*\[{section}\][ \t]*\r?$", source.text, re.MULTILINE):
        return False
    # Imported here because few files have such a name.
    from imglint.readers._other_kinds import is_other_kind

    return not is_other_kind(source)


def _section(source: Source) -> str | None:
    """Return the section that a file must have by its extension, or that of a drop-in by the name of its folder; None for other files."""
    name = source.name
    if name.endswith(DROP_IN):
        folder = os.path.basename(os.path.dirname(os.path.abspath(source.path)))
        name = f".{folder.removesuffix('.d')}" if folder.endswith(".d") else ""
    return SECTIONS.get(name[name.rfind(".") :].lower())


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images that a unit names. Of several lines with the same key, the last one counts."""
    section = _section(source)
    if section is None:
        return
    last: dict[str, Entry] = {}
    for item in _lines(source, section):
        if isinstance(item, Entry):
            last[item.key] = item
            if item.key == "Mount":
                yield from _mounted_images(source, item)
        else:
            yield item
    image, file = last.get("Image"), last.get("File")
    if section == "Build":
        if file:
            yield from _containerfile(source, file, last.get("SetWorkingDirectory"))
    elif image and (section != "Volume" or _text_of(last.get("Driver")) == "image"):
        yield from _images(source, _unquoted(image.value), image.span, PLACE, f"{section.lower()} unit")


def _lines(source: Source, section: str) -> Iterator[Entry | Comment | Problem]:
    """Yield the entries of a section and the comments addressed to imglint, or the problem of a line that is neither section nor entry.

    A line that ends in a backslash continues on the next one that is no comment; white space around lines does not count.
    """
    text, current = source.text, ""
    pending: list[Span] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        content = text[at:end].strip()
        start = end - len(text[at:end].lstrip())
        stop, at = start + len(content), end + 1
        if not content or content[0] in "#;":
            if content[1:].lstrip().startswith("imglint:"):
                yield Comment(source, (start, stop))
            continue
        if text[stop - 1] == "\\":
            pending.append((start, stop - 1))
            if at < len(text):
                continue
        else:
            pending.append((start, stop))
        line, pending = pending, []
        content = "".join([text[first:last] for first, last in line])
        if content.startswith("[") and content.find("]") == len(content.rstrip()) - 1:
            current = content[1:].rstrip()[:-1]
            continue
        key, equals, _ = content.partition("=")
        if not equals and not ("{{" in content or "{%" in content):
            yield Problem(source, (start, stop), "invalid unit: expected `[Section]` or `Key=Value`")
        elif equals and current == section:
            yield _entry(text, line, section, key)


def _entry(text: str, line: list[Span], section: str, key: str) -> Entry:
    from imglint.traced import joined, literal

    first = line[0][0]
    value = joined([literal(text[start:end], start, first) for start, end in line])
    whole = value.text
    after = len(key) + 1
    begin = len(whole) - len(whole[after:].lstrip())
    value = value.cut(begin, len(whole.rstrip()))
    span = (value.pieces[0].frames[0][1], value.pieces[-1].frames[0][2]) if value.pieces else (first, line[-1][1])
    return Entry(section, key.rstrip(), value, span)


def _text_of(entry: Entry | None) -> str:
    return _unquoted(entry.value).text if entry else ""


def _unquoted(value: Traced) -> Traced:
    text = value.text
    return value.cut(1, len(text) - 1) if len(text) > 1 and text[0] == text[-1] == '"' else value


def _mounted_images(source: Source, entry: Entry) -> Iterator[ImageUse]:
    """Yield the images that the arguments of `Mount=` name: `type=image,source=IMAGE,destination=PATH`."""
    # Imported here because few units mount images.
    from imglint.dockerfile.instructions import csv_fields

    text = entry.value.text
    if "image" not in text:
        return
    for word in re.finditer(_WORD, text):
        quoted = word[0][0] in "\"'"
        first, argument = word.start() + quoted, word[0][1:-1] if quoted else word[0]
        fields = [(first + start, first + end) for start, end in csv_fields(argument)]
        if "type=image" in [text[start:end] for start, end in fields]:
            for start, end in fields:
                key, _, name = text[start:end].partition("=")
                if key in ("source", "src") and name:
                    image = entry.value.cut(end - len(name), end)
                    yield from _images(source, image, entry.span, "image-volume", "container unit mount")


def _images(source: Source, name: Traced, span: Span, place: str, where: str) -> Iterator[ImageUse]:
    """Yield the image of a name, unless it is that of a unit or of a file."""
    text = name.text
    if not text or text.endswith(UNITS) or text.startswith(LOCAL_TRANSPORTS):
        return
    if text.startswith(DOCKER):
        name = name.cut(len(DOCKER), len(text))
    if name.pieces:
        span = (name.pieces[0].frames[0][1], name.pieces[-1].frames[0][2])
    reason = ""
    if any(character in text for character in "%${"):
        name, reason = _with_unknown(name)
    use = image_use(source, name, span, place=place, where=where, role=WORKLOAD, unresolved=reason)
    is_local = use.reference is not None and use.reference.registry == LOCAL_REGISTRY
    yield replace(use, built=True) if is_local else use


def _with_unknown(name: Traced) -> tuple[Traced, str]:
    """Return a name with the specifiers and variables of systemd, and the actions of templates, as unknown, and why they are."""
    from imglint.printable import clipped
    from imglint.traced import joined, opaque, unknown
    from imglint.yaml.templates import with_unknown_expressions

    text, parts, at = name.text, [], 0
    for match in re.finditer(_SPECIFIER, text):
        span, frame = name.span(*match.span()), name.pieces[0].frames[0][0]
        parts += [name.cut(at, match.start()), opaque("%", frame, *span) if match[0] == "%%" else unknown(frame, *span)]
        at = match.end()
    return with_unknown_expressions(joined([*parts, name.cut(at, len(text))])), f"{clipped(text)} is filled in outside this file"


def _containerfile(source: Source, entry: Entry, folder: Entry | None) -> Iterator[NamedFile | Problem]:
    """Yield the Containerfile of a build, unless it is not in this repository: a URL, an absolute path, or a path in a remote context."""
    path, context = _text_of(entry), _text_of(folder)
    if not path or path.startswith("/") or "://" in f"{path} {context}" or context.startswith("/"):
        return
    if "%" in path or "%" in context:
        from imglint.readers._build_inputs import is_dockerfile_name

        if not is_dockerfile_name(path):
            yield Problem(source, entry.span, "cannot read this Containerfile: its path is filled in by systemd", UNRESOLVED)
        return
    yield NamedFile(source, entry.span, path, "dockerfile")
