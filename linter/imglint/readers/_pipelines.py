"""What the readers of pipelines share: which files are theirs, and how a file is read. Imports the YAML trees."""

from __future__ import annotations

from imglint.model import UNREAD_FILE, Problem
from imglint.readers._alternatives import in_pipeline
from imglint.readers._chart import is_chart_template, is_values_file
from imglint.readers._pipeline_paths import CERTAIN, LIKELY, POSSIBLE, kind_by_path
from imglint.yaml.documents import documents
from imglint.yaml.facts import read_documents
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

USES_MAX = 50_000
"""Images of a document, each counted for every job and every row of a matrix that it is read for."""
EXTENSIONS = (".yaml", ".yml", ".json")


def claims_pipeline(source: Source, kind: str, is_pipeline: Callable[[Node], bool], hints: tuple[str, ...] = ()) -> bool:
    """Return whether a file is a pipeline of a kind, and is neither a manifest, nor a chart's, nor a compose file.

    If there are `hints`, a text that shows only by its content that it is a pipeline has one of them.
    """
    if not source.name.lower().endswith(EXTENSIONS):
        return False
    found, certainty = kind_by_path(source)
    if found != kind or (certainty == POSSIBLE and hints and not any(hint in source.text for hint in hints)):
        return False
    if is_other_yaml(source):
        return False
    return certainty == CERTAIN or any(
        certainty == LIKELY if document.broken else document.root is not None and is_pipeline(document.root)
        for document in documents(source.text)
    )


def is_other_yaml(source: Source) -> bool:
    """Return whether a file belongs to a chart, or is a manifest or a compose file, although its path is that of a pipeline."""
    # Imported here because few files have the path of a pipeline.
    from imglint.readers import compose, kubernetes

    return is_values_file(source) or is_chart_template(source) or kubernetes.claims(source) or compose.claims(source)


def read_pipeline(source: Source, images_of: Callable[[Source, Node], Iterator[ImageUse]]) -> Iterator[Fact]:
    """Yield the facts of a file, each image once. `images_of` yields those of a document."""
    roots, file_facts = read_documents(source)
    yield from in_pipeline(file_facts)
    seen: set[tuple[int, str]] = set()
    for root in roots:
        for count, use in enumerate(images_of(source, root)):
            if count == USES_MAX:
                message = f"the jobs of this document run in more than {USES_MAX} images; the rest was not read"
                yield Problem(source, use.span, message, UNREAD_FILE)
                break
            key = (use.span[0], str(use.reference))
            if key not in seen:
                seen.add(key)
                yield use


def mappings(node: Node | None) -> Iterator[Mapping]:
    """Yield the mappings in a sequence."""
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Mapping):
            yield item


class Entered:
    """The nodes of a document that were read. Aliases lead to a node again, and without end if it contains itself."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def is_new(self, node: Node | None) -> bool:
        """Return whether a node has not been read before, and from now on has been."""
        count = len(self._ids)
        self._ids.add(id(node))
        return node is not None and len(self._ids) > count

    def mappings(self, node: Node | None) -> Iterator[Mapping]:
        """Yield the mappings in a sequence unless it was read before."""
        return mappings(node) if self.is_new(node) else iter(())


def named_mappings(node: Node | None) -> Iterator[tuple[str, Mapping]]:
    """Yield the mappings in a mapping by their keys, or those in a sequence by their names, which may be missing."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(value, Mapping):
                yield key, value
    for item in mappings(node):
        yield item.text("name"), item


def has_containers(root: Node) -> bool:
    """Return whether a document has steps or services with images, as in Drone and Woodpecker."""
    keys = ("steps", "pipeline", "services", "clone")
    return isinstance(root, Mapping) and any("image" in one for key in keys for _, one in named_mappings(root.get(key)))


def scalar_of(mapping: Mapping | None, key: str) -> Scalar | None:
    """Return the value of a key of a mapping, if there is one, that is a scalar."""
    return mapping.scalar(key) if mapping is not None else None


def words(*parts: str) -> str:
    """Return the parts that are not empty, separated by spaces."""
    return " ".join(filter(None, parts))
