"""The images that the files of a chart name, for a list of them in its `Chart.yaml`. Imports the YAML trees.

Only what is certain counts: templates, programs and subcharts can have images that no file of the chart spells out.
"""

from __future__ import annotations

import os
import re

from imglint.model import ImageUse
from imglint.source import Source
from imglint.yaml.documents import documents
from imglint.yaml.nodes import Mapping, Scalar, Sequence, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Iterator

    from imglint.reference import ImageReference
    from imglint.yaml.nodes import Node

VALUES = "values.yaml"
TEMPLATES = "templates"
SUBCHARTS = ("charts", "requirements.yaml")
"""What a chart with subcharts may have beside its Chart.yaml."""
OPERATOR = "artifacthub.io/operator"
"""The annotation of a chart that installs an operator, which runs images that it has in its program."""
EXTENSIONS = (".yaml", ".yml", ".tpl", ".json")
"""The extensions of templates."""
FILES_MAX = 1_000
"""Templates of a chart that are read for its images. With more, anything may be in them."""
TEXT_MAX = 4 * 1024 * 1024
"""Characters of these templates."""

_WORD = r"[\w.-]+"
_PATH = r"[\w.-]+(?:/[\w.-]+)+"


class ChartImages:
    """The images of the chart that a Chart.yaml belongs to. Files are read when the first one is looked up."""

    def __init__(self, source: Source, root: Mapping, listed: abc.Sequence[ImageReference]) -> None:
        """Take the source and root of the Chart.yaml, and the images that it lists."""
        self._source, self._root, self._listed = source, root, listed
        self._files: _Files | None = None
        self._names: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the images that the values and templates of the chart spell out, sorted."""
        if self._names is None:
            self._names = tuple(sorted(self._read().tags))
        return self._names

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of an image, each with its place as `path:line`."""
        return self._read().tags.get(name, {})

    def allows(self, reference: ImageReference) -> bool:
        """Return whether the chart has an image with its tag, or may have it."""
        files = self._read()
        if not files.is_complete:
            return True
        if reference.name not in files.tags:
            return self._has_others or files.may_name(reference)
        if reference.tag is None or files.may_have(reference.name, reference.tag):
            return True
        # One of several versions can be that of a subchart.
        return self._has_others and reference.name in files.names_of(self._listed)

    @property
    def _has_others(self) -> bool:
        """Whether the chart has images from elsewhere: from subcharts, or from the program of an operator."""
        annotations = self._root.mapping("annotations")
        is_operator = annotations is not None and annotations.text(OPERATOR).lower() == "true"
        folder = os.path.dirname(self._source.path)
        return (
            is_operator
            or bool(self._root.sequence("dependencies"))
            or any(os.path.lexists(os.path.join(folder, name)) for name in SUBCHARTS)
        )

    def _read(self) -> _Files:
        if self._files is None:
            self._files = _Files(self._source, self._root.scalar("appVersion"))
        return self._files


class _Files:
    """What the values and templates of a chart name: `tags` has the tags of each image by name, with their places.

    `is_complete` is False if a file could not be read, or no image was found: then anything may be in them.
    """

    def __init__(self, source: Source, app_version: Scalar | None) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.is_complete = True
        self._source = source
        self._version = app_version
        self._of_any_tag: set[str] = set()
        self._of_version: set[str] = set()
        self._rightly_listed: set[str] | None = None
        self._has_unnamed = False
        self._texts: list[str] = []
        self._values: list[tuple[Node, set[int], set[str]]] = []
        self._words: set[str] = set()
        self._name_words: set[str] = set()
        self._paths: set[str] = set()
        templates = list(self._templates())
        for template in templates:
            self._read_template(template)
        self._read_values(any("AppVersion" in template.text for template in templates))
        self.is_complete = self.is_complete and bool(self.tags)

    def may_name(self, reference: ImageReference) -> bool:
        """Return whether a template can make the name of an image from something that is not an image by itself."""
        self._collect_words()
        last = reference.repository.rpartition("/")[2]
        is_mentioned = last in self._name_words or not self._paths.isdisjoint((reference.name, reference.repository))
        return self._has_unnamed or is_mentioned

    def may_have(self, name: str, tag: str) -> bool:
        """Return whether an image has a tag, or a template can make it."""
        if tag in self.tags[name]:
            return True
        self._collect_words()
        version = self._version.value.strip().removeprefix("v") if self._version else ""
        return (
            tag in self._words
            or name in self._of_any_tag
            # Templates add prefixes and suffixes to the version of a chart.
            or (name in self._of_version and version in tag)
        )

    def names_of(self, listed: abc.Iterable[ImageReference]) -> set[str]:
        """Return the names of the images in a list that may have the tag there. It is the same list each time."""
        if self._rightly_listed is None:
            self._rightly_listed = {
                one.name for one in listed if one.name in self.tags and one.tag is not None and self.may_have(one.name, one.tag)
            }
        return self._rightly_listed

    def _read_values(self, uses_version: bool) -> None:
        """Read the values of the chart. `uses_version` is whether a template uses the version of the chart, so that it can be a tag."""
        from imglint.readers._values import FROM_CHART, images_and_users

        path = os.path.join(os.path.dirname(self._source.path), VALUES)
        text = self._source.beside(VALUES)
        if text is None:
            self.is_complete = self.is_complete and not os.path.lexists(path)
            return
        source = Source(path, text, "helm-values", self._source.variables)
        for document in documents(text):
            if document.root is None:
                self.is_complete = self.is_complete and document.broken is None
                continue
            starts: set[int] = set()
            keys: set[str] = set()
            for use in images_and_users(source, document.root):
                if isinstance(use, ImageUse):
                    self._add(use, is_version=uses_version and FROM_CHART in use.where)
                    starts.update([start for start, _ in (use.span, *use.parts.values())])
                    keys.update(re.findall(_WORD, use.where.partition(FROM_CHART)[0].replace(".", " ")))
            self._values.append((document.root, starts, keys))

    def _templates(self) -> Iterator[Source]:
        folder = os.path.dirname(self._source.path)
        read, left = 0, TEXT_MAX
        for path, _, names in os.walk(os.path.join(folder, TEMPLATES)):
            for name in names:
                if not name.endswith(EXTENSIONS):
                    continue
                read += 1
                full = os.path.join(path, name)
                text = self._source.beside(os.path.relpath(full, folder or os.curdir)) if read <= FILES_MAX else None
                left -= len(text or "")
                if text is None or left < 0:
                    self.is_complete = False
                    return
                yield Source(full, text, "helm-template")

    def _read_template(self, source: Source) -> None:
        from imglint.yaml.template_reader import template_images

        kept, at = [], 0
        for use in sorted(template_images(source, 0, len(source.text)), key=lambda fact: fact.span):
            if isinstance(use, ImageUse) and use.reference is not None and use.span[0] >= at:
                self._add(use, is_version="AppVersion" in use.text)
                kept.append(source.text[at : use.span[0]])
                at = use.span[1]
        self._texts.append("".join([*kept, source.text[at:]]))

    def _collect_words(self) -> None:
        """Collect the words that are not images by themselves. Most lists are right, and need none of them."""
        for text in self._texts:
            self._words.update(re.findall(_WORD, text))
            self._paths.update(re.findall(_PATH, text))
            for line in text.splitlines():
                if "image" in line.lower():
                    self._name_words.update(re.findall(_WORD, line))
        for root, images, keys in self._values:
            self._add_words(root, images, keys)
        self._texts, self._values = [], []

    def _add(self, use: ImageUse, *, is_version: bool) -> None:
        """Add an image. `is_version` is whether its tag is the version of the chart."""
        reference = use.reference
        if reference is None:
            self._has_unnamed = True
            return
        tags = self.tags.setdefault(reference.name, {})
        if reference.tag is not None and use.tag_known:
            tags.setdefault(reference.tag, _place(use.source, use.parts.get("tag", use.span)[0]))
        elif is_version and self._version:
            self._of_version.add(reference.name)
            tags.setdefault(self._version.value.strip(), _place(self._source, self._version.start))
        else:
            self._of_any_tag.add(reference.name)

    def _add_words(self, root: Node, images: set[int], keys: set[str]) -> None:
        """Add the words in values that are not images themselves. `keys` are those that images are below; what is below others may be a part of one."""
        for node in walk(root):
            if isinstance(node, Scalar) and node.start not in images:
                self._words.update(re.findall(_WORD, node.value))
            for key, value in node.entries if isinstance(node, Mapping) else ():
                if not isinstance(key, Scalar):
                    continue
                if not isinstance(value, Scalar):
                    self._name_words.update([key.value] if key.value not in keys else [])
                elif value.start not in images:
                    self._name_words.update((key.value, *re.findall(_WORD, value.value)))
                    self._paths.update(re.findall(_PATH, value.value))
            for item in node.items if isinstance(node, Sequence) else ():
                if isinstance(item, Scalar) and item.start not in images:
                    self._name_words.update(re.findall(_WORD, item.value))
                    self._paths.update(re.findall(_PATH, item.value))


def _place(source: Source, offset: int) -> str:
    location = source.location(offset, offset)
    return f"{location.path}:{location.line}"
